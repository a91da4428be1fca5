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
  const askNow = async (last: boolean) => {
    for (let isMore = true; isMore; ) {
      const { batches, records, from, next, stopped, more = false } = await ask(upTo, last)
      moved.batches += batches
      moved.records += records
      place = { from, next }
      if (stopped !== undefined) throw new Error(stopped)
      isMore = more
    }
  }
  // One after the other, also after one that failed: the agent must hear of the end.
  const tell = (last: boolean) => {
    turn = turn.catch(() => {}).then(() => askNow(last))
    return turn
  }
  const stop = (error: Error) => {
    moved.stopped ??= error
  }
  await tell(false)
  const timer = setInterval(() => void tell(false).catch(stop), tellMs)
  try {
    for await (const record of peekQueue(folder, range)) {
      // The agent would take out what was passed over here.
      if (moved.stopped || record.sequence >= place.next) break
      if (record.sequence < place.from) continue
      await take(record)
      upTo = record.sequence
      handedOver++
    }
  } catch (error) {
    stop(error as Error)
  }
  clearInterval(timer)
  await tell(true).catch(stop)
  const difference = differenceOf(handedOver, moved.batches)
  if (difference === undefined) return moved
  const why = moved.stopped ? `${moved.stopped.message}; ${difference}` : difference
  return { ...moved, stopped: new Error(why, { cause: moved.stopped }) }
}

function differenceOf(sent: number, takenOut: number): string | undefined {
  if (sent > takenOut)
    return `the agent did not take out ${sent - takenOut} of the batches that were sent: they may arrive twice`
  if (sent < takenOut)
    return `the agent took out ${takenOut - sent} batches more than were found in the folder: they were not sent`
  return undefined
}
