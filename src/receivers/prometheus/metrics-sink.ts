import type { Intake } from '../../plugin.ts'
import { Batch } from '../../plugin.ts'
import { encodeResource, type OtlpOptions, writePageOtlp } from '../../wire/prometheus/otlp-metrics.ts'
import { Page } from '../../wire/prometheus/page.ts'
import { parsePage } from '../../wire/prometheus/parse.ts'
import { BackwardWriter, nanosFromMillis } from '../../wire/protobuf.ts'
import { addLabels } from './page-labels.ts'
import type { ScrapeTarget } from './scrape-target.ts'

/** What a scrape says about itself. */
export interface ScrapeReport {
  /** When it began, milliseconds since 1970: the time of all its points. */
  readonly timeMs: number
  readonly durationMs: number
  readonly samples: number
}

/** Offers a page as OTLP metrics beside `up` and its companions. Without a page: the scrape failed. Changes the page's labels. */
export type WriteMetrics = (page: Page | undefined, report: ScrapeReport) => Promise<void>

/** What turns the pages of a target into metrics and offers them. The writer's memory serves all targets. */
export type MetricsSink = (target: ScrapeTarget) => WriteMetrics

const scope = { name: 'tailrace/receivers/prometheus', version: '' }

export function newMetricsSink(intake: Intake): MetricsSink {
  const writer = new BackwardWriter(64 << 10)
  const reportPage = new Page()
  return (target) => {
    const resource = encodeResource(resourceOf(target))
    return async (page, report) => {
      const [timeLo, timeHi] = nanosFromMillis(report.timeMs)
      const options: OtlpOptions = { resource, scope, timeLo, timeHi, startLo: 0, startHi: 0 }
      writer.reset()
      parseReport(report, page !== undefined, reportPage)
      addLabels(reportPage, target.labels)
      let count = writePageOtlp(reportPage, options, writer).points
      if (page) {
        if (!target.metricRelabel) addLabels(page, target.labels)
        count += writePageOtlp(page, options, writer).points
      }
      await intake.offer(Batch.copyOf('metrics', writer.finish(), { count }))
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

function parseReport({ durationMs, samples }: ScrapeReport, isUp: boolean, into: Page): void {
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
# EOF
`
  const { error } = parsePage(Buffer.from(text), { openMetrics: true, into })
  if (error) throw new Error(`the report of a scrape does not parse: ${error.message}`)
}
