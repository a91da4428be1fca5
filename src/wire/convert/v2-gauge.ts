import { type BackwardWriter, Reader } from '../protobuf.ts'
import type { EnvelopeView } from './envelope-view.ts'
import { FieldView, fields } from './field-view.ts'
import { Key } from './known-keys.ts'
import { entry, readEntry } from './map-entry.ts'
import { parseInt32 } from './numbers.ts'
import { fitsOutput } from './rows.ts'
import { TagTable } from './tag-table.ts'
import { EventType } from './v1-names.ts'
import type { V1Writer } from './v1-writer.ts'

const reader = new Reader()
const metrics = new TagTable()
const metric = new FieldView()
const containerKeys = [Key.cpu, Key.memory, Key.disk, Key.memory_quota, Key.disk_quota]
/** Metrics by field number of a ContainerMetric. */
const containerFields = [0, 0, 0, Key.cpu, Key.memory, Key.disk, Key.memory_quota, Key.disk_quota]

/** Reads the metrics of a gauge: names as keys, bodies of their GaugeValue as values. False when they do not parse. */
export function readMetrics(table: TagTable, bytes: Uint8Array, start: number, end: number): boolean {
  table.reset(bytes)
  reader.reset(bytes, start, end)
  while (reader.next()) {
    if (!reader.skip()) return false
    if (reader.field !== 1 || reader.wire !== 2) continue
    if (!readEntry(bytes, reader.start, reader.stop)) return false
    table.add(entry.keyStart, entry.keyEnd, entry.valueStart, entry.valueEnd)
    if (!metric.read(bytes, entry.valueStart, entry.valueEnd, 0, fields(2), fields(1))) return false
  }
  return reader.ok
}

/** What `writeGauge` answers for a gauge that would make too much. */
export const tooLarge = -2

/** Writes a ContainerMetric if the gauge has the shape of one, else a ValueMetric per metric. */
export function writeGauge(view: EnvelopeView, v1: V1Writer, out: BackwardWriter): number {
  if (!readMetrics(metrics, view.bytes, view.bodyStart, view.bodyEnd)) return -1
  if (isContainer()) return writeContainer(view, v1, out)
  const size = view.end - view.start
  if (!fitsOutput(out.length, metrics.count, size)) return tooLarge
  let made = 0
  for (let i = metrics.count - 1; i >= 0; i--) {
    if (metrics.isDead(i)) continue
    readMetric(i)
    const mark = v1.open(0, true)
    const inner = out.length
    out.bytesField(3, view.bytes, metric.start(1), metric.end(1))
    out.fixed64(metric.lo(2), metric.hi(2))
    out.tag(2, 1)
    out.bytesField(1, view.bytes, metrics.keyStart(i), metrics.keyEnd(i))
    out.message(9, inner)
    made += v1.close(mark, EventType.value)
  }
  return made
}

function readMetric(i: number): void {
  metric.read(metrics.bytes, metrics.valueStart(i), metrics.valueEnd(i), 0, fields(2), fields(1))
}

/** All five metrics of a container, none of them with neither unit nor value. */
function isContainer(): boolean {
  for (const key of containerKeys) {
    const found = metrics.find(key)
    if (found < 0) return false
    readMetric(found)
    if (metric.start(1) === metric.end(1) && metric.double(2) === 0) return false
  }
  return true
}

function writeContainer(view: EnvelopeView, v1: V1Writer, out: BackwardWriter): number {
  const mark = v1.open(0, false)
  const inner = out.length
  for (let field = 7; field >= 4; field--) {
    readMetric(metrics.find(containerFields[field]!))
    writeUnsigned(out, metric.double(2))
    out.tag(field, 0)
  }
  readMetric(metrics.find(Key.cpu))
  out.fixed64(metric.lo(2), metric.hi(2))
  out.tag(3, 1)
  out.int32(instanceIndex(view))
  out.tag(2, 0)
  out.bytesField(1, view.bytes, view.sourceStart, view.sourceEnd)
  out.message(12, inner)
  return v1.close(mark, EventType.container)
}

function instanceIndex(view: EnvelopeView): number {
  const found = metrics.find(Key.instance_index)
  if (found < 0) return parseInt32(view.bytes, view.instanceStart, view.instanceEnd)
  readMetric(found)
  const value = metric.double(2)
  // NaN becomes 0; what does not fit is clamped.
  return Math.trunc(Math.max(-2147483648, Math.min(2147483647, value || 0)))
}

/** A double cut to uint64: negative and NaN become 0, too large ones the largest. */
function writeUnsigned(out: BackwardWriter, value: number): void {
  if (!(value > 0)) out.varint64(0, 0)
  else if (value >= 2 ** 64) out.varint64(0xffffffff, 0xffffffff)
  else {
    const whole = Math.trunc(value)
    const hi = Math.floor(whole / 4294967296)
    out.varint64(whole - hi * 4294967296, hi)
  }
}
