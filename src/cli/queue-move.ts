import type { Withdrawn } from '../delivery/withdrawal.ts'
import { peekQueue } from '../storage/inspect.ts'
import type { SpoolRecord } from '../storage/spool.ts'
import type { Taken } from '../storage/take-batches.ts'
import type { TimeRange } from '../storage/time-range.ts'

/** Has the agent take out the batches of a time up to a sequence, -1: none. It sends nothing meanwhile; `last`: it may again. */
export type AskToTake = (upTo: number, last: boolean) => Promise<Withdrawn>

/** So often the agent hears how far it has come: it holds a queue for half a minute after that. */
const tellMs = 5000

/**
 * Hands over the batches of a queue that an agent sends from, in order, until `take` rejects; the agent takes out what was handed
 * over. What this process was killed over is handed over and sent.
 */
export async function moveBatches(
  folder: string,
  range: TimeRange,
  take: (record: SpoolRecord) => Promise<void>,
  ask: AskToTake,
): Promise<Taken> {
  const moved: Taken = { batches: 0, records: 0, stopped: undefined }
  let handedOver = 0
  let upTo = -1
  let place = { from: 0, next: 0 }
  let turn = Promise.resolve()
  const tell = (last: boolean) => {
    turn = turn.then(async () => {
      const { batches, records, from, next, stopped } = await ask(upTo, last)
      moved.batches += batches
      moved.records += records
      place = { from, next }
      if (stopped !== undefined) throw new Error(stopped)
    })
    return turn
  }
  await tell(false)
  const timer = setInterval(() => void tell(false).catch((error) => (moved.stopped ??= error)), tellMs)
  try {
    for await (const record of peekQueue(folder, range)) {
      if (moved.stopped) break
      if (record.sequence < place.from || record.sequence >= place.next) continue
      await take(record)
      upTo = record.sequence
      handedOver++
    }
  } catch (error) {
    moved.stopped = error as Error
  }
  clearInterval(timer)
  await tell(true).catch((error) => (moved.stopped ??= error))
  const twice = handedOver - moved.batches
  if (twice > 0)
    moved.stopped ??= new Error(
      `the agent did not take out ${twice} of the batches that were sent: they may arrive twice`,
    )
  return moved
}
