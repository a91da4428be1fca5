import { Reader } from '../protobuf.ts'
import { FieldView, fields } from './field-view.ts'
import { closeCounter, closeGauge, MetricKind, metric, noSuffix, Temporality } from './metric-view.ts'
import type { OtlpContext } from './otlp-context.ts'
import { writeDistribution } from './otlp-distributions.ts'

const data = new FieldView()
const point = new FieldView()
const reader = new Reader()
const kinds = [MetricKind.gauge, MetricKind.sum, MetricKind.histogram, MetricKind.exponential, MetricKind.summary]

/** Extents of the points of the metric at hand. */
let points = new Uint32Array(64)

/** Writes the points of a Metric as counters and gauges. False: the metric, or one of its points' frames, does not parse. */
export function writeMetric(context: OtlpContext, start: number, end: number): boolean {
  const { bytes, counts } = context
  metric.kind = 0
  if (!metric.read(bytes, start, end, 0, 0, fields(1, 3, ...kinds))) return false
  for (const kind of kinds) if (metric.has(kind)) metric.kind = kind
  if (metric.kind === 0) return true
  const from = metric.start(metric.kind)
  const to = metric.end(metric.kind)
  if (!data.read(bytes, from, to, fields(2, 3), 0, 0)) return false
  metric.temporality = metric.kind === MetricKind.gauge || metric.kind === MetricKind.summary ? 0 : data.int32(2)
  metric.monotonic = metric.kind === MetricKind.sum && data.lo(3) !== 0
  const distribution = metric.kind !== MetricKind.gauge && metric.kind !== MetricKind.sum
  for (let i = listPoints(bytes, from, to) - 1; i >= 0; i--) {
    const parses = distribution
      ? writeDistribution(context, points[i * 2]!, points[i * 2 + 1]!)
      : writeNumber(context, points[i * 2]!, points[i * 2 + 1]!)
    if (!parses) counts.malformed++
  }
  return true
}

/** Notes the extents of field 1 of a metric's data; answers their number. */
function listPoints(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  reader.reset(bytes, start, end)
  while (reader.next() && reader.skip()) {
    if (reader.field !== 1 || reader.wire !== 2) continue
    if (count * 2 === points.length) {
      const wider = new Uint32Array(points.length * 2)
      wider.set(points)
      points = wider
    }
    points[count * 2] = reader.start
    points[count * 2 + 1] = reader.stop
    count++
  }
  return count
}

const noRecordedValue = 1

/** NumberDataPoint: a monotonic sum is a counter, everything else a gauge. */
function writeNumber(context: OtlpContext, start: number, end: number): boolean {
  if (!point.read(context.bytes, start, end, fields(8), fields(3, 4, 6), 0)) return false
  if (!context.readRecord(start, end, 7)) return false
  if (!context.fits(1, end - start)) return true
  const isInt = point.has(6) && !point.has(4)
  if ((point.lo(8) & noRecordedValue) !== 0 || !(isInt || point.has(4)) || !writeValue(context, isInt)) {
    context.counts.notRepresentable++
  } else context.counts.converted++
  return true
}

function writeValue(context: OtlpContext, isInt: boolean): boolean {
  const mark = context.out.length
  const { lo, hi } = { lo: point.lo(6), hi: point.hi(6) }
  if (!metric.monotonic) {
    const value = isInt ? (hi | 0) * 4294967296 + lo : point.double(4)
    closeGauge(context, mark, point, noSuffix, value, true)
    return true
  }
  const isDelta = metric.temporality === Temporality.delta
  if (isInt) {
    if (hi >= 0x80000000) return false
    closeCounter(context, mark, point, noSuffix, lo, hi, isDelta)
    return true
  }
  const value = Math.trunc(point.double(4))
  if (!(value >= 0 && value < 2 ** 64)) return false
  const high = Math.floor(value / 4294967296)
  closeCounter(context, mark, point, noSuffix, value - high * 4294967296, high, isDelta)
  return true
}
