/** Walks the data points of an ExportMetricsServiceRequest without making objects of them. */
import { Reader, WireType } from '../protobuf.ts'
import { type Buckets, Data, PointView, type Span, Temporality } from './point-view.ts'

const TWO32 = 4294967296

/** Field numbers of a point that differ by its kind. */
const LAYOUT: Readonly<Record<number, { attributes: number; exemplars: number; flags: number }>> = {
  [Data.gauge]: { attributes: 7, exemplars: 5, flags: 8 },
  [Data.sum]: { attributes: 7, exemplars: 5, flags: 8 },
  [Data.histogram]: { attributes: 9, exemplars: 8, flags: 10 },
  [Data.exponential]: { attributes: 1, exemplars: 11, flags: 10 },
  [Data.summary]: { attributes: 7, exemplars: 0, flags: 8 },
}

/** Told where the walk stands. */
export interface MetricVisitor {
  /** A scope begins: `resource` and `scope` are set. */
  enterScope(view: PointView): void
  /** A metric begins: name, description, unit, data, temporality are set. */
  enterMetric(view: PointView): void
  point(view: PointView): void
}

const view = new PointView()
const [requests, resources, scopes, metrics, points, inner] = Array.from({ length: 6 }, () => new Reader()) as [
  Reader,
  Reader,
  Reader,
  Reader,
  Reader,
  Reader,
]

/** Visits all points in order. The bytes are those of a batch, so they are known to parse; what does not ends the walk. */
export function readMetrics(bytes: Uint8Array, visitor: MetricVisitor): void {
  view.bytes = bytes
  const reader = requests.reset(bytes, 0, bytes.length)
  while (reader.next() && reader.skip()) {
    if (reader.field === 1 && reader.wire === WireType.bytes) readResource(reader.start, reader.stop, visitor)
  }
}

function readResource(start: number, end: number, visitor: MetricVisitor): void {
  find(start, end, 1, view.resource)
  const reader = resources.reset(view.bytes, start, end)
  while (reader.next() && reader.skip()) {
    if (reader.field === 2 && reader.wire === WireType.bytes) readScope(reader.start, reader.stop, visitor)
  }
}

function readScope(start: number, end: number, visitor: MetricVisitor): void {
  find(start, end, 1, view.scope)
  visitor.enterScope(view)
  const reader = scopes.reset(view.bytes, start, end)
  while (reader.next() && reader.skip()) {
    if (reader.field === 2 && reader.wire === WireType.bytes) readMetric(reader.start, reader.stop, visitor)
  }
}

/** The last field of that number, or nothing. */
function find(start: number, end: number, field: number, into: Span): void {
  into.set(start, start)
  const reader = inner.reset(view.bytes, start, end)
  while (reader.next() && reader.skip()) {
    if (reader.field === field && reader.wire === WireType.bytes) into.set(reader.start, reader.stop)
  }
}

function readMetric(start: number, end: number, visitor: MetricVisitor): void {
  view.name.set(start, start)
  view.description.set(start, start)
  view.unit.set(start, start)
  view.data = 0
  let from = 0
  let to = 0
  const reader = metrics.reset(view.bytes, start, end)
  while (reader.next() && reader.skip()) {
    if (reader.wire !== WireType.bytes) continue
    const { field, start, stop } = reader
    if (field === 1) view.name.set(start, stop)
    else if (field === 2) view.description.set(start, stop)
    else if (field === 3) view.unit.set(start, stop)
    else if (LAYOUT[field]) {
      view.data = field
      from = start
      to = stop
    }
  }
  if (view.data === 0) return
  readKind(from, to)
  visitor.enterMetric(view)
  const rows = metrics.reset(view.bytes, from, to)
  while (rows.next() && rows.skip()) {
    if (rows.field !== 1 || rows.wire !== WireType.bytes) continue
    readPoint(rows.start, rows.stop)
    visitor.point(view)
  }
}

function readKind(start: number, end: number): void {
  view.temporality = Temporality.unspecified
  view.monotonic = false
  const reader = inner.reset(view.bytes, start, end)
  while (reader.next()) {
    if (reader.wire !== WireType.varint) {
      if (!reader.skip()) return
      continue
    }
    const value = reader.varint32()
    if (reader.field === 2) view.temporality = value
    else if (reader.field === 3) view.monotonic = value !== 0
  }
}

function clear(): void {
  view.attributes.count = view.exemplars.count = 0
  view.counts.count = view.bounds.count = view.quantiles.count = 0
  view.positive.counts.count = view.negative.counts.count = 0
  view.positive.offset = view.negative.offset = 0
  view.timeMs = view.startMs = view.value = view.count = view.sum = 0
  view.scale = view.zeroCount = view.zeroThreshold = 0
  view.stale = view.hasSum = false
  view.isRun = true
  view.attributeRun.set(0, 0)
}

function readPoint(start: number, end: number): void {
  clear()
  const { data } = view
  const layout = LAYOUT[data]!
  const reader = points.reset(view.bytes, start, end)
  let at = start
  while (reader.next()) {
    const { field, wire } = reader
    if (wire === WireType.fixed64) readFixed(reader, field, data)
    else if (wire === WireType.varint) {
      if (field === layout.flags) view.stale = (reader.varint32() & 1) !== 0
      else if (data === Data.exponential && field === 6) view.scale = zigzag(reader.varint32())
      else reader.varint32()
    } else if (!reader.skip()) return
    else if (field === layout.attributes) addAttribute(at, reader)
    else if (field === layout.exemplars) view.exemplars.add(reader.start, reader.stop)
    else readRepeated(field, data, reader.start, reader.stop)
    at = reader.pos
  }
}

function addAttribute(at: number, { start, stop }: Reader): void {
  const { attributes, attributeRun } = view
  if (attributes.count === 0) attributeRun.start = at
  else if (attributeRun.end !== at) view.isRun = false
  attributeRun.end = stop
  attributes.add(start, stop)
}

function readFixed(reader: Reader, field: number, data: number): void {
  if (field === 2) view.startMs = millis(reader)
  else if (field === 3) view.timeMs = millis(reader)
  else if (data === Data.gauge || data === Data.sum) {
    if (field === 4) view.value = reader.double()
    else {
      reader.fixed64()
      if (field === 6) view.value = (reader.hi | 0) * TWO32 + reader.lo
    }
  } else if (field === 4) view.count = unsigned(reader)
  else if (field === 5) {
    view.sum = reader.double()
    view.hasSum = true
  } else if (field === 6 && data === Data.histogram) view.counts.add(unsigned(reader))
  else if (field === 7 && data === Data.histogram) view.bounds.add(reader.double())
  else if (field === 7 && data === Data.exponential) view.zeroCount = unsigned(reader)
  else if (field === 14 && data === Data.exponential) view.zeroThreshold = reader.double()
  else reader.fixed64()
}

function readRepeated(field: number, data: number, start: number, end: number): void {
  if (data === Data.summary && field === 6) readQuantile(start, end)
  else if (data === Data.exponential && field === 8) readBuckets(start, end, view.positive)
  else if (data === Data.exponential && field === 9) readBuckets(start, end, view.negative)
  else if (data === Data.histogram) readPacked(field, start, end)
}

function readPacked(field: number, start: number, end: number): void {
  const reader = inner.reset(view.bytes, start, end)
  if (field === 6) while (reader.pos + 8 <= end) view.counts.add(unsigned(reader))
  else if (field === 7) while (reader.pos + 8 <= end) view.bounds.add(reader.double())
}

function readQuantile(start: number, end: number): void {
  let quantile = 0
  let value = 0
  const reader = inner.reset(view.bytes, start, end)
  while (reader.next()) {
    if (reader.wire !== WireType.fixed64) {
      if (!reader.skip()) return
    } else if (reader.field === 1) quantile = reader.double()
    else if (reader.field === 2) value = reader.double()
    else reader.fixed64()
  }
  view.quantiles.add(quantile)
  view.quantiles.add(value)
}

const packed = new Reader()

function readBuckets(start: number, end: number, into: Buckets): void {
  const reader = inner.reset(view.bytes, start, end)
  while (reader.next()) {
    if (reader.wire === WireType.varint) {
      if (reader.field === 1) into.offset = zigzag(reader.varint32())
      else into.counts.add(varint(reader))
    } else if (!reader.skip()) return
    else if (reader.field === 2) {
      packed.reset(view.bytes, reader.start, reader.stop)
      while (packed.pos < packed.end && packed.ok) into.counts.add(varint(packed))
    }
  }
}

const zigzag = (value: number) => (value >>> 1) ^ -(value & 1)

function varint(reader: Reader): number {
  reader.varint64()
  return reader.hi * TWO32 + reader.lo
}

function unsigned(reader: Reader): number {
  reader.fixed64()
  return reader.hi * TWO32 + reader.lo
}

const millis = (reader: Reader) => Math.floor(unsigned(reader) / 1e6)
