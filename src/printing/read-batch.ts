import type { Batch } from '../telemetry/batch.ts'
import { Group, groupSize, noGroup, type RecordIndex, Row } from '../telemetry/record-index.ts'
import { convertV1ToV2 } from '../wire/convert/v1-to-v2.ts'
import { BackwardWriter, Reader } from '../wire/protobuf.ts'
import { readEnvelope } from './read-envelope.ts'
import { readDataPoint, readLogRecord, readSpan } from './read-otlp.ts'
import { type DebugRecord, newRecord } from './record.ts'

/** The first `most` records of a batch of any format, as they are shown. */
export function readBatch(batch: Batch, most: number): DebugRecord[] {
  if (most <= 0) return []
  return Array.from({ length: Math.min(batch.count, most) }, (_, i) => readRecord(batch, i))
}

/** Record `i` of a batch. */
export function readRecord(batch: Batch, i: number): DebugRecord {
  const index = batch.index()
  const { buffer } = batch
  const row = batch.rowAt(i)
  const body = buffer.subarray(index.rows[row + Row.start]!, index.rows[row + Row.end]!)
  if (batch.format === 'envelopes') return readEnvelope(body)
  if (batch.format === 'dropsonde') return readV1(body)
  return readOtlp[batch.format](body, parentsOf(index, index.rows[row + Row.info]!, buffer))
}

const readOtlp = { logs: readLogRecord, metrics: readDataPoint, traces: readSpan }

/** The messages around a record, outermost first. */
function parentsOf({ groups }: RecordIndex, first: number, buffer: Buffer): Buffer[] {
  const parents: Buffer[] = []
  for (let group = first; group !== noGroup; group = groups[group * groupSize + Group.parent]!) {
    const at = group * groupSize
    parents.unshift(buffer.subarray(groups[at + Group.start]!, groups[at + Group.end]!))
  }
  return parents
}

/** A v1 envelope as the v2 envelope that Doppler would make of it. */
function readV1(body: Buffer): DebugRecord {
  const out = new BackwardWriter(body.length * 2 + 256)
  const rows = { bytes: body, spans: Uint32Array.of(0, body.length), count: 1 }
  if (convertV1ToV2(rows, { preferredTags: true }, out).made === 0) return newRecord()
  const reader = new Reader(out.finish())
  reader.next()
  reader.span()
  return readEnvelope(out.finish().subarray(reader.start, reader.stop))
}
