import type { Sheet } from './sheet.ts'
import type { SystemFiles } from './system-files.ts'

/** What a scraper is lent. */
export interface ScraperUse {
  readonly files: SystemFiles
  /** Monotonic milliseconds of this scrape. */
  readonly now: number
}

/** Reads one thing of the machine into a sheet. Throws when it cannot; what it added until then stays. */
export type Scraper = (use: ScraperUse, sheet: Sheet) => void | Promise<void>
