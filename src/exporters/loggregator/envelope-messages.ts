import type { Batch } from '../../telemetry/batch.ts'
import { Row } from '../../telemetry/record-index.ts'

/** The records of a batch as one gRPC message each (the stream method `Sender`), in one buffer. */
export function envelopeMessages(batch: Batch): Buffer {
  const { rows } = batch.index()
  let size = 0
  for (let i = 0; i < batch.count; i++) {
    const row = batch.rowAt(i)
    size += 5 + rows[row + Row.end]! - rows[row + Row.start]!
  }
  const out = Buffer.allocUnsafeSlow(size)
  let pos = 0
  for (let i = 0; i < batch.count; i++) {
    const row = batch.rowAt(i)
    const start = rows[row + Row.start]!
    const end = rows[row + Row.end]!
    out[pos] = 0
    out.writeUInt32BE(end - start, pos + 1)
    pos += 5
    pos += batch.buffer.copy(out, pos, start, end)
  }
  return out
}
