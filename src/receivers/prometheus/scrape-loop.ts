import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Scraper } from './scraper.ts'

/** Scrapes one target every interval until it is stopped. */
export interface ScrapeLoop {
  start(): void
  /** Resolves when a scrape under way has been given up. `gone`: the series of the target end. */
  stop(gone?: boolean): Promise<void>
}

/** Timers of the runtime hold 2^31 - 1 ms (24 days). */
const longestTimer = 0x7fffffff

/**
 * `key` places the scrapes within the interval, so that many targets do not all answer at once: the first comes after one
 * interval at most. Scrapes of one target never overlap; ticks missed meanwhile become one scrape, at once.
 */
export function newScrapeLoop(scraper: Scraper, intervalMs: number, key: string, clock: Clock): ScrapeLoop {
  const stopping = new AbortController()
  const interval = Math.min(intervalMs, longestTimer)
  let due = 0
  let timer: Timer | undefined
  let running: Promise<void> | undefined
  let missed = false

  const scrape = () => {
    missed = false
    running = scraper.scrape(stopping.signal).then(() => {
      running = undefined
      if (missed && !stopping.signal.aborted) scrape()
    })
  }
  const wait = () => {
    timer = clock.after(Math.max(0, due - clock.monotonic()), () => {
      // A process that was suspended does not make up for every tick.
      due = Math.max(due + interval, clock.monotonic())
      wait()
      if (running) missed = true
      else scrape()
    })
  }
  return {
    start() {
      due = clock.monotonic() + placeIn(interval, key)
      wait()
    },
    async stop(gone = false) {
      stopping.abort()
      timer?.cancel()
      await running
      if (gone) await scraper.gone()
      scraper.close()
    },
  }
}

/** A time above 0, at most `interval`, that depends on the key alone (FNV-1a, then mixed). */
function placeIn(interval: number, key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return interval * (((hash ^ (hash >>> 16)) >>> 0) + 1) * 2 ** -32
}
