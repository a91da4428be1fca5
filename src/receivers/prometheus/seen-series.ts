import type { Budget } from '../../delivery/budget.ts'
import { hashBytes } from '../../wire/byte-runs.ts'
import type { Page } from '../../wire/prometheus/page.ts'
import { parsePage } from '../../wire/prometheus/parse.ts'
import { addLabels } from './page-labels.ts'
import { preparePage } from './prepare-page.ts'
import type { ScrapeTarget } from './scrape-target.ts'

/** Where one metric of a page is told from all others. */
let hashes = new Float64Array(1024)
/** Whether two pages have the same series. */
const sum = { one: 0, two: 0, count: 0 }

/**
 * Remembers which series a target had: its last page, and the sum of their hashes. A page with other series is compared
 * with the one before, which is read again for that. The page is charged to the budget.
 */
export class SeenSeries {
  private readonly target: ScrapeTarget
  private readonly budget: Budget
  private body: Buffer | undefined
  private openMetrics = false
  private one = 0
  private two = 0
  private count = 0

  constructor(target: ScrapeTarget, budget: Budget) {
    this.target = target
    this.budget = budget
  }

  /**
   * Marks in `into.only` the series of the page before that `page`, labelled as it is sent, does not have; no page means
   * all of them. False when there are none.
   */
  ended(page: Page | undefined, into: { page: Page; only: Uint8Array }): boolean {
    const before = this.body
    if (page) hashPage(page)
    if (page && before && this.one === sum.one && this.two === sum.two && this.count === sum.count) return false
    const now = page && new Set(hashes.subarray(0, page.metricCount))
    const isRead = before !== undefined && this.read(before, into.page)
    this.keep(page)
    if (!isRead) return false
    hashPage(into.page)
    into.only = new Uint8Array(into.page.metricCount)
    let isAny = false
    for (let metric = 0; metric < into.only.length; metric++) {
      if (now?.has(hashes[metric]!)) continue
      into.only[metric] = 1
      isAny = true
    }
    return isAny
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

  private keep(page: Page | undefined): void {
    this.forget()
    this.body = page && Buffer.from(page.text.subarray(0, page.size))
    this.budget.take(this.body?.length ?? 0)
    this.openMetrics = page?.openMetrics ?? false
    this.one = sum.one
    this.two = sum.two
    this.count = sum.count
  }
}

function hashPage(page: Page): void {
  if (hashes.length < page.metricCount) hashes = new Float64Array(page.metricCount * 2)
  sum.one = sum.two = 0
  sum.count = page.metricCount
  for (let family = 0; family < page.familyCount; family++) {
    const name = hashBytes(page.text, page.familyNameStart[family]!, page.familyNameEnd[family]!)
    for (let metric = page.familyFirst[family]!; metric >= 0; metric = page.metricNext[metric]!) {
      hashMetric(page, metric, name)
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
