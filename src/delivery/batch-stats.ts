/** Upper bounds of the sizes of batches, in records: the Collector's. */
export const batchSizeBounds: readonly number[] = [
  10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 20_000, 30_000,
  50_000, 100_000,
]

/** What became of the batches of one queue that obeys written batch settings. */
export class BatchStats {
  /** Sent because enough was there. */
  bySize = 0
  /** Sent because of their age. */
  byAge = 0
  records = 0
  bytes = 0
  /** Batches per bound, those above the last one in the last place. */
  readonly sizes: number[] = [...batchSizeBounds, 0].map(() => 0)

  add(records: number, bytes: number, full: boolean): void {
    if (full) this.bySize++
    else this.byAge++
    this.records += records
    this.bytes += bytes
    const at = batchSizeBounds.findIndex((bound) => records <= bound)
    this.sizes[at < 0 ? batchSizeBounds.length : at]!++
  }
}
