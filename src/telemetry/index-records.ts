import { Reader } from '../wire/protobuf.ts'
import { malformed, scanEnvelope, scanned } from './envelope-scan.ts'
import type { Format } from './format.ts'
import { noGroup, RecordIndex } from './record-index.ts'

/**
 * Finds the records of a container. Bytes that passed the gate parse; in others what does not parse is left out of
 * the index (and so is not counted), and reading stops where the framing breaks.
 */
export function indexRecords(format: Format, buf: Uint8Array, from: number, to: number): RecordIndex {
  const index = new RecordIndex()
  if (format === 'envelopes') indexEnvelopes(index, buf, from, to)
  else if (format === 'dropsonde') indexFrames(index, buf, from, to)
  else indexLevel(index, buf, from, to, paths[format], 0, noGroup)
  index.close()
  return index
}

function indexEnvelopes(index: RecordIndex, buf: Uint8Array, from: number, to: number): void {
  const reader = new Reader(buf, from, to)
  for (let frame = from; reader.next(); frame = reader.pos) {
    if (!reader.skip()) return
    if (reader.field !== 1 || reader.wire !== 2) continue
    const { start, stop } = reader
    const info = scanEnvelope(buf, start, stop, false)
    if (info !== malformed) index.add(frame, start, stop, info, scanned.sourceStart, scanned.sourceEnd)
  }
}

function indexFrames(index: RecordIndex, buf: Uint8Array, from: number, to: number): void {
  const reader = new Reader(buf, from, to)
  for (let frame = from; reader.next(); frame = reader.pos) {
    if (!reader.skip()) return
    if (reader.field === 1 && reader.wire === 2) index.add(frame, reader.start, reader.stop, 0, 0, 0)
  }
}

/**
 * Field numbers from the request down to its leaf records (opentelemetry-proto). The fourth step of metrics is the
 * data of a metric: gauge, sum, histogram, exponential histogram, summary.
 */
const paths: Record<'logs' | 'metrics' | 'traces', readonly number[]> = {
  logs: [1 << 1, 1 << 2, 1 << 2],
  traces: [1 << 1, 1 << 2, 1 << 2],
  metrics: [1 << 1, 1 << 2, 1 << 2, (1 << 5) | (1 << 7) | (1 << 9) | (1 << 10) | (1 << 11), 1 << 1],
}

const levelReaders = Array.from({ length: 5 }, () => new Reader())

function indexLevel(
  index: RecordIndex,
  buf: Uint8Array,
  from: number,
  to: number,
  path: readonly number[],
  level: number,
  parent: number,
): void {
  const reader = levelReaders[level]!.reset(buf, from, to)
  const wanted = path[level]!
  for (let frame = from; reader.next(); frame = reader.pos) {
    if (!reader.skip()) return
    if (reader.wire !== 2 || reader.field > 31 || !((wanted >>> reader.field) & 1)) continue
    const { start, stop } = reader
    if (level === path.length - 1) index.add(frame, start, stop, parent, 0, 0)
    else indexLevel(index, buf, start, stop, path, level + 1, index.addGroup(frame, start, stop, parent))
  }
}
