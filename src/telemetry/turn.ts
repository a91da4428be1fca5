import type { Batch } from './batch.ts'
import type { Origin } from './origin.ts'
import { pace } from './pace.ts'

/** What collects records between two deliveries: `EnvelopeGate`, `DropsondeGate`. */
export interface Collector {
  readonly count: number
  readonly bytes: number
  take(): Batch | undefined
}

export interface Turn {
  /** Call it before records of `origin` are added: they will be delivered in this turn of the event loop. */
  arm(origin?: Origin): void
  /** Delivers what was collected, now. */
  flush(): void
}

/** A turn that brought more than this is delivered in several batches. */
const mostBytes = 1 << 20
/** A turn that brought this much is worth its while: the next one need not wait. */
const enoughBytes = 64 << 10

export interface JoinOptions {
  /** Records of different origins never share a batch: see `Host`. */
  readsOrigins?: boolean
  /**
   * How long to gather instead of one turn. For datagrams of one record each: a turn brings a few of them, and a batch
   * costs more than a record (measured at 20,000/s).
   */
  gatherMs?: number
}

/** A millisecond gathers twenty datagrams where a turn brings five, at 20,000/s. */
export const datagramGatherMs = 1

/**
 * Delivers what `gate` collected once per turn of the event loop, after all sockets of the turn were read. `deliver` must not throw: nobody is left
 * to hear of it.
 */
export function joinedPerTurn(
  gate: Collector,
  deliver: (batch: Batch) => void,
  { readsOrigins = false, gatherMs = 0 }: JoinOptions = {},
): Turn {
  let armed = false
  let current: Origin | undefined
  const flush = () => {
    const batch = gate.take()
    if (batch) deliver(batch)
  }
  const endTurn = () => {
    armed = false
    const little = gate.bytes < enoughBytes
    flush()
    if (little && gatherMs === 0) pace()
  }
  return {
    arm(origin) {
      if (gate.count > 0 && (gate.bytes >= mostBytes || (readsOrigins && origin !== current))) flush()
      current = origin
      if (armed) return
      armed = true
      if (gatherMs > 0) setTimeout(endTurn, gatherMs)
      else setImmediate(endTurn)
    },
    flush,
  }
}
