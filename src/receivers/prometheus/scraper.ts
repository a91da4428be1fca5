import type { Budget } from '../../delivery/budget.ts'
import type { Log } from '../../plugin.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Counter } from '../../runtime/metrics.ts'
import { Page } from '../../wire/prometheus/page.ts'
import { parseErrorText, parsePage } from '../../wire/prometheus/parse.ts'
import type { EnvelopeSink } from './envelope-sink.ts'
import { type Fetched, newPageFetcher } from './fetch-page.ts'
import type { MetricsSink } from './metrics-sink.ts'
import { countSamples } from './page-labels.ts'
import { checkLimits } from './page-limits.ts'
import { preparePage } from './prepare-page.ts'
import { scrapeErrorText } from './scrape-error.ts'
import type { ScrapeTarget } from './scrape-target.ts'

/** What all scrapers of a receiver share. */
export interface ScraperUse {
  readonly clock: Clock
  readonly log: Log
  readonly budget: Budget
  readonly envelopes: EnvelopeSink | undefined
  readonly metrics: MetricsSink | undefined
}

/** Reads one target, one scrape at a time. */
export interface Scraper {
  /** Never rejects. When `stopping` aborts, the scrape is given up without a trace. */
  scrape(stopping: AbortSignal): Promise<void>
  /** The target is no target any more: its series end. Never rejects. */
  gone(): Promise<void>
  close(): void
}

/** Parsing and writing happen within one turn, so one page's memory serves every target of the process. */
const scratch = new Page()

export function newScraper(target: ScrapeTarget, failures: Counter, use: ScraperUse): Scraper {
  const { clock, log } = use
  const writeEnvelopes = use.envelopes?.(target)
  const writeMetrics = use.metrics?.(target)
  const fetcher = newPageFetcher(target, use.budget)
  let failing = false

  const succeed = async (page: Page, timeMs: number, durationMs: number) => {
    const samples = countSamples(page)
    preparePage(page, target)
    const kept = target.metricRelabel ? countSamples(page) : samples
    checkLimits(page, kept, target)
    if (failing) log.line(`${target.instanceId || target.url} has recovered`)
    failing = false
    // Both are written before anything is awaited: the page belongs to the next scrape then.
    await Promise.all([
      writeEnvelopes?.(page, clock.now(), (text) => log.line(text)),
      writeMetrics?.write(page, { timeMs, durationMs, samples, kept }),
    ])
  }
  const fail = async (error: unknown, timeMs: number, durationMs: number) => {
    failures.add(1)
    failing = true
    const where = `[id: ${target.sourceId}, instance_id: ${target.instanceId}, metric_url: ${target.url}]`
    log.line(`failed to scrape: scrape errors:\n${where}: ${scrapeErrorText(error, target.url)}`)
    await writeMetrics?.write(undefined, { timeMs, durationMs, samples: 0, kept: 0 })
  }

  const attempt = async (stopping: AbortSignal) => {
    const timeout = new AbortController()
    const timer = clock.after(target.timeoutMs, () => timeout.abort(new Error('context deadline exceeded')))
    const timeMs = clock.now()
    const start = clock.monotonic()
    try {
      if (target.refused) throw new Error(target.refused)
      const fetched = await fetcher.fetch(AbortSignal.any([stopping, timeout.signal]))
      await succeed(parsed(fetched, target), timeMs, clock.monotonic() - start)
    } catch (error) {
      if (stopping.aborted) return
      const reason = timeout.signal.aborted ? timeout.signal.reason : error
      await fail(reason, timeMs, clock.monotonic() - start)
    } finally {
      timer.cancel()
    }
  }

  return {
    scrape: (stopping) =>
      attempt(stopping).catch((error) => log.error('could not hand on what was scraped', { error: String(error) })),
    async gone() {
      try {
        await writeMetrics?.gone(clock.now())
      } catch (error) {
        log.error('could not hand on that a target is gone', { error: String(error) })
      }
    },
    close() {
      fetcher.close()
      writeMetrics?.close()
    },
  }
}

function parsed({ body, contentType }: Fetched, { negotiates }: ScrapeTarget): Page {
  const openMetrics = negotiates && contentType.trimStart().toLowerCase().startsWith('application/openmetrics-text')
  const { page, error } = parsePage(body, { openMetrics, into: scratch })
  if (error) throw new PageError(parseErrorText(error))
  return page
}

/** The page arrived and is not what it should be. */
class PageError extends Error {}
