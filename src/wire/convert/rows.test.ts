import { expect, test } from 'vitest'
import { decodeV1List, encodeEnvelope, frameRecords } from '../../../test/support/decode.ts'
import { BackwardWriter } from '../protobuf.ts'
import { fitsOutput, rowsOf } from './rows.ts'
import { convertV2ToV1 } from './v2-to-v1.ts'

const logs = ['a', 'b', 'c'].map((text) => encodeEnvelope({ log: { payload: Buffer.from(text) } }))

test('finds the records of a container, up to where it breaks', () => {
  const bytes = Buffer.concat([frameRecords(logs), Buffer.from([0x12, 1, 0, 0x0a, 9])])
  const rows = rowsOf(bytes)
  expect(rows.count).toBe(3)
  expect(bytes.subarray(rows.spans[4], rows.spans[5])).toEqual(logs[2])
})

test('finds more records than it first made room for', () => {
  expect(rowsOf(frameRecords(Array.from({ length: 1000 }, () => logs[0]!))).count).toBe(1000)
})

test('rows may lie inside a wider index', () => {
  const bytes = frameRecords(logs)
  const { spans } = rowsOf(bytes)
  const wide = new Uint32Array([99, 99, 0, spans[0]!, spans[1]!, 0, spans[4]!, spans[5]!, 0])
  const out = new BackwardWriter(64)
  convertV2ToV1({ bytes, spans: wide, count: 2, first: 3, stride: 3 }, out)
  expect(decodeV1List(out.take()).map(({ logMessage }) => logMessage.message.toString())).toEqual(['a', 'c'])
})

test('what would repeat itself beyond 128 MiB does not fit', () => {
  expect(fitsOutput(0, 128, 1024 * 1024)).toBe(true)
  expect(fitsOutput(1, 128, 1024 * 1024)).toBe(false)
})
