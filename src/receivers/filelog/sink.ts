import type { Batch } from '../../telemetry/batch.ts'
import type { Receipt } from '../../telemetry/receipt.ts'

/** Where lines go and become records. */
export interface Sink {
  /** Observed time of the records, as halves of nanoseconds. */
  timeLo: number
  timeHi: number
  /** Records that were gathered. */
  readonly count: number
  readonly bytes: number
  /** Lines of so many bytes come: growing once is cheaper than often. */
  expect(bytes: number): void
  /** The line `b[start, end)`. `extra`: encoded attributes of its file. */
  add(b: Buffer, start: number, end: number, extra: Buffer): void
  /** What was gathered; undefined when there is nothing. */
  take(receipts: readonly Receipt[]): Batch | undefined
}
