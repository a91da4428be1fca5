import type { Timer } from '../runtime/clock.ts'
import type { Part } from './backlog.ts'

/** One batch on its way, through all of its attempts. */
export interface Shipment extends Part {
  /** Number of the attempt under way, from 1. */
  attempt: number
  /** When the first attempt began, monotonic milliseconds. */
  since: number
  /** An earlier attempt may have delivered it. */
  uncertain: boolean
  over: boolean
  abort: AbortController | undefined
  /** Until the timeout of an attempt, or between two of them until the next. */
  timer: Timer | undefined
  paused: boolean
}

export function newShipment(part: Part, since: number): Shipment {
  const { batch, requests, bytes, cost } = part
  return {
    batch,
    requests,
    bytes,
    cost,
    attempt: 0,
    since,
    uncertain: false,
    over: false,
    abort: undefined,
    timer: undefined,
    paused: false,
  }
}
