import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDenyRanges } from './deny-ranges.ts'
import { ipBytes } from './ip-bytes.ts'

test.each<[string, string, boolean]>([
  ['10.0.0.5-10.0.0.9,123.4.5.6-123.4.5.7', '10.0.0.5', true],
  ['10.0.0.5-10.0.0.9,123.4.5.6-123.4.5.7', '10.0.0.9', true],
  ['10.0.0.5-10.0.0.9,123.4.5.6-123.4.5.7', '10.0.0.10', false],
  ['10.0.0.5-10.0.0.9,123.4.5.6-123.4.5.7', '123.4.5.7', true],
  ['10.0.0.5-10.0.0.9', '::ffff:10.0.0.5', true],
  ['10.0.0.5-10.0.0.9', '::ffff:a00:5', true],
  ['10.0.0.5-10.0.0.9', '64:ff9b::10.0.0.5', true],
  ['10.0.0.5-10.0.0.9', '::10.0.0.6', true],
  ['10.0.0.0/8', '10.255.255.255', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  ['10.1.2.3/31', '10.1.2.2', true],
  ['0.0.0.0/0', '1.2.3.4', true],
  ['0.0.0.0/0', 'fd00::1', false],
  ['fd00::/8', 'fd12::1', true],
  ['fd00::/8', 'fe00::1', false],
  ['fe80::1-fe80::5', 'fe80::3', true],
  ['127.0.0.0/8', '0.0.0.0', true],
  ['127.0.0.0/8', '::', true],
  ['::1-::1', '::', true],
  [' 10.0.0.1-10.0.0.1 , 10.0.0.3-10.0.0.3 ', '10.0.0.3', true],
  ['10.0.0.1-10.0.0.1', 'no address', true],
  ['', '10.0.0.1', false],
])('%s and %s: %s', (text, ip, denied) => {
  expect(parseDenyRanges(text).denies(ip)).toBe(denied)
})

test.each([
  ['invalid', 'invalid BlacklistRange: invalid'],
  ['10.0.0.1-10.0.0.2-10.0.0.3', 'invalid BlacklistRange: 10.0.0.1-10.0.0.2-10.0.0.3'],
  ['10.244.0.32-10', 'invalid IP Address for Blacklist IP Range: 10'],
  ['10.0.0.1-10.0.0.2,01.2.3.4-5.6.7.8', 'invalid IP Address for Blacklist IP Range: 01.2.3.4'],
  ['10.10.10.10-10.8.10.12', 'invalid Blacklist IP Range: Start 10.10.10.10 has to be before End 10.8.10.12'],
  ['10.0.0.0/33', 'invalid BlacklistRange: 10.0.0.0/33'],
  ['fe80::1%eth0-fe80::2', 'invalid IP Address for Blacklist IP Range: fe80::1%eth0'],
])('%s is refused', (text, message) => {
  expect(() => parseDenyRanges(text)).toThrow(message)
})

test('the bytes of an address are those of every spelling of it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!)
      const full = groups.map((group) => group.toString(16)).join(':')
      expect([...ipBytes(full)!]).toEqual([...bytes])
      const short = new URL(`http://[${full}]`).hostname.slice(1, -1)
      expect([...ipBytes(short)!]).toEqual([...bytes])
    }),
  )
})

test('any text is a list of ranges or a plain error, and no question throws', () => {
  const part = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ maxLength: 6 }), fc.constantFrom('-', '/', ',', '8'))
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (parts, ip) => {
      try {
        parseDenyRanges(parts.join('')).denies(ip)
      } catch (error) {
        expect((error as Error).message).toMatch(/^invalid (BlacklistRange|IP Address|Blacklist IP Range)/)
      }
    }),
  )
})
