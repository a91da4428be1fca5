import { type Host, type Intake, Refused, Undelivered } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import type { Batch } from '../../telemetry/batch.ts'
import type { Origin } from '../../telemetry/origin.ts'
import { type Collector, joinedPerTurn } from '../../telemetry/turn.ts'

/** The way of one format into the pipeline: offers once per turn, and keeps at it until the batch is taken. */
export interface Outlet {
  /** Whether a batch waits to be taken: what is gathered meanwhile waits behind it. */
  readonly isBlocked: boolean
  arm(origin: Origin | undefined): void
  /** Offers what is left; drops it when the deadline comes first. */
  stop(deadline: AbortSignal): Promise<void>
}

export interface OutletOptions {
  host: Host
  intake: Intake
  collector: Collector
  /** Called when `isBlocked` changes. */
  changed: () => void
  /** As in `JoinOptions`. */
  gatherMs: number
}

/** A turn that brings more makes several batches: the claims of larger ones grow by copying. */
const fullBytes = 56 << 10

const firstRetryMs = 50
const longestRetryMs = 5000

export function newOutlet({ host, intake, collector, changed, gatherMs }: OutletOptions): Outlet {
  let isBlocked = false
  let waiting: Batch | undefined
  let retry: Timer | undefined
  let retryMs = firstRetryMs
  let deadline: AbortSignal | undefined
  let freed: (() => void) | undefined
  const withdraw = new AbortController()

  const set = (blocked: boolean) => {
    if (blocked === isBlocked) return
    isBlocked = blocked
    changed()
  }
  const deliver = (batch: Batch) => {
    waiting = batch
    retry = undefined
    try {
      const waits = intake.offer(batch, withdraw.signal, true)
      if (!waits) return done()
      set(true)
      waits.then(done, failed)
    } catch (error) {
      failed(error)
    }
  }
  const done = () => {
    waiting = undefined
    retryMs = firstRetryMs
    set(false)
    turn.flush()
    if (!waiting) freed?.()
  }
  const failed = (error: unknown) => {
    const batch = waiting!
    if (error instanceof Undelivered) return done()
    if (!(error instanceof Refused)) {
      host.log.error(`handing on ${batch.count} records failed: ${(error as Error).stack ?? error}`)
      return done()
    }
    set(true)
    if (deadline?.aborted) return giveUp()
    retry = host.clock.after(error.retryAfterMs ?? retryMs, () => deliver(batch))
    retryMs = Math.min(longestRetryMs, retryMs * 2)
  }
  const giveUp = () => {
    retry?.cancel()
    withdraw.abort()
    const rest = collector.take()
    host.dropped('shutdown', (waiting?.count ?? 0) + (rest?.count ?? 0))
    waiting = undefined
    freed?.()
  }
  const turn = joinedPerTurn(
    {
      get count() {
        return waiting ? 0 : collector.count
      },
      get bytes() {
        return collector.bytes
      },
      take: () => (waiting ? undefined : collector.take()),
    },
    deliver,
    { readsOrigins: host.readsOrigins, gatherMs },
  )
  return {
    get isBlocked() {
      return isBlocked
    },
    arm(origin) {
      if (collector.bytes >= fullBytes) turn.flush()
      turn.arm(origin)
    },
    async stop(signal) {
      deadline = signal
      turn.flush()
      if (!waiting) return
      await new Promise<void>((resolve) => {
        freed = resolve
        const abort = () => {
          // What waits in the intake is refused now; what waits for its next attempt has none.
          if (retry) giveUp()
          else withdraw.abort()
        }
        if (signal.aborted) abort()
        else signal.addEventListener('abort', abort, { once: true })
      })
    },
  }
}
