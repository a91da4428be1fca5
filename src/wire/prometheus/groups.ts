/** Finds the histogram or summary that a row belongs to: by its labels without `le` and `quantile`, in any order. */
import { hashBytes, sameBytes } from '../byte-runs.ts'
import type { Page } from './page.ts'

export class GroupTable {
  private readonly page: Page
  /** Open addressing: metric + 1, or 0 for a free slot. */
  private slots = new Int32Array(64)
  private hashes = new Int32Array(64)
  private count = 0

  constructor(page: Page) {
    this.page = page
  }

  /**
   * The metric of `family` whose labels equal the page's labels from `labelFrom` on; those are then given back. A new
   * metric is made when there is none: it keeps the labels, in the order of this row.
   */
  metricFor(family: number, labelFrom: number): number {
    const last = this.page.familyLast[family]!
    // Rows of one group stand together in every real page: no hash needed then.
    if (last >= 0 && this.sameInOrder(last, labelFrom)) {
      this.page.labelCount = labelFrom
      return last
    }
    const hash = this.hash(family, labelFrom)
    const mask = this.slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const metric = this.slots[slot]! - 1
      if (metric < 0) return this.add(family, labelFrom, hash, slot)
      if (this.hashes[slot] === hash && this.page.metricFamily[metric] === family && this.sameSet(metric, labelFrom)) {
        this.page.labelCount = labelFrom
        return metric
      }
    }
  }

  private add(family: number, labelFrom: number, hash: number, slot: number): number {
    const metric = this.page.addMetric(family, labelFrom)
    this.slots[slot] = metric + 1
    this.hashes[slot] = hash
    if (++this.count * 2 > this.slots.length) this.rehash()
    return metric
  }

  private rehash(): void {
    const { slots, hashes } = this
    this.slots = new Int32Array(slots.length * 4)
    this.hashes = new Int32Array(slots.length * 4)
    const mask = this.slots.length - 1
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] === 0) continue
      let slot = hashes[i]! & mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask
      this.slots[slot] = slots[i]!
      this.hashes[slot] = hashes[i]!
    }
  }

  private hash(family: number, labelFrom: number): number {
    const { page } = this
    let hash = Math.imul(family + 1, 0x9e3779b1)
    for (let i = labelFrom; i < page.labelCount; i++) {
      const seed = Math.imul(page.labelName[i]! + 1, 0x85ebca6b)
      hash = (hash + hashBytes(page.text, page.labelStart[i]!, page.labelEnd[i]!, seed)) | 0
    }
    return hash
  }

  private sameInOrder(metric: number, labelFrom: number): boolean {
    const { page } = this
    const count = page.labelCount - labelFrom
    if (page.metricLabelCount[metric] !== count) return false
    const from = page.metricLabelFrom[metric]!
    for (let i = 0; i < count; i++) if (!this.sameLabel(from + i, labelFrom + i)) return false
    return true
  }

  private sameSet(metric: number, labelFrom: number): boolean {
    const { page } = this
    const from = page.metricLabelFrom[metric]!
    const count = page.metricLabelCount[metric]!
    if (count !== page.labelCount - labelFrom) return false
    for (let i = labelFrom; i < page.labelCount; i++) {
      let other = from
      while (other < from + count && page.labelName[other] !== page.labelName[i]) other++
      if (other === from + count || !this.sameLabel(other, i)) return false
    }
    return true
  }

  private sameLabel(a: number, b: number): boolean {
    const { page } = this
    const { text, labelStart, labelEnd } = page
    if (page.labelName[a] !== page.labelName[b]) return false
    return sameBytes(text, labelStart[a]!, labelEnd[a]!, text, labelStart[b]!, labelEnd[b]!)
  }
}
