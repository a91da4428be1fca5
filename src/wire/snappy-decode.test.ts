import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c } from './crc32c.ts'
import { decodeSnappy, decodeSnappyFrames } from './snappy-decode.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const undone = (block: string, most = 1000) => {
  const result = decodeSnappy(hex(block), most)
  return result instanceof Uint8Array ? result.toString() : result
}

describe('blocks', () => {
  // Written by hand after format_description.txt.
  test.each([
    ['nothing', '00', ''],
    ['a literal', '0308616263', 'abc'],
    ['a copy with an offset of one byte', '07086162630103', 'abcabca'],
    ['a copy with an offset of two bytes', `06086162630a0300`, 'abcabc'],
    ['a copy with an offset of four bytes', `06086162630b03000000`, 'abcabc'],
    ['a run', '060061120100', 'aaaaaa'],
  ])('%s', (_, block, text) => {
    expect(undone(block)).toBe(text)
  })

  test('a literal of 61 bytes has its length behind the tag', () => {
    expect(undone(`3df03c${'78'.repeat(61)}`)).toBe('x'.repeat(61))
  })

  test.each([
    ['cut off', '03086162'],
    ['longer than it says', '0208616263'],
    ['shorter than it says', '0408616263'],
    ['a copy from before the beginning', '0400610a0500'],
    ['an offset of nothing', '050061120000'],
    ['a length that no block of this size has', 'ffffff07'],
  ])('%s is none', (_, block) => {
    expect(undone(block, 1 << 30)).toBeUndefined()
  })

  test('above the limit its length is the answer', () => {
    expect(undone('0308616263', 2)).toBe(3)
  })
})

/** One chunk of the framing format. */
function chunk(type: number, plain: string, body = Buffer.from(plain)): Buffer {
  const crc = crc32c(Buffer.from(plain))
  const head = Buffer.alloc(8)
  head[0] = type
  head.writeUIntLE(body.length + 4, 1, 3)
  head.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 4)
  return Buffer.concat([head, body])
}
const start = hex('ff060000734e61507059')

test('CRC-32C of the check text (RFC 3720)', () => {
  expect(crc32c(Buffer.from('123456789')).toString(16)).toBe('e3069283')
})

test('frames: plain and compressed chunks, with padding between', () => {
  const padding = hex('fe020000aaaa')
  const stream = Buffer.concat([start, chunk(1, 'abc'), padding, chunk(0, 'abc', hex('0308616263')), start])
  expect(decodeSnappyFrames(stream, 6)?.toString()).toBe('abcabc')
  expect(decodeSnappyFrames(stream, 5)).toBe(6)
  stream[14]! ^= 1
  expect(decodeSnappyFrames(stream, 6)).toBeUndefined()
})

test.each([
  ['without the identifier', chunk(1, 'abc')],
  ['cut off', Buffer.concat([start, chunk(1, 'abc')]).subarray(0, -1)],
  ['a chunk that may not be skipped', Buffer.concat([start, hex('02000000')])],
])('frames: %s are none', (_, stream) => {
  expect(decodeSnappyFrames(stream, 100)).toBeUndefined()
})

test('random bytes are undone or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const block = decodeSnappy(bytes, 10_000)
      const frames = decodeSnappyFrames(Buffer.concat([start, bytes]), 10_000)
      for (const result of [block, frames])
        if (result instanceof Uint8Array) expect(result.length).toBeLessThanOrEqual(10_000)
    }),
    { numRuns: 500 },
  )
})
