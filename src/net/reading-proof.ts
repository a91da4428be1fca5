import type { Socket } from 'node:net'
import type { Clock } from '../runtime/clock.ts'

/** More than the buffers of two machines hold for one connection (Linux: 4 MiB here, 6 to 32 MiB there, unless it is told otherwise). */
const mostBuffered = 48 << 20
/** A connection to a peer in doubt lives for so long, then for twice as long each time: a peer that hangs must not collect them. */
const firstTrialMs = 10_000
const longestTrialMs = 600_000
/** For one that is written to just then. */
const laterMs = 1000
/** So long a peer in doubt may take to end a connection in turn. */
export const trialFarewellMs = 10_000

/**
 * Whether a peer that never answers reads. It is believed to, until a connection stood still. From then on a new connection says
 * nothing, nor do the first bytes on it, which buffers take whoever listens. The peer is believed again when one connection has taken
 * twice what was given to the one that stood still, or when it ends a connection in order: a machine whose application has left
 * something unread resets it instead. Connections to a peer in doubt are ended on our side after a while, so that one with little to
 * read can do the same (docs/decisions/0021-who-reads.md).
 */
export class ReadingProof {
  /** Bytes written to the connection of the moment. */
  private given = 0
  /** Bytes that one connection must take; 0: there is no doubt. */
  private needed = 0
  /** Connections that were ended to see whether the peer does the same. */
  private trials = 0
  private readonly onProven: () => void

  /** `onProven`: there is no doubt any more. */
  constructor(onProven: () => void = () => {}) {
    this.onProven = onProven
  }

  /** Whether what was taken of late may stand in buffers that nobody reads. */
  get doubted(): boolean {
    return this.needed > 0
  }

  /** There is a new connection; `end` ends it in order. */
  opened(socket: Socket, clock: Clock, end: () => void): void {
    this.given = 0
    if (this.doubted) this.try(socket, clock, end)
  }

  /** So many bytes are being written. */
  gives(bytes: number): void {
    this.given += bytes
  }

  /** All that was given was taken. */
  taken(): void {
    if (this.doubted && this.given >= this.needed) this.proven()
  }

  /** The peer took nothing for too long. */
  stoodStill(): void {
    this.needed = Math.max(1, Math.min(2 * this.given, mostBuffered))
  }

  /** The peer ended a connection in order that something was written to. */
  ended(): void {
    if (this.doubted) this.proven()
  }

  private proven(): void {
    this.needed = this.trials = 0
    this.onProven()
  }

  private try(socket: Socket, clock: Clock, end: () => void): void {
    const look = () => {
      if (!this.doubted) return
      if (socket.writableLength > 0) {
        timer = clock.after(laterMs, look)
        return
      }
      this.trials++
      end()
    }
    let timer = clock.after(Math.min(firstTrialMs * 2 ** this.trials, longestTrialMs), look)
    socket.once('close', () => timer.cancel())
  }
}
