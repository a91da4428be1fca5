import fc from 'fast-check'
import { Batch } from 'tailrace/plugin'
import { expect, test } from 'vitest'
import { FrameReader } from '../../src/net/frames.ts'
import { frameRecords } from '../../test/support/decode.ts'
import { v1 } from './protocols.ts'

test('v1 envelopes of any bytes are framed one by one', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), fc.nat(20), (payloads, cut) => {
      const container = frameRecords(payloads)
      const { bytes, writes, payloadBytes } = v1.frame(Batch.copyOf('dropsonde', container))
      const found: Buffer[] = []
      const reader = new FrameReader({
        maxBytes: 1000,
        onMessage: (from, start, end) => void found.push(Buffer.from(from.subarray(start, end))),
      })
      reader.push(bytes)
      expect([found.length, writes]).toEqual([payloads.length, payloads.length])
      expect(Buffer.concat(found)).toEqual(container)
      expect(payloadBytes).toBe(payloads.reduce((sum, payload) => sum + payload.length, 0))
      // What breaks off is left out.
      expect(v1.frame(Batch.copyOf('dropsonde', container.subarray(0, -cut))).writes).toBeLessThanOrEqual(
        payloads.length,
      )
    }),
  )
})
