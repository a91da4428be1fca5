import { expect, test } from 'vitest'
import type { Binding } from '../../drains/bindings.ts'
import { aggregateList, aggregateSpecs, mergeBindings, sameDrain } from './merge.ts'

const options = { defaultMetadata: true, perApp: 5 }
const binding = (url: string, ...apps: [app: string, hostname?: string][]): Binding => ({
  url,
  credentials: [{ cert: '', key: '', ca: '', apps: apps.map(([app_id, hostname = 'h']) => ({ app_id, hostname })) }],
})

test('every URL, credential and application make a drain; the last host name of an application is that of all its drains', () => {
  const merged = mergeBindings(
    [
      {
        url: 'syslog://one:514',
        credentials: [
          { cert: '', key: '', ca: '', apps: [{ app_id: 'a', hostname: 'old' }] },
          { cert: 'c', key: 'k', ca: '', apps: [{ app_id: 'a', hostname: 'old' }] },
        ],
      },
      binding('https://two/', ['a', 'new'], ['b', 'b']),
    ],
    options,
  )
  expect(merged.count).toBe(4)
  const list = (app: string) => merged.apps.get(app)!.map(({ url, hostname, cert }) => [url.text, hostname, cert])
  expect(list('a')).toEqual([
    ['https://two/', 'new', ''],
    ['syslog://one:514', 'new', ''],
    ['syslog://one:514', 'new', 'c'],
  ])
  expect(list('b')).toEqual([['https://two/', 'b', '']])
})

test('an application has as many drains as it may, in the order of the URLs; the others are named', () => {
  const urls = [
    'https://b',
    'syslog://a:1',
    'syslog-tls://a:1',
    'https-batch://z',
    'syslog://b:1',
    'syslog://c:1?token=secret',
  ]
  const merged = mergeBindings(
    urls.map((url) => binding(url, ['a'])),
    options,
  )
  expect(merged.apps.get('a')!.map(({ url }) => url.text)).toEqual([
    'https-batch://z',
    'https://b',
    'syslog-tls://a:1',
    'syslog://a:1',
    'syslog://b:1',
  ])
  expect(merged.beyond).toBe(1)
  expect(merged.refusals).toEqual([{ app: 'a', message: 'Limit of 5 syslog drains reached, not used: syslog://c:1' }])
})

test('the same drain twice is one; an application without a name has none', () => {
  const merged = mergeBindings([binding('syslog://a:1', ['a'], ['a'], ['', 'x'])], options)
  expect(merged.count).toBe(1)
  expect([...merged.apps.keys()]).toEqual(['a'])
})

test('what is no drain is counted; a contradiction of filters is told to its owner alone', () => {
  const both = 'syslog://a:1?include-log-types=app&exclude-log-types=rtr'
  const merged = mergeBindings(
    [binding('http://a', ['a']), binding('syslog://:514', ['a']), binding(both, ['a'])],
    options,
  )
  expect(merged).toMatchObject({ count: 0, invalid: 3 })
  expect(merged.refusals).toHaveLength(1)
  expect(merged.refusals[0]).toMatchObject({ app: 'a' })
  expect(merged.refusals[0]!.message).toContain('include-log-types and exclude-log-types')
})

test('drains are equal in application, host name, URL and certificates', () => {
  const spec = mergeBindings([binding('syslog://a:1', ['a'])], options).apps.get('a')![0]!
  expect(sameDrain(spec, { ...spec })).toBe(true)
  for (const change of [{ app: 'b' }, { hostname: 'x' }, { cert: 'c' }, { key: 'k' }, { ca: 'ca' }])
    expect(sameDrain(spec, { ...spec, ...change })).toBe(false)
})

test('aggregate drains take the first credential; empty URLs are skipped, bad ones named', () => {
  const faults: string[] = []
  const list = aggregateList([
    { url: 'syslog-tls://a:1', credentials: [{ cert: 'c', key: 'k', ca: 'ca', apps: null }] },
    { url: '', credentials: [] },
    { url: 'ftp://u:secret@a', credentials: [] },
  ])
  const specs = aggregateSpecs(list, true, (message) => faults.push(message))
  expect(specs.map(({ url, ca }) => [url.text, ca])).toEqual([['syslog-tls://a:1', 'ca']])
  expect(faults).toEqual(['Invalid Scheme ftp for syslog drain url ftp://a'])
})
