import type { Budget } from '../../delivery/budget.ts'
import type { Intake } from '../../plugin.ts'
import { Batch } from '../../plugin.ts'
import { encodeResource, type OtlpOptions, writePageOtlp } from '../../wire/prometheus/otlp-metrics.ts'
import { Page } from '../../wire/prometheus/page.ts'
import { parsePage } from '../../wire/prometheus/parse.ts'
import { BackwardWriter, nanosFromMillis } from '../../wire/protobuf.ts'
import { addLabels } from './page-labels.ts'
import type { ScrapeTarget } from './scrape-target.ts'
import { type Changes, SeenSeries } from './seen-series.ts'

/** What a scrape says about itself. */
export interface ScrapeReport {
  /** When it began, milliseconds since 1970: the time of all its points. */
  readonly timeMs: number
  readonly durationMs: number
  readonly samples: number
  /** Samples that metric_relabel_configs left. */
  readonly kept: number
}

/** Offers pages of one target as OTLP metrics. */
export interface WriteMetrics {
  /**
   * A page beside `up` and its companions. Without a page: the scrape failed. Series that the page before had and this one
   * has not are ended by points without a value. Changes the page's labels.
   */
  write(page: Page | undefined, report: ScrapeReport): Promise<void>
  /** The target is gone: all its series end. */
  gone(timeMs: number): Promise<void>
  /** Gives back what is remembered of the target. */
  close(): void
}

/** What turns the pages of a target into metrics and offers them. The writer's memory serves all targets. */
export type MetricsSink = (target: ScrapeTarget) => WriteMetrics

const scope = { name: 'tailrace/receivers/prometheus', version: '' }

/** `trimSuffixes`: names lose their unit and `_total`. */
export function newMetricsSink(intake: Intake, budget: Budget, trimSuffixes = false): MetricsSink {
  const writer = new BackwardWriter(64 << 10)
  const reportPage = new Page()
  const changes: Changes = { added: 0, page: new Page(), only: new Uint8Array(0) }
  return (target) => {
    const resource = encodeResource(resourceOf(target))
    const seen = new SeenSeries(target, budget)
    // Counters are known from the first scrape on.
    let startMs = 0
    const optionsAt = (timeMs: number): OtlpOptions => {
      const [timeLo, timeHi] = nanosFromMillis(timeMs)
      const [startLo, startHi] = startMs === 0 ? [0, 0] : nanosFromMillis(startMs)
      return { resource, scope, timeLo, timeHi, startLo, startHi, trimSuffixes }
    }
    /** The report of a scrape, and the series that ended with it. */
    const writeAround = (page: Page | undefined, report: ScrapeReport, options: OtlpOptions): number => {
      const hasEnded = seen.changes(page, changes)
      const points = writeReport(report, page !== undefined, options)
      if (!hasEnded) return points
      return points + writePageOtlp(changes.page, { ...options, stale: true, only: changes.only }, writer).points
    }
    const writeReport = (report: ScrapeReport, isUp: boolean, options: OtlpOptions): number => {
      parseReport(report, isUp, changes.added, reportPage)
      addLabels(reportPage, target.labels)
      return writePageOtlp(reportPage, options, writer).points
    }
    return {
      async write(page, report) {
        if (page && startMs === 0) startMs = report.timeMs
        const options = optionsAt(report.timeMs)
        writer.reset()
        if (page && !target.metricRelabel) addLabels(page, target.labels)
        let count = writeAround(page, report, options)
        if (page) count += writePageOtlp(page, { ...options, honorTimes: target.honorTimestamps }, writer).points
        await intake.offer(Batch.copyOf('metrics', writer.finish(), { count }))
      },
      async gone(timeMs) {
        const options = optionsAt(timeMs)
        writer.reset()
        const report = { timeMs, durationMs: 0, samples: 0, kept: 0 }
        const count = writeAround(undefined, report, { ...options, stale: true })
        await intake.offer(Batch.copyOf('metrics', writer.finish(), { count }))
      },
      close: () => seen.forget(),
    }
  }
}

/** The attributes that the Collector's receiver gives a target. */
function resourceOf({ url, job, instance }: ScrapeTarget): [string, string][] {
  const { hostname = '', port = '', protocol = '' } = URL.parse(url) ?? {}
  return [
    ['service.name', job],
    ['server.address', hostname],
    ['service.instance.id', instance],
    ['server.port', port || (protocol === 'https:' ? '443' : '80')],
    ['url.scheme', protocol.slice(0, -1)],
  ]
}

function parseReport({ durationMs, samples, kept }: ScrapeReport, isUp: boolean, added: number, into: Page): void {
  const text = `# HELP up The scraping was successful
# TYPE up gauge
up ${isUp ? 1 : 0}
# HELP scrape_duration_seconds Duration of the scrape
# TYPE scrape_duration_seconds gauge
# UNIT scrape_duration_seconds seconds
scrape_duration_seconds ${durationMs / 1000}
# HELP scrape_samples_scraped The number of samples the target exposed
# TYPE scrape_samples_scraped gauge
scrape_samples_scraped ${samples}
# HELP scrape_samples_post_metric_relabeling The number of samples remaining after metric relabeling was applied
# TYPE scrape_samples_post_metric_relabeling gauge
scrape_samples_post_metric_relabeling ${kept}
# HELP scrape_series_added The number of series that the scrape before did not have
# TYPE scrape_series_added gauge
scrape_series_added ${added}
# EOF
`
  const { error } = parsePage(Buffer.from(text), { openMetrics: true, into })
  if (error) throw new Error(`the report of a scrape does not parse: ${error.message}`)
}
