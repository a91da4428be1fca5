import type { Batch } from '../telemetry/batch.ts'
import { Row } from '../telemetry/record-index.ts'

// What single records weigh. Call `batch.size` once before: it applies what is pending, so that places are final.

/** Bytes of records `[first, end)` in their container, without the messages around them. */
export function rowBytes(batch: Batch, first: number, end: number): number {
  const { rows } = batch.index()
  let bytes = 0
  for (let i = first; i < end; i++) {
    const row = batch.rowAt(i)
    bytes += rows[row + Row.end]! - rows[row + Row.frame]!
  }
  return bytes
}

/** How many records from `first` on stay within `bytes`, `around` of which go to the messages around them. At most `end`. */
export function rowsWithin(batch: Batch, first: number, end: number, bytes: number, around: number): number {
  const { rows } = batch.index()
  let left = bytes - around
  let i = first
  for (; i < end; i++) {
    const row = batch.rowAt(i)
    left -= rows[row + Row.end]! - rows[row + Row.frame]!
    if (left < 0) break
  }
  return i - first
}

/** How many records must go, from the front or from the end of `[first, end)`, until `bytes` are free (48 a row counted in). */
export function rowsToFree(batch: Batch, first: number, end: number, bytes: number, fromEnd: boolean): number {
  const { rows } = batch.index()
  let left = bytes
  let gone = 0
  for (; left > 0 && gone < end - first; gone++) {
    const row = batch.rowAt(fromEnd ? end - 1 - gone : first + gone)
    left -= rows[row + Row.end]! - rows[row + Row.frame]! + 48
  }
  return gone
}

/** Records larger than `most` bytes. */
export function oversized(batch: Batch, most: number): number {
  const { rows } = batch.index()
  let found = 0
  for (let i = 0; i < batch.count; i++) {
    const row = batch.rowAt(i)
    if (rows[row + Row.end]! - rows[row + Row.frame]! > most) found++
  }
  return found
}

/** The records of at most `most` bytes. */
export function withoutOversized(batch: Batch, most: number): Batch {
  const { rows } = batch.index()
  return batch.where((row) => rows[row + Row.end]! - rows[row + Row.frame]! <= most)
}
