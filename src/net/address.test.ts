import { expect, test } from 'vitest'
import { formatAddress, parseAddress, plainHost, resolveAddresses } from './address.ts'
import { formatTimeout, parseTimeout } from './timeout.ts'

test.each([
  ['127.0.0.1:3458', { host: '127.0.0.1', port: 3458 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  [':8080', { host: '', port: 8080 }],
  ['doppler.service.cf.internal:8082', { host: 'doppler.service.cf.internal', port: 8082 }],
])('%s', (text, address) => {
  expect(parseAddress(text)).toEqual(address)
  expect(formatAddress(address)).toBe(text)
})

test.each(['', 'host', 'host:', '::1:80', 'host:70000', 'host:80x', '[localhost]:1', '[::1]', 'a:b:1'])(
  '%j is no address',
  (text) => expect(() => parseAddress(text)).toThrow('expected host:port'),
)

test('an IPv4 peer of a dual-stack socket is shown as IPv4', () => {
  expect(plainHost('::ffff:10.0.0.1')).toBe('10.0.0.1')
  expect(formatAddress({ host: '::ffff:10.0.0.1', port: 1 })).toBe('10.0.0.1:1')
})

test('an address resolves to itself, a name to addresses', async () => {
  expect(await resolveAddresses('10.1.2.3')).toEqual(['10.1.2.3'])
  expect((await resolveAddresses('localhost')).length).toBeGreaterThan(0)
})

test.each([
  ['100m', 100],
  ['3S', 3000],
  ['2M', 120_000],
  ['1H', 3_600_000],
  ['1500u', 1.5],
  ['99999999n', 99.999999],
  ['99999999H', undefined],
  ['123456789m', undefined],
  ['5', undefined],
  ['-1S', undefined],
])('grpc-timeout %s is %s ms', (text, ms) => {
  if (ms === undefined) expect(parseTimeout(text)).toBeUndefined()
  else expect(parseTimeout(text)).toBeCloseTo(ms, 9)
})

test.each([
  [1500, '1500m'],
  [0.5, '500000n'],
  [0, '1n'],
  [200_000_000, '200000S'],
  [1.2, '2m'],
])('%d ms travel as %s', (ms, text) => expect(formatTimeout(ms)).toBe(text))
