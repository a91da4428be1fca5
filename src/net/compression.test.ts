import { randomBytes } from 'node:crypto'
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { encodings, newCompressor } from './compression.ts'

const undo = { gzip: gunzipSync, zstd: zstdDecompressSync, deflate: inflateSync, zlib: inflateSync }
const lines = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `line ${i} of many that are alike\n`).join(''))

describe.each(encodings)('%s', (encoding) => {
  const { compress } = newCompressor(encoding)

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a few bytes', Buffer.from('hello')],
    ['noise, which grows', randomBytes(100_000)],
    ['lines', lines.subarray(0, 36_000)],
  ])('%s at once, and back', (_name, bytes) => {
    const small = compress(bytes)
    expect(small).toBeInstanceOf(Buffer)
    expect(undo[encoding](small as Buffer).equals(bytes)).toBe(true)
  })

  test('what is large elsewhere, and back', async () => {
    const pending = compress(lines)
    expect(pending).toBeInstanceOf(Promise)
    expect(undo[encoding](await pending).equals(lines)).toBe(true)
  })

  test('the level is obeyed', () => {
    const text = lines.subarray(0, 100_000)
    const [quick, small] = [newCompressor(encoding, 1), newCompressor(encoding, 9)]
    expect((small.compress(text) as Buffer).length).not.toBe((quick.compress(text) as Buffer).length)
  })
})
