import { messageWords } from '../printing/cf-line.ts'
import { readRecord } from '../printing/read-batch.ts'
import type { Batch } from '../telemetry/batch.ts'

/**
 * The number of one of the lost records of a batch, any of them: of `records` from number `part` on, or of those that
 * `part` has not kept. `random` is from [0, 1). Undefined when there is none.
 */
export function lostRecord(batch: Batch, part: number | Batch, records: number, random: number): number | undefined {
  if (batch.count === 0) return undefined
  if (typeof part === 'number') return Math.min(batch.count - 1, part + Math.floor(random * records))
  let wanted = Math.floor(random * (batch.count - part.count))
  // Comparable only as long as both are views of the same records.
  if (part.count > 0 && part.index() !== batch.index()) return undefined
  batch.index()
  let kept = 0
  for (let i = 0; i < batch.count; i++) {
    if (kept < part.count && part.rowAt(kept) === batch.rowAt(i)) kept++
    else if (wanted-- === 0) return i
  }
  return undefined
}

/** Of a log line that is looked at. */
const mostBytes = 4096

/** Who sent a record, and what it says, in a few words. */
export function exampleOf(batch: Batch, i: number): { source: string; text: string } {
  const { source, message } = readRecord(batch, i)
  if (message?.kind === 'log') message.payload = message.payload.subarray(0, mostBytes)
  return { source, text: messageWords(message) }
}
