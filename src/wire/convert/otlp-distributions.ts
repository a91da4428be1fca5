import { joinDouble, Reader } from '../protobuf.ts'
import { FieldView, fields } from './field-view.ts'
import { closeCounter, closeGauge, MetricKind, metric, noSuffix, Temporality } from './metric-view.ts'
import { boundText } from './numbers.ts'
import type { OtlpContext } from './otlp-context.ts'

const point = new FieldView()
const quantile = new FieldView()
const reader = new Reader()
const packed = new Reader()
const sumSuffix = Buffer.from('_sum')
const countSuffix = Buffer.from('_count')
const bucketSuffix = Buffer.from('_bucket')
const le = Buffer.from('le')
const quantileKey = Buffer.from('quantile')

/** Where attributes and flags of each kind of point are. */
const attributesField: Record<number, number> = { 9: 9, 10: 1, 11: 7 }
const flagsField: Record<number, number> = { 9: 10, 10: 10, 11: 8 }

/**
 * Writes a point of a histogram or summary in the shape the Prometheus scraper gives them: gauge `<n>_sum`, counter
 * `<n>_count`, then a cumulative counter `<n>_bucket` per bound with tag `le`, or a gauge `<n>` per quantile with tag
 * `quantile`. False: does not parse.
 */
export function writeDistribution(context: OtlpContext, start: number, end: number): boolean {
  const { bytes, counts, out } = context
  const { kind } = metric
  if (!point.read(bytes, start, end, fields(8, 10), fields(3, 4, 5), 0)) return false
  if (!context.readRecord(start, end, attributesField[kind]!)) return false
  if (point.lo(flagsField[kind]!) & 1) {
    counts.notRepresentable++
    return true
  }
  counted.length = bounds.length = quantiles.length = 0
  if (kind === MetricKind.histogram && !readBuckets(bytes, start, end)) return false
  if (kind === MetricKind.summary && !readQuantiles(bytes, start, end)) return false
  if (!context.fits(counted.length + quantiles.length / 2 + 2, end - start)) return true
  writeBuckets(context)
  writeQuantiles(context)
  if (kind === MetricKind.exponential) counts.withoutBuckets++
  const isDelta = metric.temporality === Temporality.delta
  closeCounter(context, out.length, point, countSuffix, point.lo(4), point.hi(4), isDelta)
  if (point.has(5) || kind === MetricKind.summary)
    closeGauge(context, out.length, point, sumSuffix, point.double(5), false)
  counts.converted++
  return true
}

/** Bucket counts as halves, bounds, and quantiles with their values; such points are rare beside plain numbers. */
const counted: { lo: number; hi: number }[] = []
const bounds: number[] = []
const quantiles: number[] = []

/** Buckets count what is at or below their bound, so each adds the ones before it. */
function writeBuckets(context: OtlpContext): void {
  for (let i = 1; i < counted.length; i++) {
    const bucket = counted[i]!
    const lo = bucket.lo + counted[i - 1]!.lo
    bucket.hi = (bucket.hi + counted[i - 1]!.hi + (lo > 0xffffffff ? 1 : 0)) >>> 0
    bucket.lo = lo >>> 0
  }
  const isDelta = metric.temporality === Temporality.delta
  for (let i = counted.length - 1; i >= 0; i--) {
    const mark = context.out.length
    addOwnTag(context, le, boundText(bounds[i] ?? Number.POSITIVE_INFINITY))
    closeCounter(context, mark, point, bucketSuffix, counted[i]!.lo, counted[i]!.hi, isDelta)
  }
}

/** Reads fields 6 (fixed64 counts) and 7 (double bounds), packed or one by one: none at all, or one count more than bounds. */
function readBuckets(bytes: Uint8Array, start: number, end: number): boolean {
  reader.reset(bytes, start, end)
  while (reader.next()) {
    const { field, wire } = reader
    if ((field === 6 || field === 7) && wire === 1) {
      reader.fixed64()
      addBucket(field, reader)
    } else if (!reader.skip()) return false
    else if ((field === 6 || field === 7) && wire === 2) {
      packed.reset(bytes, reader.start, reader.stop)
      while (packed.pos < packed.end) {
        packed.fixed64()
        if (packed.ok) addBucket(field, packed)
      }
      if (!packed.ok) return false
    }
  }
  return reader.ok && (counted.length === bounds.length + 1 || counted.length + bounds.length === 0)
}

function addBucket(field: number, { lo, hi }: Reader): void {
  if (field === 6) counted.push({ lo, hi })
  else bounds.push(joinDouble(lo, hi))
}

/** Quantiles are field 6: {1 quantile, 2 value}. */
function readQuantiles(bytes: Uint8Array, start: number, end: number): boolean {
  reader.reset(bytes, start, end)
  while (reader.next()) {
    if (!reader.skip()) return false
    if (reader.field !== 6 || reader.wire !== 2) continue
    if (!quantile.read(bytes, reader.start, reader.stop, 0, fields(1, 2), 0)) return false
    quantiles.push(quantile.double(1), quantile.double(2))
  }
  return reader.ok
}

function writeQuantiles(context: OtlpContext): void {
  for (let i = quantiles.length - 2; i >= 0; i -= 2) {
    const mark = context.out.length
    addOwnTag(context, quantileKey, boundText(quantiles[i]!))
    closeGauge(context, mark, point, noSuffix, quantiles[i + 1]!, false)
  }
}

/** Stands behind the tags made of attributes, so that it wins over an attribute of the same name. */
function addOwnTag(context: OtlpContext, key: Buffer, value: string): void {
  const text = Buffer.from(value)
  context.tags.add(key, 0, key.length, text, 0, text.length)
}
