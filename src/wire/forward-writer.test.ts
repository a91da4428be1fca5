import fc from 'fast-check'
import { expect, test } from 'vitest'
import { copyBytes, hashBytes, isWord, sameBytes } from './byte-runs.ts'
import { ForwardWriter } from './forward-writer.ts'
import { Reader } from './protobuf.ts'

/** Written as a varint; minus zero has no form there. */
const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)

test('what is written is read back, however often the buffer grows', () => {
  const field = fc.oneof(fc.maxSafeNat(), fc.double(), fc.string({ unit: 'grapheme', maxLength: 60 }))
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      const out = new ForwardWriter(1)
      for (const value of fields) {
        if (typeof value === 'string') {
          out.varint(Buffer.byteLength(value))
          out.text(value)
        } else if (isCount(value)) out.varint(value)
        else out.double(value)
      }
      const bytes = out.take()
      expect(out.length).toBe(0)
      const reader = new Reader(bytes)
      for (const value of fields) {
        if (typeof value === 'string') {
          reader.span()
          expect(bytes.toString('utf8', reader.start, reader.stop)).toBe(Buffer.from(value).toString())
        } else if (isCount(value)) {
          reader.varint64()
          expect(reader.hi * 2 ** 32 + reader.lo).toBe(value)
        } else expect(reader.double()).toBe(value)
      }
      expect(reader.ok && reader.pos === bytes.length).toBe(true)
    }),
  )
})

test('what was taken does not change when the writer is used again', () => {
  const out = new ForwardWriter()
  out.raw(Buffer.from('first'))
  const taken = out.take()
  out.raw(Buffer.from('other'))
  expect(taken.toString()).toBe('first')
  expect(out.view().toString()).toBe('other')
})

test('runs of bytes are compared, hashed and copied by their bytes alone', () => {
  const a = Buffer.from('xxlabelyy')
  const b = Buffer.from(`label${'z'.repeat(50)}`)
  expect(sameBytes(a, 2, 7, b, 0, 5)).toBe(true)
  expect(sameBytes(a, 2, 7, b, 0, 6)).toBe(false)
  expect(hashBytes(a, 2, 7)).toBe(hashBytes(b, 0, 5))
  expect(isWord(a, 2, 7, 'label')).toBe(true)
  expect(isWord(a, 2, 7, 'labels')).toBe(false)
  const target = Buffer.alloc(60)
  expect(copyBytes(target, 1, b, 0, b.length)).toBe(1 + b.length)
  expect(target.subarray(1, 1 + b.length)).toEqual(b)
})
