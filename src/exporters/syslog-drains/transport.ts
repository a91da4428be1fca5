import type { Socket } from 'node:net'
import type { Flight, TakeLimits } from './flight.ts'

/** How a drain's messages travel. */
export interface Transport {
  /** How much it sends at a time. */
  readonly limits: TakeLimits
  /**
   * Sends what `take` answers, which is asked when there is a connection: until then the oldest may still make room.
   * `done` comes exactly once, never within this call.
   */
  send(take: () => Flight | undefined, done: (error?: DrainError) => void): void
  /** Ends the connection. What is under way fails. */
  close(): void
}

/** Opens a connection to the drain; rejects with an error whose message is one sentence without secrets. */
export type Dial = (signal: AbortSignal) => Promise<Socket>

/** Where sending failed: no connection, the connection broke, or the drain did not like it. */
export type FailedStep = 'connect' | 'write' | 'answer'

/** Why a drain did not take what was sent: one sentence for people. */
export class DrainError extends Error {
  readonly step: FailedStep

  constructor(step: FailedStep, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'DrainError'
    this.step = step
  }
}
