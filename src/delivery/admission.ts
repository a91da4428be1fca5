import type { Loss } from '../telemetry/receipt.ts'
import { type DropReason, dropReasons } from './reasons.ts'

/** Why an offer was not taken. The peer may repeat what was refused: no state was touched. */
export class Refused extends Error {
  readonly reason: string
  readonly retryAfterMs: number | undefined

  constructor(reason: string, retryAfterMs?: number) {
    super(reason)
    this.name = 'Refused'
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

/** What became of records whose sender waits for the end of them: they were taken, lost, and counted where they were lost. */
export class Undelivered extends Error {
  /** The same records would be lost again. */
  readonly isPermanent: boolean

  constructor({ dropped, detail, cause }: Loss) {
    super(detail ?? dropReasons[dropped], { cause })
    this.name = 'Undelivered'
    this.isPermanent = !passing.has(dropped)
  }
}

/** Reasons that may be gone when the records come again. */
const passing: ReadonlySet<DropReason> = new Set([
  'queue_full',
  'displaced',
  'unfair_share',
  'memory',
  'storage',
  'retries_exhausted',
  'connection',
  'no_destination',
  'shutdown',
  'expired',
])

/** `undefined`: there is room. A `Refused`: no. `wait`: not now, `onRoom` tells when to ask again. */
export type Verdict = undefined | Refused | 'wait'

/** What the engine asks before it runs a batch through the graph: one per queue. */
export interface Admission {
  /**
   * Whether the queue takes what comes until `settle()`: a yes holds for the whole run even if the run fills the queue
   * past its bound, and whoever asks meanwhile waits. A queue that drops always says yes.
   */
  admit(): Verdict
  /**
   * Ends what `admit` allowed. Legal without it. A promise: what the run brought is not safe before it resolves, so its
   * sender is not to be answered; it rejects with `Refused` when it could not be made safe, and the sender may repeat it, or
   * with `Undelivered` when it is lost.
   */
  settle(): void | Promise<void>
  /** Told of records that its refusal sent back to their sender: for its books. */
  sentBack?(records: number): void
  /** Calls `fn` once when room has been made. */
  onRoom(fn: () => void): void
}
