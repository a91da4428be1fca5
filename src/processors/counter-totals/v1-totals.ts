import { Batch } from '../../telemetry/batch.ts'
import { Row } from '../../telemetry/record-index.ts'
import { newV1Counter, readV1Counter, type V1Counter, writeV1CounterTotal } from '../../wire/convert/v1-counters.ts'
import { BackwardWriter } from '../../wire/protobuf.ts'
import type { Series } from './series.ts'
import { SeriesKey } from './series-key.ts'

/**
 * Keeps running totals of v1 counters: a total that is given is remembered and passes, one that is missing or 0 becomes
 * the remembered one plus the delta.
 */
export function newV1Totals(series: Series): (batch: Batch) => Batch {
  const counter = newV1Counter()
  const key = new SeriesKey()
  const writer = new BackwardWriter()
  /** Per record: halves of the total to write, and whether there is one. */
  let totals = new Uint32Array(3 * 64)

  const count = (batch: Batch, rows: Uint32Array): boolean => {
    let changed = false
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rowAt(i)
      totals[i * 3 + 2] = 0
      if (!readV1Counter(batch.buffer, rows[row + Row.start]!, rows[row + Row.end]!, counter)) continue
      identify(key, batch.buffer, counter)
      const slot = series.slot(key)
      if ((counter.totalLo | counter.totalHi) !== 0) {
        series.set(slot, counter.totalLo, counter.totalHi)
        continue
      }
      series.add(slot, counter.deltaLo, counter.deltaHi)
      totals[i * 3] = series.lo[slot]!
      totals[i * 3 + 1] = series.hi[slot]!
      totals[i * 3 + 2] = 1
      changed = true
    }
    return changed
  }

  return (batch) => {
    const { rows } = batch.index()
    if (totals.length < batch.count * 3) totals = new Uint32Array(batch.count * 6)
    if (!count(batch, rows)) return batch
    writer.reset()
    for (let i = batch.count - 1; i >= 0; i--) {
      const row = batch.rowAt(i)
      const start = rows[row + Row.start]!
      const end = rows[row + Row.end]!
      if (totals[i * 3 + 2] === 0) writer.bytesField(1, batch.buffer, start, end)
      else writeV1CounterTotal(batch.buffer, start, end, totals[i * 3]!, totals[i * 3 + 1]!, writer)
    }
    const { origin, receipts } = batch
    return Batch.copyOf('dropsonde', writer.finish(), { origin, receipts, count: batch.count })
  }
}

function identify(key: SeriesKey, bytes: Buffer, counter: V1Counter): void {
  key.begin(bytes)
  const { tags } = counter
  for (let i = 0; i < tags.count; i++) {
    if (!tags.isDead(i)) key.addTag(tags.keyStart(i), tags.keyEnd(i), tags.valueStart(i), tags.valueEnd(i))
  }
  key.end(counter.nameStart, counter.nameEnd, counter.originStart, counter.originEnd)
}
