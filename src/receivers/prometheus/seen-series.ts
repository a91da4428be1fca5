import type { Budget } from '../../delivery/budget.ts'
import { hashBytes } from '../../wire/byte-runs.ts'
import type { Page } from '../../wire/prometheus/page.ts'
import { parsePage } from '../../wire/prometheus/parse.ts'
import { addLabels, linesOf } from './page-labels.ts'
import { preparePage } from './prepare-page.ts'
import type { ScrapeTarget } from './scrape-target.ts'

/** Where one metric of a page is told from all others; NaN for those that rules have dropped. */
let hashes = new Float64Array(1024)
/** Whether two pages have the same series. */
const sum = { one: 0, two: 0, lines: 0 }

/** What a page has that the one before had not, and the other way round. */
export interface Changes {
  /** Sample lines that are new. */
  added: number
  /** The page before. */
  readonly page: Page
  /** Marks its series that have ended. */
  only: Uint8Array
}

/**
 * Remembers which series a target had: its last page, and the sum of their hashes. A page with other series is compared
 * with the one before, which is read again for that. The page is charged to the budget.
 */
export class SeenSeries {
  private readonly target: ScrapeTarget
  private readonly budget: Budget
  private body: Buffer | undefined
  private openMetrics = false
  /** The series have ended; those that come back are not new. */
  private isOver = false
  private one = 0
  private two = 0
  private lines = 0

  constructor(target: ScrapeTarget, budget: Budget) {
    this.target = target
    this.budget = budget
  }

  /**
   * Compares `page`, labelled as it is sent, with the one before; no page means that all series end. Answers whether any
   * has ended, and they are marked.
   */
  changes(page: Page | undefined, into: Changes): boolean {
    const { body, isOver } = this
    into.added = 0
    this.isOver = page === undefined
    if (!page && isOver) return false
    if (page) hashPage(page)
    if (page && body && this.one === sum.one && this.two === sum.two && this.lines === sum.lines) return false
    const now = page ? linesByHash(page) : new Map<number, number>()
    const isKnown = body !== undefined && this.read(body, into.page)
    if (page) this.keep(page)
    const isAny = isKnown && markEnded(into, now)
    for (const lines of now.values()) into.added += lines
    return isAny && !isOver
  }

  /** Gives the memory of the last page back. */
  forget(): void {
    this.budget.give(this.body?.length ?? 0)
    this.body = undefined
  }

  private read(body: Buffer, into: Page): boolean {
    if (parsePage(body, { openMetrics: this.openMetrics, into }).error) return false
    preparePage(into, this.target)
    if (!this.target.metricRelabel) addLabels(into, this.target.labels)
    return true
  }

  private keep(page: Page): void {
    this.forget()
    this.body = Buffer.from(page.text.subarray(0, page.size))
    this.budget.take(this.body.length)
    this.openMetrics = page.openMetrics
    this.one = sum.one
    this.two = sum.two
    this.lines = sum.lines
  }
}

function linesByHash(page: Page): Map<number, number> {
  const lines = new Map<number, number>()
  for (let metric = 0; metric < page.metricCount; metric++) {
    if (!Number.isNaN(hashes[metric])) lines.set(hashes[metric]!, linesOf(page, metric))
  }
  return lines
}

/** Marks the series of the page before that are not among those of now, and leaves of these the lines that are new. */
function markEnded(into: Changes, now: Map<number, number>): boolean {
  const { page } = into
  hashPage(page)
  const only = new Uint8Array(page.metricCount)
  let isAny = false
  for (let metric = 0; metric < only.length; metric++) {
    if (Number.isNaN(hashes[metric])) continue
    const lines = now.get(hashes[metric]!)
    if (lines !== undefined) now.set(hashes[metric]!, Math.max(0, lines - linesOf(page, metric)))
    else {
      only[metric] = 1
      isAny = true
    }
  }
  into.only = only
  return isAny
}

/** Fills `hashes` and `sum`. */
function hashPage(page: Page): void {
  if (hashes.length < page.metricCount) hashes = new Float64Array(page.metricCount * 2)
  hashes.fill(Number.NaN, 0, page.metricCount)
  sum.one = sum.two = sum.lines = 0
  for (let family = 0; family < page.familyCount; family++) {
    const name = hashBytes(page.text, page.familyNameStart[family]!, page.familyNameEnd[family]!)
    for (let metric = page.familyFirst[family]!; metric >= 0; metric = page.metricNext[metric]!) {
      hashMetric(page, metric, name)
      sum.lines += linesOf(page, metric)
    }
  }
}

/** Labels count whatever their order. */
function hashMetric(page: Page, metric: number, name: number): void {
  const { text, labelName, labelStart, labelEnd, labelNames } = page
  let one = name
  let two = Math.imul(name, 0x9e3779b1)
  const from = page.metricLabelFrom[metric]!
  for (let i = from; i < from + page.metricLabelCount[metric]!; i++) {
    const id = labelName[i]!
    const key = hashBytes(text, labelNames.start[id]!, labelNames.end[id]!)
    const value = hashBytes(text, labelStart[i]!, labelEnd[i]!, key)
    one = (one + value) | 0
    two = (two + Math.imul(value ^ (value >>> 15), 0x85ebca6b)) | 0
  }
  hashes[metric] = (one >>> 0) * 2 ** 21 + (two >>> 11)
  sum.one = (sum.one + Math.imul(one, 0xc2b2ae35)) | 0
  sum.two = (sum.two + Math.imul(two ^ (one >>> 13), 0x27d4eb2f)) | 0
}
