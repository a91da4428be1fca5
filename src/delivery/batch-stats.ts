import { Distribution } from '../runtime/distribution.ts'

/** Upper bounds of the sizes of batches, in records: the Collector's. */
export const batchSizeBounds: readonly number[] = [
  10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 20_000, 30_000,
  50_000, 100_000,
]

/** The same in bytes: powers of two from 128 to 16 Mi. */
export const batchByteBounds: readonly number[] = Array.from({ length: 18 }, (_, i) => 2 ** (i + 7))

/** What became of the batches of one queue that obeys written batch settings. */
export class BatchStats {
  /** Sent because enough was there. */
  bySize = 0
  /** Sent because of their age. */
  byAge = 0
  readonly records = new Distribution(batchSizeBounds)
  readonly bytes = new Distribution(batchByteBounds)

  add(records: number, bytes: number, full: boolean): void {
    if (full) this.bySize++
    else this.byAge++
    this.records.add(records)
    this.bytes.add(bytes)
  }
}
