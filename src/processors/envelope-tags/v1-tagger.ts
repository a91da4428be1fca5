import { Batch } from '../../telemetry/batch.ts'
import { Row } from '../../telemetry/record-index.ts'
import { newV1Tagger, type V1Defaults, writeTaggedV1 } from '../../wire/convert/v1-edit.ts'
import { BackwardWriter } from '../../wire/protobuf.ts'

/** Tags v1 envelopes: fills absent header fields, and the tag `source_id` from the origin. */
export function newV1BatchTagger(defaults: V1Defaults): (batch: Batch) => Batch {
  const tagger = newV1Tagger(defaults)
  const writer = new BackwardWriter()
  return (batch) => {
    const { rows } = batch.index()
    const { buffer, origin, receipts, count } = batch
    writer.reset()
    for (let i = count - 1; i >= 0; i--) {
      const row = batch.rowAt(i)
      const start = rows[row + Row.start]!
      const end = rows[row + Row.end]!
      if (!writeTaggedV1(buffer, start, end, tagger, writer)) writer.bytesField(1, buffer, start, end)
    }
    return Batch.copyOf('dropsonde', writer.finish(), { origin, receipts, count })
  }
}
