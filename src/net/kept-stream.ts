import type { Socket } from 'node:net'
import type { Clock, Timer } from '../runtime/clock.ts'
import { sleep } from '../runtime/clock.ts'
import { type ReadingProof, trialFarewellMs } from './reading-proof.ts'

export interface KeptStreamOptions {
  /** Opens a connection; rejects with an error whose message is a sentence. */
  dial(signal: AbortSignal): Promise<Socket>
  clock: Clock
  /** A connection that was not used for this long is closed; 0: never. */
  idleMs: number
  /** Whether the peer reads, over all connections. */
  proof: ReadingProof
  /** The peer ended the connection, or it broke. */
  onEnd(error: Error | undefined): void
}

/** Connections that live shorter are followed by a pause, so that a peer which only accepts is not dialled all the time. */
const shortLifeMs = 1000
const longestPauseMs = 1000
/** For the peer to answer our good-bye. */
const farewellMs = 1000

/**
 * One connection to a peer that only listens: opened when it is needed, always read from (so that its end is noticed at
 * once and not by the loss of a message), closed when it was idle.
 */
export class KeptStream {
  private readonly options: KeptStreamOptions
  private socket: Socket | undefined = undefined
  private openedAt = 0
  private usedAt = 0
  private idle: Timer | undefined = undefined
  /** Connections in a row that did not live long. */
  private short = 0
  private notBefore = Number.NEGATIVE_INFINITY

  constructor(options: KeptStreamOptions) {
    this.options = options
  }

  /** The connection, when there is one. */
  get current(): Socket | undefined {
    this.usedAt = this.options.clock.monotonic()
    return this.socket
  }

  /** Opens a connection. Never called while there is one or another is being opened. */
  async open(signal: AbortSignal): Promise<Socket> {
    const { clock, dial } = this.options
    const wait = this.notBefore - clock.monotonic()
    if (wait > 0) await sleep(clock, wait, signal)
    const socket = await dial(signal)
    if (signal.aborted) {
      socket.destroy()
      throw signal.reason
    }
    this.adopt(socket)
    return socket
  }

  /** Ends it here and now: what is being written is lost. */
  destroy(): void {
    const { socket } = this
    this.forget()
    socket?.destroy()
  }

  /** Ends it when all was written, and waits for the peer to do the same, but not for long. */
  async close(waitMs = farewellMs): Promise<void> {
    const { socket } = this
    this.forget()
    if (!socket || socket.destroyed) return
    await new Promise<void>((resolve) => {
      const timer = this.options.clock.after(waitMs, () => socket.destroy())
      socket.once('close', () => {
        timer.cancel()
        resolve()
      })
      socket.end()
    })
  }

  private forget(): void {
    this.socket = undefined
    this.idle?.cancel()
    this.idle = undefined
  }

  private adopt(socket: Socket): void {
    const { clock, idleMs, proof } = this.options
    this.socket = socket
    this.openedAt = this.usedAt = clock.monotonic()
    let failure: Error | undefined
    socket.on('error', (error) => {
      failure = error
    })
    socket.resume()
    // A peer that ends its side reads no further, as far as one can know.
    socket.on('end', () => {
      if (socket.bytesWritten > 0) proof.ended()
      socket.destroy()
    })
    socket.on('close', () => this.gone(socket, failure))
    if (idleMs > 0) this.watch(idleMs)
    proof.opened(socket, clock, () => {
      if (this.socket === socket) void this.close(trialFarewellMs)
    })
  }

  private watch(wait: number): void {
    const { clock, idleMs } = this.options
    this.idle = clock.after(wait, () => {
      const left = this.usedAt + idleMs - clock.monotonic()
      if (left > 0 || (this.socket?.writableLength ?? 0) > 0) this.watch(Math.max(left, 1000))
      else void this.close()
    })
  }

  private gone(socket: Socket, failure: Error | undefined): void {
    if (this.socket !== socket) return
    this.forget()
    const now = this.options.clock.monotonic()
    if (now - this.openedAt >= shortLifeMs) this.short = 0
    else this.notBefore = now + Math.min(longestPauseMs, 2 ** Math.min(this.short++, 10))
    this.options.onEnd(failure)
  }
}
