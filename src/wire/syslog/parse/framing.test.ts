import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Framer, type FramingOptions } from './framing.ts'

const options = {
  counted: { kind: 'counted', strict: true, trailer: 0x0a, maxBytes: 64 },
  strictLines: { kind: 'lines', strict: true, trailer: 0x0a, maxBytes: 64 },
  auto: { kind: 'auto', strict: false, trailer: 0x0a, maxBytes: 64 },
  lines: { kind: 'lines', strict: false, trailer: 0x0a, maxBytes: 64 },
  nul: { kind: 'lines', strict: false, trailer: 0, maxBytes: 64 },
} satisfies Record<string, FramingOptions>
type Kind = keyof typeof options

interface Outcome {
  frames: string[]
  cut: string[]
  faults: number
  closed: boolean
}

function run(kind: Kind, pieces: readonly Buffer[]): Outcome & { held: number } {
  const out = { frames: [] as string[], cut: [] as string[], faults: 0, closed: false, held: 0 }
  const framer = new Framer(options[kind], {
    frame(b, start, end, isAscii, isCut) {
      const text = b.toString('latin1', start, end)
      expect(isAscii && !/^[\x00-\x7f]*$/.test(text)).toBe(false)
      ;(isCut ? out.cut : out.frames).push(text)
      return true
    },
    fault: () => {
      out.faults++
    },
    held: (bytes) => {
      out.held += bytes
    },
  })
  for (const piece of pieces) {
    // Lent for the call only.
    const lent = Buffer.from(piece)
    out.closed ||= !framer.feed(lent)
    lent.fill(0x58)
  }
  framer.end()
  return out
}

const whole = (kind: Kind, text: string) => {
  const { frames, cut, faults, closed } = run(kind, [Buffer.from(text, 'latin1')])
  return { frames, cut, faults, closed }
}
const clean = { cut: [], faults: 0, closed: false }

test.each<[string, Kind, string, Outcome]>([
  ['counted: side by side', 'counted', '3 <a>4 <bc>', { ...clean, frames: ['<a>', '<bc>'] }],
  ['counted: one line feed between', 'counted', '3 <a>\n3 <b>\n', { ...clean, frames: ['<a>', '<b>'] }],
  ['counted: two line feeds', 'counted', '3 <a>\n\n3 <b>', { ...clean, frames: ['<a>'], faults: 1, closed: true }],
  ['counted: NUL ends it', 'counted', '3 <a>\x003 <b>', { ...clean, frames: ['<a>'], closed: true }],
  ['counted: too long', 'counted', '65 <', { ...clean, frames: [], faults: 1, closed: true }],
  ['counted: cut off', 'counted', '9 <a>', { ...clean, frames: [], faults: 1 }],
  ['counted: nothing', 'counted', '', { ...clean, frames: [] }],
  ['strict lines: joined', 'strictLines', '<a>\nmore\n<b>\n', { ...clean, frames: ['<a>\nmore', '<b>'] }],
  ['strict lines: noise first', 'strictLines', 'x\n<b>\n', { ...clean, frames: ['<b>'], faults: 1 }],
  ['strict lines: no end', 'strictLines', '<a>\n<b>', { ...clean, frames: ['<a>'], faults: 1 }],
  ['lines: each its own', 'lines', '<a>\nmore\r\n\n<b>', { ...clean, frames: ['<a>', 'more', '<b>'] }],
  ['lines: counts are text', 'lines', '3 <a>\n', { ...clean, frames: ['3 <a>'] }],
  ['lines: too long', 'lines', `${'x'.repeat(70)}\n<b>\n`, { ...clean, frames: ['<b>'], cut: ['x'.repeat(64)] }],
  ['nul: line feeds are text', 'nul', '<a>\nb\0<c>\0', { ...clean, frames: ['<a>\nb', '<c>'] }],
  ['auto: mixed', 'auto', '3 <a>\n<b>\n4 <cd><e>\n', { ...clean, frames: ['<a>', '<b>', '<cd>', '<e>'] }],
  ['auto: digits are no count', 'auto', '2026-01-01 x\n12 y\n7\n', { ...clean, frames: ['2026-01-01 x', '12 y', '7'] }],
  ['auto: a count too small', 'auto', '3 <a>rest\n3 <b>', { ...clean, frames: ['<a>', 'rest', '<b>'] }],
  [
    'auto: a count too long is cut, and goes on behind',
    'auto',
    `70 <${'x'.repeat(69)}3 <b>`,
    { ...clean, frames: ['<b>'], cut: [`<${'x'.repeat(63)}`] },
  ],
  ['auto: an endless count', 'auto', '99999999999 <a>\n<b>\n', { ...clean, frames: ['99999999999 <a>', '<b>'] }],
  ['auto: the rest of a cut connection', 'auto', '9 <abc', { ...clean, frames: [], cut: ['<abc'] }],
])('%s', (_name, kind, text, outcome) => {
  expect(whole(kind, text)).toEqual(outcome)
})

const kinds = Object.keys(options) as Kind[]
const token = fc.oneof(
  fc.constantFrom('<14>1 - a', '<a>', '\n', '\r\n', '\0', '3 <a>', '12 <14>1 - abc', '5', '70 <', ' ', '\xff', 'é'),
  fc.string({ maxLength: 12 }),
  fc.integer({ min: 1, max: 90 }).map((n) => `${n} <${'y'.repeat(n - 1)}`),
)

test('wherever a stream is cut into chunks, the same messages come out', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      fc.array(token, { maxLength: 20 }),
      fc.array(fc.nat(40), { maxLength: 30 }),
      (kind, tokens, cuts) => {
        const all = Buffer.from(tokens.join(''), 'latin1')
        const pieces: Buffer[] = []
        let at = 0
        for (const cut of cuts) {
          pieces.push(all.subarray(at, at + cut))
          at = Math.min(all.length, at + cut)
        }
        pieces.push(all.subarray(at))
        const single = run(kind, [all])
        expect(run(kind, pieces)).toEqual(single)
        expect(single.held).toBe(0)
      },
    ),
    { numRuns: 1500 },
  )
})

test('every single split of a stream gives the same messages', () => {
  const all = Buffer.from('12 <14>1 - abcd<b>\n70 <yyyyy\n3 <a>\n\0x\r\n7 <tail', 'latin1')
  for (const kind of kinds) {
    const single = run(kind, [all])
    for (let at = 0; at <= all.length; at++) {
      const pieces = [all.subarray(0, at), all.subarray(at)]
      expect(run(kind, pieces)).toEqual(single)
    }
    expect(
      run(
        kind,
        Array.from(all, (byte) => Buffer.from([byte])),
      ),
    ).toEqual(single)
  }
})

test('large chunks behind a part of a message', () => {
  const frame = `5000 <${'z'.repeat(4999)}`
  const all = Buffer.from(frame.repeat(40))
  const frames: number[] = []
  const framer = new Framer(
    { kind: 'counted', strict: true, trailer: 0x0a, maxBytes: 66_560 },
    { frame: (_b, start, end) => frames.push(end - start) > 0, fault: () => {}, held: () => {} },
  )
  for (let at = 0; at < all.length; at += 16_384) framer.feed(all.subarray(at, at + 16_384))
  expect(frames).toEqual(Array(40).fill(5000))
})

test('a line waits for its continuation until it is flushed', () => {
  const frames: string[] = []
  const framer = new Framer(options.strictLines, {
    frame: (b, start, end) => frames.push(b.toString('latin1', start, end)) > 0,
    fault: () => {},
    held: () => {},
  })
  framer.feed(Buffer.from('<a>\n'))
  expect([frames, framer.waits]).toEqual([[], true])
  framer.flush()
  expect([frames, framer.waits]).toEqual([['<a>'], false])
  framer.feed(Buffer.from('<b>\nc\n<'))
  expect(frames).toEqual(['<a>', '<b>\nc'])
})
