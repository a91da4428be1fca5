import type { Batch } from '../../telemetry/batch.ts'
import type { Receipt } from '../../telemetry/receipt.ts'
import type { Mark } from './settlement.ts'
import type { Tail } from './tail.ts'

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
  /** By file: where the first line begins that waits for others, and is not gathered yet. */
  places(): ReadonlyMap<Tail, Mark>
  /** Gathers what has waited long enough or whose file is over, or all; false when there is nothing. */
  release(all: boolean): boolean
  /** What was gathered; undefined when there is nothing. */
  take(receipts: readonly Receipt[]): Batch | undefined
  /** Nothing more comes; what waits is forgotten. */
  close(): void
}
