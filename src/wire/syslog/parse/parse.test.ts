import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fault, Item, itemSize, SyslogMessage } from './message.ts'
import { copyValue, parse5424 } from './parse-5424.ts'
import { parseLoose, type SyslogProtocol } from './parse-loose.ts'
import { daysFrom1970, halves, splitNanos } from './parse-time.ts'
import { newZone } from './time-zone.ts'

/** November 2026. */
const nowSeconds = Date.UTC(2026, 10, 21, 5, 30) / 1000
const context = { zone: newZone('UTC'), nowSeconds, noHost: false }
const message = new SyslogMessage()

interface Parts {
  priority?: number
  version?: number
  time?: string
  host?: string
  app?: string
  proc?: string
  msgId?: string
  data?: Record<string, Record<string, string>>
  text: string
}

/** What was read, as text; absent parts left out. */
function partsOf(b: Buffer): Parts {
  const cut = (start: number, end: number) => b.toString('utf8', start, end)
  const data: Record<string, Record<string, string>> = {}
  let element: Record<string, string> = {}
  for (let i = 0; i < message.itemCount; i++) {
    const [from, to, start, end] = message.items.subarray(i * itemSize, i * itemSize + Item.extra)
    if (start! < 0) {
      element = {}
      data[cut(from!, to!)] = element
    } else {
      const room = Buffer.alloc(end! - start!)
      element[cut(from!, to!)] = room.toString('utf8', 0, copyValue(room, 0, b, start!, end!))
    }
  }
  const found: [string, unknown][] = [
    ['priority', message.priority < 0 ? undefined : message.priority],
    ['version', message.version || undefined],
    ['time', message.hasTime ? timeText() : undefined],
    ['host', cut(message.hostStart, message.hostEnd) || undefined],
    ['app', cut(message.appStart, message.appEnd) || undefined],
    ['proc', cut(message.procStart, message.procEnd) || undefined],
    ['msgId', cut(message.msgIdStart, message.msgIdEnd) || undefined],
    ['data', message.itemCount > 0 ? data : undefined],
    ['text', cut(message.textStart, message.textEnd)],
  ]
  return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as unknown as Parts
}

const timeText = () =>
  new Date(message.seconds * 1000).toISOString().slice(0, 19) + (message.nanos ? `.${message.nanos}` : '')

function loose(line: string, protocol: SyslogProtocol = 'auto', noHost = false): Parts & { isOther?: true } {
  // Neighbours that must not be read.
  const b = Buffer.from(`<1>${line}]" `)
  const isRead = parseLoose(b, 3, b.length - 3, message, protocol, { ...context, noHost })
  return isRead ? partsOf(b) : { ...partsOf(b), isOther: true }
}

const corpus: { name: string; line: string; local?: true; parts: Parts }[] = readFileSync(
  new URL('../../../../test/testdata/syslog-lines.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

test.each(corpus.map((each) => [each.name, each] as const))('%s', (_name, { line, local, parts }) => {
  expect(loose(line, 'auto', local ?? false)).toEqual(parts)
})

test.each([
  ['<14>1 - h app 0 - - x', Fault.none],
  ['<14>1 - h app 0 - -', Fault.none],
  ['<192>1 - h app 0 - - x', Fault.priority],
  ['<014>1 - h app 0 - - x', Fault.priority],
  ['<0>1 - h app 0 - - x', Fault.none],
  ['<14>0 - h app 0 - - x', Fault.version],
  ['<14>1 2026-02-29T00:00:00Z h app 0 - - x', Fault.timestamp],
  ['<14>1 - h\u00fc app 0 - - x', Fault.hostname],
  [`<14>1 - h ${'a'.repeat(49)} 0 - - x`, Fault.appName],
  ['<14>1 - h app  - - x', Fault.procId],
  [`<14>1 - h app 0 ${'m'.repeat(33)} - x`, Fault.msgId],
  ['<14>1 - h app 0 - [a][b][a] x', Fault.structuredData],
  [`<14>1 - h app 0 - ${Array.from({ length: 40 }, (_, i) => `[i${i}]`).join('')} x`, Fault.none],
  [`<14>1 - h app 0 - ${Array.from({ length: 40 }, (_, i) => `[i${i}]`).join('')}[i7] x`, Fault.structuredData],
  ['<14>1 - h app 0 - -x', Fault.message],
  ['', Fault.priority],
])('strict: %s', (line, fault) => {
  const b = Buffer.from(line)
  expect(parse5424(b, 0, b.length, message)).toBe(fault)
})

test('a named protocol takes nothing else', () => {
  expect(loose('<14>Oct 11 22:14:15 host app: x', 'rfc5424')).toMatchObject({ isOther: true, priority: 14 })
  expect(loose('<14>1 2026-10-11T22:14:15Z host app - - - x', 'rfc3164')).not.toHaveProperty('version')
})

test.each([
  ['Dec 31 23:59:59', Date.UTC(2026, 0, 1, 0, 1), '2025-12-31T23:59:59'],
  ['Jan  1 00:00:01', Date.UTC(2026, 11, 31, 23, 59), '2027-01-01T00:00:01'],
  ['Nov 22 00:00:00', Date.UTC(2026, 10, 21), '2026-11-22T00:00:00'],
  ['Dec 24 00:00:00', Date.UTC(2026, 10, 21), '2025-12-24T00:00:00'],
])('the year of %s is the nearest', (written, now, expected) => {
  const b = Buffer.from(`<14>${written} h a: x`)
  parseLoose(b, 0, b.length, message, 'auto', { ...context, nowSeconds: now / 1000 })
  expect(timeText()).toBe(expected)
})

test('times without an offset are in the zone of the setting, summer and winter', () => {
  const zone = newZone('Europe/Berlin')
  const at = (line: string) => {
    const b = Buffer.from(`<14>${line} h a: x`)
    parseLoose(b, 0, b.length, message, 'auto', { ...context, zone })
    return timeText()
  }
  expect(at('Nov 21 06:00:00')).toBe('2026-11-21T05:00:00')
  expect(at('Jul 21 06:00:00')).toBe('2026-07-21T04:00:00')
  expect(at('2026-07-21T06:00:00')).toBe('2026-07-21T04:00:00')
  expect(at('2026-07-21T06:00:00Z')).toBe('2026-07-21T06:00:00')
})

test('a zone that does not exist is named', () => {
  expect(() => newZone('Europe/Bonn')).toThrow('there is no time zone "Europe/Bonn"')
})

test('seconds and nanoseconds become the same 64 bits as with exact integers', () => {
  const seconds = fc.integer({ min: -9_223_372_036, max: 9_223_372_036 })
  fc.assert(
    fc.property(seconds, fc.integer({ min: 0, max: 854_775_807 }), (whole, nanos) => {
      expect(splitNanos(whole, nanos)).toBe(true)
      const bits = BigInt.asUintN(64, BigInt(whole) * 1_000_000_000n + BigInt(nanos))
      expect((BigInt(halves.hi) << 32n) | BigInt(halves.lo)).toBe(bits)
    }),
  )
})

test('days are counted as the calendar does', () => {
  const date = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  fc.assert(
    fc.property(date, (day) => {
      const expected = Math.floor(day.getTime() / 86_400_000)
      expect(daysFrom1970(day.getUTCFullYear(), day.getUTCMonth() + 1, day.getUTCDate())).toBe(expected)
    }),
  )
})

const piece = fc.constantFrom(
  ...[
    '<14>',
    '1 ',
    '2026-10-11T22:14:15.003Z ',
    'Oct 11 22:14:15 ',
    '- ',
    'host ',
    'app',
    '[',
    ']',
    ': ',
    '[12]: ',
    '"',
    '\\',
  ],
  ...[' a="b"', '[id a="b\\"c"]', '[tags@47450 k="v"]', '\n', '\0', 'é', '29: ', '*', '%SYS-5-X: ', '+01:00', '999'],
)

test('whatever comes, parsing ends, and all parts lie within the message', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 6 })), { maxLength: 14 }), (pieces) => {
      const b = Buffer.from(`<99>${pieces.join('')}]" x`)
      const [start, end] = [4, b.length - 4]
      const check = () => {
        const m = message
        const spans = [m.hostStart, m.hostEnd, m.appStart, m.appEnd, m.procStart, m.procEnd, m.msgIdStart, m.msgIdEnd]
        spans.push(m.textStart, m.textEnd, m.dataStart, m.dataEnd)
        for (let i = 0; i < spans.length; i += 2) {
          expect(spans[i]).toBeLessThanOrEqual(spans[i + 1]!)
          if (spans[i] === spans[i + 1]) continue
          expect(spans[i]).toBeGreaterThanOrEqual(start)
          expect(spans[i + 1]).toBeLessThanOrEqual(end)
        }
        for (let i = 0; i < m.itemCount; i++) {
          const at = i * itemSize
          const last = m.items[at + Item.valueStart]! < 0 ? m.items[at + 1]! : m.items[at + Item.valueEnd]!
          expect(last).toBeLessThanOrEqual(end)
        }
      }
      for (const protocol of ['auto', 'rfc5424', 'rfc3164'] as const) {
        parseLoose(b, start, end, message, protocol, context)
        check()
      }
      if (parse5424(b, start, end, message) === 0) check()
    }),
    { numRuns: 3000 },
  )
})
