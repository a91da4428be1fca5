import { isUtf8, textOf } from '../utf8.ts'
import { FieldView } from './field-view.ts'
import type { OtlpContext } from './otlp-context.ts'
import { writeText } from './text.ts'

/** Field numbers of a Metric's data (opentelemetry-proto, metrics/v1). */
export const MetricKind = { gauge: 5, sum: 7, histogram: 9, exponential: 10, summary: 11 } as const
export const Temporality = { delta: 1, cumulative: 2 } as const

/** The Metric at hand: field 1 is its name, 3 its unit. */
class MetricView extends FieldView {
  kind = 0
  temporality = 0
  monotonic = false
}
export const metric = new MetricView()

export const noSuffix = Buffer.alloc(0)

/** Every kind of point has its time in field 3. */
const timeField = 3

/** Writes a gauge named after the metric, with its unit if wanted, in front of what stands since `mark`: its own tags. */
export function closeGauge(
  context: OtlpContext,
  mark: number,
  point: FieldView,
  suffix: Buffer,
  value: number,
  withUnit: boolean,
): void {
  const { out, bytes } = context
  const inner = out.length
  if (value !== 0 || Object.is(value, -0)) {
    out.double(value)
    out.tag(2, 1)
  }
  if (withUnit && metric.start(3) !== metric.end(3)) {
    context.counts.repaired += writeText(out, 1, bytes, metric.start(3), metric.end(3))
  }
  out.message(2, inner)
  writeName(context, suffix)
  out.message(1, inner)
  out.message(6, inner)
  context.close(mark, point.lo(timeField), point.hi(timeField), 0)
}

/** Writes a counter named after the metric, in front of what stands since `mark`: its own tags. */
export function closeCounter(
  context: OtlpContext,
  mark: number,
  point: FieldView,
  suffix: Buffer,
  lo: number,
  hi: number,
  isDelta: boolean,
): void {
  const { out } = context
  const inner = out.length
  if (lo !== 0 || hi !== 0) {
    out.varint64(lo, hi)
    out.tag(isDelta ? 2 : 3, 0)
  }
  writeName(context, suffix)
  out.message(5, inner)
  context.close(mark, point.lo(timeField), point.hi(timeField), 0)
}

function writeName({ out, bytes, counts }: OtlpContext, suffix: Buffer): void {
  const start = metric.start(1)
  const end = metric.end(1)
  const mark = out.length
  out.raw(suffix)
  if (isUtf8(bytes, start, end)) out.raw(bytes, start, end)
  else {
    out.text(textOf(bytes, start, end))
    counts.repaired++
  }
  out.message(1, mark)
}
