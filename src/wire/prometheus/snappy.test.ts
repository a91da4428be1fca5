import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeSnappy } from '../snappy-decode.ts'
import { encodeSnappy } from './snappy.ts'

const back = (bytes: Uint8Array) => decodeSnappy(encodeSnappy(bytes), 1 << 24)

describe('a block', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('a')],
    ['one byte again and again', Buffer.alloc(200_000, 1)],
    ['text', Buffer.from('metric_name{a="b"} 1\n'.repeat(5000))],
    ['counting numbers', Buffer.from(Array.from({ length: 50_000 }, (_, i) => `${i}`).join(' '))],
  ])('of %s comes back', (_name, bytes) => expect(back(bytes)).toEqual(bytes))

  test('of repeated text is small', () => {
    const bytes = Buffer.from('http_requests_total{method="GET",handler="/api"}'.repeat(1000))
    expect(encodeSnappy(bytes).length).toBeLessThan(bytes.length / 15)
  })

  test('of any bytes comes back', () => {
    const noise = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 8 }), fc.integer({ min: 1, max: 400 }), (parts, times) => {
        const bytes = Buffer.concat(
          Array.from({ length: times }, (_, i) => parts[i % (parts.length || 1)] ?? Buffer.alloc(0)),
        )
        expect(back(bytes)).toEqual(bytes)
      }),
      { numRuns: 200 },
    )
  })
})
