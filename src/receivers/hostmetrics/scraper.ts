import type { Unreadable } from './process-faults.ts'
import type { Sheet } from './sheet.ts'
import type { SystemFiles } from './system-files.ts'

/** What a scraper is lent. */
export interface ScraperUse {
  readonly files: SystemFiles
  /** Monotonic milliseconds of this scrape. */
  readonly now: number
  /** Counts what of a process could not be read. */
  unread(what: Unreadable): void
}

/** Reads one thing of the machine into a sheet. Throws when it cannot; what it added until then stays. */
export type Scraper = (use: ScraperUse, sheet: Sheet) => void | Promise<void>
