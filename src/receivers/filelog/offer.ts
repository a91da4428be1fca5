import { settleAll } from '../../delivery/backlog.ts'
import { type Clock, type Intake, type Log, Refused, Undelivered } from '../../plugin.ts'
import type { Batch } from '../../telemetry/batch.ts'

const firstRetryMs = 50
const longestRetryMs = 5000

/** Hands batches on, one at a time. */
export interface Offer {
  /** One has not been taken yet: nothing more is read. */
  readonly isWaiting: boolean
  /** Offers until it is taken, or `stop` was called. */
  deliver(batch: Batch): Promise<void>
  /** From now on what is refused is settled as lost at the end of the process. */
  stop(): void
}

/** `done` is called when one was taken or given up. */
export function newOffer({
  intake,
  clock,
  log,
  done,
}: {
  intake: Intake
  clock: Clock
  log: Log
  done(): void
}): Offer {
  const withdraw = new AbortController()
  let isWaiting = false
  let giveUp: (() => void) | undefined
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = clock.after(ms, resolve)
      giveUp = () => {
        timer.cancel()
        resolve()
      }
    })
  /** Undefined: taken, or lost and counted. */
  const tryOnce = async (batch: Batch): Promise<Refused | undefined> => {
    try {
      const waits = intake.offer(batch, withdraw.signal, true)
      if (waits) await waits
    } catch (error) {
      if (error instanceof Refused) return error
      if (error instanceof Undelivered) return undefined
      log.error(`handing on ${batch.count} records failed: ${(error as Error)?.stack ?? error}`)
      settleLost(batch)
    }
    return undefined
  }
  const untilTaken = async (batch: Batch) => {
    for (let retryMs = firstRetryMs; ; retryMs = Math.min(longestRetryMs, retryMs * 2)) {
      const refused = await tryOnce(batch)
      if (!refused) return
      if (withdraw.signal.aborted) return settleAll(batch.receipts, { dropped: 'shutdown' })
      await pause(refused.retryAfterMs ?? retryMs)
    }
  }
  return {
    get isWaiting() {
      return isWaiting
    },
    async deliver(batch) {
      isWaiting = true
      await untilTaken(batch)
      isWaiting = false
      done()
    },
    stop() {
      withdraw.abort()
      giveUp?.()
    },
  }
}

/** Whoever waits for the batch hears that it is lost; the place of reading must not wait for it for good. */
function settleLost({ receipts }: Batch): void {
  for (const receipt of receipts) {
    try {
      receipt.settle({ dropped: 'fault' })
    } catch {
      // What got a part of it has settled already.
    }
  }
}
