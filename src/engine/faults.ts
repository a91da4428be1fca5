import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'

/** Tells of a component that threw, and of the records that this cost. */
export type OnFault = (error: unknown, records: number) => void

const everyMs = 10_000

/** Names what one node threw: the first time, then at most every ten seconds, with what was lost in between. */
export function newFaultLog(clock: Clock, log: Log): OnFault {
  let next = Number.NEGATIVE_INFINITY
  let batches = 0
  let lost = 0
  return (error, records) => {
    batches++
    lost += records
    const now = clock.monotonic()
    if (now < next) return
    next = now + everyMs
    log.error('failed on a batch, which is lost', { error: String(error), at: placeOf(error), records: lost, batches })
    batches = lost = 0
  }
}

/** `filter.ts:12:5`: the first line of the stack, without the folders. */
function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack : undefined
  return /\n\s+at .*?([^/\\(]+:\d+:\d+)\)?/.exec(stack ?? '')?.[1]
}
