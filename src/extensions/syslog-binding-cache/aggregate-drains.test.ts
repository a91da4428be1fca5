import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeBindings } from '../../drains/bindings.ts'
import { readAggregateDrains } from './aggregate-drains.ts'

const file = (text: string): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'tailrace-aggregate-')), 'aggregate_drains.yml')
  writeFileSync(path, text)
  return path
}
const read = (text: string) => readAggregateDrains(file(text))

test('drains with their certificates, as agents are told', () => {
  const { drains, warnings } = read(`---
- url: syslog-tls://log-cache.service.cf.internal:6067?include-metrics-deprecated=true&ssl-strict-internal=true
  cert: |
    C
  key: "K"
  CA: A
- url: https://b.example
  ca:
`)
  expect(warnings).toEqual([])
  expect(encodeBindings(drains).toString()).toBe(
    '[{"url":"syslog-tls://log-cache.service.cf.internal:6067?include-metrics-deprecated=true\\u0026ssl-strict-internal=true",' +
      '"credentials":[{"cert":"C\\n","key":"K","ca":"A","apps":null}]},' +
      '{"url":"https://b.example","credentials":[{"cert":"","key":"","ca":"","apps":null}]}]\n',
  )
})

test.each(['', '---\n', '[]', '[[]]'])('%j means none', (text) => {
  expect(read(text).drains).toBeNull()
})

test('texts and lists in lists are taken too', () => {
  const urls = read('- [{url: "syslog://a:1"}, "syslog://b:2, syslog://c:3"]\n').drains!.map(({ url }) => url)
  expect(urls).toEqual(['syslog://a:1', 'syslog://b:2', 'syslog://c:3'])
})

test('what looks wrong is said, without secrets, and served all the same', () => {
  const { drains, warnings } = read('- {url: "ftp://u:SECRET@a", crt: SECRET}\n')
  expect(drains).toHaveLength(1)
  expect(warnings).toHaveLength(2)
  expect(warnings[0]).toMatch(/aggregate drain 1 of .*: "crt" means nothing; known are url, cert, key, ca$/)
  expect(warnings[1]).toMatch(/: Invalid Scheme ftp for syslog drain url ftp:\/\/a$/)
  expect(warnings.join()).not.toContain('SECRET')
})

test.each([
  ['- 1\n', /aggregate drain 1 of .* is not a map with url, cert, key and ca/],
  ['- {url: [a]}\n', /aggregate drain 1 of .*: url is not text/],
  ['a: [SECRET\n', /^failed to read the aggregate drains file .*: it is not YAML$/],
])('%j is refused', (text, message) => {
  expect(() => read(text)).toThrow(message)
})

test('a file that is not there ends the start', () => {
  expect(() => readAggregateDrains('/nowhere/aggregate_drains.yml')).toThrow(
    /^failed to read the aggregate drains file \/nowhere\/aggregate_drains.yml: ENOENT/,
  )
})
