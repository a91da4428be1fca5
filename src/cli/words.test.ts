import { expect, test } from 'vitest'
import { clockTime, columns, grouped, millis, placeName, records, span, wrapped } from './words.ts'

test.each<[number, string]>([
  [0, '0'],
  [12_345, '12,345'],
  [2.26, '2.3'],
  [99.96, '100'],
  [1234.5, '1,235'],
  [Number.POSITIVE_INFINITY, '-'],
])('%s is written %s', (n, text) => expect(grouped(n)).toBe(text))

test.each<[number, string]>([
  [0.4, '0 s'],
  [119, '119 s'],
  [600, '10 min'],
  [7500, '2 h 5 min'],
  [273_600, '3 d 4 h'],
  [-5, '0 s'],
])('%s seconds are %s', (seconds, text) => expect(span(seconds)).toBe(text))

test('milliseconds, records, paragraphs, columns', () => {
  expect([millis(3.4), millis(1500), millis(600_000)]).toEqual(['3 ms', '1.5 s', '10 min'])
  expect([records(1), records(2000)]).toEqual(['1 record', '2,000 records'])
  expect(wrapped('one two three', '  ', 9)).toBe('  one two\n  three')
  expect(
    columns([
      ['a', 'n'],
      ['bb', '10'],
    ]),
  ).toEqual(['a    n', 'bb  10'])
})

test('a time of today has no date', () => {
  const now = new Date(2026, 10, 21, 12)
  expect(clockTime(new Date(2026, 10, 21, 9, 5, 4).toISOString(), now)).toBe('09:05:04')
  expect(clockTime(new Date(2026, 10, 20, 9, 5, 4).toISOString(), now)).toBe('2026-11-20 09:05:04')
  expect(clockTime(null, now)).toBe('at an unknown time')
})

test.each<[string, string, Record<string, string>, string]>([
  ['queue', 'otlp', { protocol: 'grpc', destination: 'a:4317', signal: 'logs' }, 'exporter otlp (logs, a:4317)'],
  ['processor', 'filter', { pipeline: 'logs/app' }, 'processor filter (logs/app)'],
  ['processor', 'logs to envelopes', { pipeline: 'x' }, 'conversion logs to envelopes (x)'],
  ['receiver', 'statsd/\u001b[31m', {}, 'receiver statsd/\\x1b[31m'],
])('%s %s %j is called %s', (kind, id, labels, name) => expect(placeName({ kind, id, labels })).toBe(name))
