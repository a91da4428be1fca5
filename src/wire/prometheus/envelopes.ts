/** Turns a page of metrics into a loggregator.v2 EnvelopeBatch, as the Prom Scraper does: bytes in, bytes out. */
import type { ForwardWriter } from '../forward-writer.ts'
import { EnvelopeWriter, NONE } from './envelope-writer.ts'
import { floatText } from './float-text.ts'
import { Kind, type Page } from './page.ts'
import type { Target } from './target.ts'
import { truncateCount, truncateCounter } from './totals.ts'

export interface Outcome {
  envelopes: number
  /** Metrics that no envelope can carry (gauge histograms). */
  skipped: number
}

const SUM = Buffer.from('_sum')
const COUNT = Buffer.from('_count')
const BUCKET = Buffer.from('_bucket')
const TOTAL = Buffer.from('_total')
const INFO = Buffer.from('_info')
const LE = Buffer.from('le')
const QUANTILE = Buffer.from('quantile')

/**
 * Appends one envelope a sample to `out` (repeated field 1 of EnvelopeBatch), stamped with the time given as two halves of
 * nanoseconds. Gauge histograms are left out and told to `onSkipped`, one log text a metric.
 *
 * Fractional counts of histograms are truncated; the original turns all counts of such a histogram into 0.
 */
export function writePageEnvelopes(
  page: Page,
  target: Target,
  timeLo: number,
  timeHi: number,
  out: ForwardWriter,
  onSkipped?: (text: string) => void,
): Outcome {
  const writer = new EnvelopeWriter(page, target, timeLo, timeHi, out)
  let skipped = 0
  for (let family = 0; family < page.familyCount; family++) {
    const kind = page.familyKind[family]!
    writer.family(family)
    for (let metric = page.familyFirst[family]!; metric >= 0; metric = page.metricNext[metric]!) {
      if (kind === Kind.gaugeHistogram) {
        skipped++
        onSkipped?.(skippedText(page, family))
      } else writeMetric(writer, page, kind, metric)
    }
  }
  return { envelopes: writer.count, skipped }
}

function skippedText(page: Page, family: number): string {
  const name = page.string(page.familyNameStart[family]!, page.familyNameEnd[family]!)
  return `unexpected metric type GAUGE_HISTOGRAM for metric: ${name}`
}

function writeMetric(writer: EnvelopeWriter, page: Page, kind: number, metric: number): void {
  const value = page.metricValue[metric]!
  if (kind === Kind.counter) {
    writer.tagsOf(metric, false, NONE, NONE)
    truncateCounter(value)
    writer.counter(page.openMetrics ? TOTAL : NONE)
  } else if (kind === Kind.histogram || kind === Kind.summary) {
    writeDistribution(writer, page, kind, metric)
  } else {
    writer.tagsOf(metric, true, NONE, NONE)
    writer.gauge(kind === Kind.info ? INFO : NONE, value)
  }
}

function writeDistribution(writer: EnvelopeWriter, page: Page, kind: number, metric: number): void {
  const isSummary = kind === Kind.summary
  const count = page.metricCountValue[metric]!
  writer.tagsOf(metric, false, NONE, NONE)
  writer.gauge(SUM, page.metricValue[metric]!)
  if (isSummary) truncateCounter(count)
  else truncateCount(count)
  writer.counter(COUNT)
  for (let point = page.metricFirst[metric]!; point >= 0; point = page.pointNext[point]!) {
    const value = page.pointValue[point]!
    writer.tagsOf(metric, false, isSummary ? QUANTILE : LE, boundBytes(page.pointBound[point]!))
    if (isSummary) writer.gauge(NONE, value)
    else {
      truncateCount(value)
      writer.counter(BUCKET)
    }
  }
}

const bounds = new Map<number, Buffer>()
const MAX_BOUNDS = 4096

/** Text of a bound. Kept, since the same few bounds return on every page. */
function boundBytes(bound: number): Buffer {
  const known = bounds.get(bound)
  if (known !== undefined && bound !== 0) return known
  const bytes = Buffer.from(floatText(bound))
  if (bounds.size >= MAX_BOUNDS) bounds.clear()
  bounds.set(bound, bytes)
  return bytes
}
