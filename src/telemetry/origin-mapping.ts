import { varintSize, writeVarint } from '../wire/protobuf.ts'
import type { Batch } from './batch.ts'
import { EnvelopeFlag } from './envelope-scan.ts'
import { findEntry, found, readDeprecated } from './find-field.ts'
import { Row } from './record-index.ts'
import { Value, ValueType } from './value.ts'

const originKey = Buffer.from('origin')
const value = new Value()

/**
 * Gives envelopes without a source id the value of their tag `origin`, else the text of their deprecated tag `origin`
 * (another kind of value gives the empty text). The tag stays. `mapped` counts those that had either.
 */
export function mapOrigins(batch: Batch): { batch: Batch; mapped: number } {
  if (!(batch.seen & EnvelopeFlag.noSource)) return { batch, mapped: 0 }
  let mapped = 0
  const edits = batch.edit()
  const { rows } = batch.index()
  const { buffer } = batch
  for (let i = 0; i < batch.count; i++) {
    const row = batch.rowAt(i)
    if (!(rows[row + Row.info]! & EnvelopeFlag.noSource)) continue
    const start = rows[row + Row.start]!
    const end = rows[row + Row.end]!
    if (!findOrigin(buffer, start, end)) continue
    mapped++
    const size = value.end - value.start
    if (size === 0) continue
    const field = Buffer.allocUnsafe(1 + varintSize(size) + size)
    field[0] = 0x12
    buffer.copy(field, writeVarint(field, 1, size), value.start, value.end)
    // Behind an empty source id, which it overrides: the last one counts.
    edits.replace(end, end, field, edits.within(start, end))
  }
  return { batch: batch.with(edits), mapped }
}

/** Leaves the text for the source id in `value`, empty when there is an origin without text. */
function findOrigin(buf: Buffer, start: number, end: number): boolean {
  if (findEntry(buf, start, end, 9, originKey)) {
    value.span(ValueType.text, buf, found.start, found.end)
    return true
  }
  if (!findEntry(buf, start, end, 3, originKey)) return false
  readDeprecated(buf, found.start, found.end, value)
  if (value.type !== ValueType.text) value.span(ValueType.text, buf, start, start)
  return true
}
