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
  readonly target: ScrapeTarget
  /** When it began, milliseconds since 1970: the time of all its points. */
  readonly timeMs: number
  readonly durationMs: number
  readonly samples: number
}

/** Turns pages into OTLP metrics, with `up` and its companions, and offers them. */
export interface MetricsSink {
  /** Without a page: the scrape failed, `up` is 0. The labels of the page are changed. */
  write(page: Page | undefined, report: ScrapeReport): Promise<void>
}

const scope = { name: 'tailrace/receivers/prometheus', version: '' }

export function newMetricsSink(intake: Intake): MetricsSink {
  const writer = new BackwardWriter(64 << 10)
  const resources = new Map<ScrapeTarget, Buffer>()
  const reportPage = new Page()
  return {
    async write(page, report) {
      const { target } = report
      const [timeLo, timeHi] = nanosFromMillis(report.timeMs)
      let resource = resources.get(target)
      if (!resource) resources.set(target, (resource = encodeResource(resourceOf(target))))
      const options: OtlpOptions = { resource, scope, timeLo, timeHi, startLo: 0, startHi: 0 }
      writer.reset()
      let count = writeReport(reportPage, report, page !== undefined, options, writer)
      if (page) {
        addLabels(page, target.labels)
        count += writePageOtlp(page, options, writer).points
      }
      await intake.offer(Batch.copyOf('metrics', writer.finish(), { count }))
    },
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

function writeReport(
  page: Page,
  { target, durationMs, samples }: ScrapeReport,
  isUp: boolean,
  options: OtlpOptions,
  out: BackwardWriter,
): number {
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
  const { error } = parsePage(Buffer.from(text), { openMetrics: true, into: page })
  if (error) throw new Error(`the report of a scrape does not parse: ${error.message}`)
  addLabels(page, target.labels)
  return writePageOtlp(page, options, out).points
}
