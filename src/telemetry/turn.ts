import type { Batch } from './batch.ts'
import type { Origin } from './origin.ts'

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

/**
 * Delivers what `gate` collected once per turn of the event loop, after all sockets of the turn were read. With
 * `readsOrigins` (see `Host`) records of different origins never share a batch. `deliver` must not throw: nobody is left
 * to hear of it.
 */
export function joinedPerTurn(
  gate: Collector,
  deliver: (batch: Batch) => void,
  options: { readsOrigins: boolean } = { readsOrigins: false },
): Turn {
  let armed = false
  let current: Origin | undefined
  const flush = () => {
    const batch = gate.take()
    if (batch) deliver(batch)
  }
  const endTurn = () => {
    armed = false
    flush()
  }
  return {
    arm(origin) {
      if (gate.count > 0 && (gate.bytes >= mostBytes || (options.readsOrigins && origin !== current))) flush()
      current = origin
      if (armed) return
      armed = true
      setImmediate(endTurn)
    },
    flush,
  }
}
