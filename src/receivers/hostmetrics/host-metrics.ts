import { newLogSeries } from '../../net/log-series.ts'
import { Batch, type Component, type Host, type Intake } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import { BackwardWriter } from '../../wire/protobuf.ts'
import type { HostMetricsConfig } from './config.ts'
import { parseBootTime } from './cpu.ts'
import { type Unreadable, unreadable } from './process-faults.ts'
import { type NamedScraper, newScrapers } from './scrapers.ts'
import type { SystemFiles } from './system-files.ts'

/** Measures the machine at every interval, all scrapers one after the other, and offers what they found as one batch. */
export function newHostMetrics(config: HostMetricsConfig, host: Host, intake: Intake, files: SystemFiles): Component {
  const { clock, log } = host
  const scrapers = newScrapers(config)
  const out = new BackwardWriter(16 << 10)
  const failures = new Map(
    scrapers.map(({ name }) => [name, host.counter('failed_scrapes', 'Scrapes that failed.', { scraper: name })]),
  )
  const scraped = new Map(
    scrapers.map(({ name }) => [name, host.counter('scraped_points', 'Points that were measured.', { scraper: name })]),
  )
  const unread = new Map(
    (config.scrapers.process ? unreadable : []).map((what) => [
      what,
      host.counter('unread_processes', 'Processes of which something could not be read, in all scrapes.', { what }),
    ]),
  )
  const series = newLogSeries(log, clock)
  let timer: Timer | undefined
  let running: Promise<void> | undefined
  let stopped = false
  let due = 0

  const scrapeOne = async ({ name, scrape, sheet }: NamedScraper) => {
    sheet.clear()
    try {
      await scrape({ files, now: clock.monotonic(), unread: (what: Unreadable) => unread.get(what)?.add(1) }, sheet)
    } catch (error) {
      failures.get(name)!.add(1)
      series.note(name, `the scraper ${name} could not read everything: ${(error as Error).message}`)
    }
    scraped.get(name)!.add(sheet.count)
  }
  const scrapeAll = async () => {
    // One after the other: what a scrape costs stands in one place, not beside other work.
    for (const scraper of scrapers) await scrapeOne(scraper)
    if (stopped) return
    const bootMs = bootTime(files)
    const nowMs = clock.now()
    let count = 0
    out.reset()
    for (const { sheet } of scrapers.toReversed()) {
      sheet.write(out, bootMs, nowMs)
      count += sheet.count
    }
    if (count === 0) return
    await intake.offer(Batch.copyOf('metrics', out.finish(), { count }))
  }
  const tick = () => {
    // A machine that was suspended does not make up for every interval, and a scrape that still runs is not doubled.
    due = Math.max(due + config.collection_interval, clock.monotonic())
    timer = clock.after(due - clock.monotonic(), tick)
    running ??= scrapeAll()
      .catch((error: Error) => log.warn('metrics were not taken', { error: error.message }))
      .finally(() => (running = undefined))
  }
  return {
    async start() {
      if (process.platform !== 'linux' && config.root_path === '') {
        log.warn('metrics of the machine are read from /proc, which only Linux has: there will be none', {
          platform: process.platform,
        })
      }
      due = clock.monotonic() + config.initial_delay
      timer = clock.after(config.initial_delay, tick)
    },
    async stop() {
      stopped = true
      timer?.cancel()
      await running
      series.close()
    },
  }
}

function bootTime(files: SystemFiles): number {
  try {
    return parseBootTime(files.read('/proc/stat'))
  } catch {
    return 0
  }
}
