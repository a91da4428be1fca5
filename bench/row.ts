import type { LoadSpec } from './driver/loads.ts'
import type { RoleName } from './roles.ts'

type Without<T> = T extends unknown ? Omit<T, 'address'> : never

/** One measurement: a role, what it is fed with, and what counts. */
export interface Row {
  readonly name: string
  readonly role: RoleName
  readonly load: Without<LoadSpec>
  /** Records a second; 0: as fast as it takes. */
  readonly rate: number
  readonly latency?: boolean
  /** A destination that stops reading for the whole measured time. */
  readonly stall?: string
  /** Milliseconds without arrivals after which everything has arrived; 400 where nothing is said. */
  readonly quietMs?: number
  /** Records a second while it warms up, where the usual 20,000 are too many. */
  readonly warmRate?: number
  /** Takes so long that it is measured only when its name is asked for. */
  readonly long?: true
  /** Seconds of measured time, where the usual is too short. */
  readonly seconds?: number
  /** CPU microseconds per record that are asked for at a calibration of 210 to 260 ms; or latency, p50 and p99 in ms. */
  readonly goal?: { cpu?: number; p50?: number; p99?: number; rss?: number }
  /** Records that each destination gets for one that was sent; 1 where nothing is said. */
  readonly factor?: Record<string, number>
}
