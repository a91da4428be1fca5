import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { goLayout, LayoutError, strptimeLayout } from './layout.ts'
import { locationOfLayout, utc } from './location.ts'
import { readTime } from './read-time.ts'
import { writeTime } from './write-time.ts'

const context = { location: utc, zones: new Map(), now: () => 1_790_000_000_000 }
/** Thursday. */
const moment = BigInt(Date.UTC(2026, 2, 5, 13, 4, 9)) * 1_000_000n + 70_800_000n

describe('a time is written as', () => {
  test.each([
    ['%Y-%m-%dT%H:%M:%S.%LZ', '2026-03-05T13:04:09.07Z'],
    ['%Y-%m-%d %H:%M:%S,%f', '2026-03-05 13:04:09,0708'],
    ['%S.%s', '09.0708'],
    ['%a %A %b %B %e %g %d', 'Thu Thursday Mar March  5 5 05'],
    ['%I:%M %p %l %P', '01:04 PM 1 pm'],
    ['%z %i %w %j %k %Z', 'Z +00 +000000 +00:00 +00:00:00 UTC'],
    ['%D %F %T %y %q %o%%', '03/05/2026 2026-03-05 13:04:09 26 3  3%'],
  ])('%s', (layout, text) => expect(writeTime(strptimeLayout(layout), moment)).toBe(text))

  test.each([
    ['2006-01-02T15:04:05.000Z07:00', '2026-03-05T13:04:09.070Z'],
    ['2006-01-02 15:04:05.999999999 -0700', '2026-03-05 13:04:09.0708 +0000'],
    ['Jan _2 3:4:5PM 002', 'Mar  5 1:4:9PM 064'],
  ])('%s of Go', (layout, text) => expect(writeTime(goLayout(layout), moment)).toBe(text))

  test('no fraction where there is none, and none below zero', () => {
    expect(writeTime(strptimeLayout('%S.%L'), 5_000_000_000n)).toBe('05')
    expect(writeTime(strptimeLayout('%Y %S.%s'), -1n)).toBe('1969 59.999999999')
  })
})

test.each(['%Y-%m-%d %H:%M:%S.%s', '%a %b %d %H:%M:%S %Y', '%d.%m.%Y %I:%M:%S %p', '%FT%T%z'])(
  'what %s wrote it reads',
  (layout) => {
    const pieces = strptimeLayout(layout)
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 253_402_300_799_000_000_000n }), (nanos) => {
        const text = writeTime(pieces, nanos)
        const read = readTime(pieces, text, context) as bigint
        expect(writeTime(pieces, read)).toBe(text)
        if (layout.includes('%s')) expect(read).toBe(nanos)
      }),
    )
  },
)

test('any layout is read or refused, and any text by it', () => {
  const part = fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('%Y', '%m', '%d', '%S.%L', '%z', '%Z', '%', '%j'))
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), fc.string(), (parts, text) => {
      try {
        const pieces = strptimeLayout(parts.join(''))
        expect(['bigint', 'string']).toContain(typeof readTime(pieces, text, context))
      } catch (error) {
        expect(error).toBeInstanceOf(LayoutError)
      }
    }),
  )
})

test('a layout that ends in Z is of UTC', () => {
  expect(locationOfLayout('%H:%MZ')).toBe(utc)
  expect(locationOfLayout('%H:%M %Z')).not.toBe(utc)
})
