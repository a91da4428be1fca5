import { Batch } from '../telemetry/batch.ts'

let parts: readonly Batch[] = []
let whole: Batch | undefined

/**
 * Joins batches of one format. Several destinations that send in the same turn of the event loop hold the same batches:
 * they get the same joined batch, so the bytes are copied, and framed, once for all of them.
 */
export function joinOnce(batches: readonly Batch[]): Batch {
  if (whole && same(parts, batches)) return whole
  if (!whole) setImmediate(forget)
  parts = batches
  whole = Batch.join(batches)
  return whole
}

/** Nothing is kept past the turn: it would keep slabs alive. */
function forget(): void {
  parts = []
  whole = undefined
}

function same(some: readonly Batch[], others: readonly Batch[]): boolean {
  if (some.length !== others.length) return false
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false
  return true
}
