import type { Socket } from 'node:net'
import { type ReadingProof, trialFarewellMs } from '../../net/reading-proof.ts'
import type { Clock, Timer } from '../../runtime/clock.ts'
import { type Dial, DrainError } from './transport.ts'

export interface DrainSocketOptions {
  dial: Dial
  clock: Clock
  /** A connection that is older is not used for what comes next; 0: no limit. */
  maxAgeMs: number
  /** The same for one that was not used for this long; 0: no limit. */
  maxIdleMs: number
  onOpen(): void
  /** The connection is gone, and `use` was called for it. */
  onClose(error: Error | undefined): void
  /** Whether the drain reads, over all connections; absent: it answers. */
  proof?: ReadingProof | undefined
  /** What the peer sends; absent: it is read and forgotten. */
  onData?(bytes: Buffer): void
}

/** A connection that lives shorter is followed by a pause, so that a peer which only accepts is not dialled all the time. */
const shortLifeMs = 1000
const longestPauseMs = 1000
/** For the peer to answer our good-bye. */
const farewellMs = 5000

/**
 * The one connection of a drain: made when it is needed, replaced when it is old, and always read from, so that a peer
 * that closes is noticed at once and not by the loss of a message.
 */
export class DrainSocket {
  private readonly options: DrainSocketOptions
  private socket: Socket | undefined = undefined
  private dialling: AbortController | undefined = undefined
  private pause: Timer | undefined = undefined
  private openedAt = 0
  private usedAt = 0
  /** Connections in a row that did not live long. */
  private short = 0
  private notBefore = Number.NEGATIVE_INFINITY

  constructor(options: DrainSocketOptions) {
    this.options = options
  }

  /** Hands over the connection, at once when there is one, or the reason why there is none. */
  use(ready: (error: DrainError | undefined, socket: Socket | undefined) => void): void {
    const now = this.options.clock.monotonic()
    if (this.socket && this.isOld(now)) this.retire()
    this.usedAt = now
    if (this.socket) return void ready(undefined, this.socket)
    const wait = this.notBefore - now
    if (wait <= 0) return void this.open(ready)
    this.pause = this.options.clock.after(wait, () => this.open(ready))
  }

  /** Ends it here and now; neither `ready` nor `onClose` come any more. */
  close(): void {
    this.pause?.cancel()
    this.dialling?.abort()
    this.dialling = undefined
    const { socket } = this
    this.socket = undefined
    socket?.destroy()
  }

  /** Says good-bye first: what was written still arrives. */
  retire(waitMs = farewellMs): void {
    const { socket } = this
    this.socket = undefined
    if (!socket) return
    socket.end()
    const timer = this.options.clock.after(waitMs, () => socket.destroy())
    socket.once('close', () => timer.cancel())
  }

  private isOld(now: number): boolean {
    const { maxAgeMs, maxIdleMs } = this.options
    if (maxAgeMs > 0 && now - this.openedAt >= maxAgeMs) return true
    return maxIdleMs > 0 && now - this.usedAt >= maxIdleMs
  }

  private open(ready: (error: DrainError | undefined, socket: Socket | undefined) => void): void {
    const dialling = new AbortController()
    this.dialling = dialling
    this.options.dial(dialling.signal).then(
      (socket) => {
        if (this.dialling !== dialling) return void socket.destroy()
        this.dialling = undefined
        this.adopt(socket)
        ready(undefined, socket)
      },
      (error: Error) => {
        if (this.dialling !== dialling) return
        this.dialling = undefined
        ready(new DrainError('connect', error.message, error), undefined)
      },
    )
  }

  private adopt(socket: Socket): void {
    const { clock, onOpen, proof, onData } = this.options
    this.socket = socket
    this.openedAt = this.usedAt = clock.monotonic()
    let failure: Error | undefined
    socket.on('error', (error) => {
      failure = error
    })
    if (onData) socket.on('data', (bytes: Buffer) => this.socket === socket && onData(bytes))
    else socket.resume()
    // A peer that ends its side reads no further, as far as one can know.
    socket.on('end', () => {
      if (socket.bytesWritten > 0) proof?.ended()
      socket.destroy()
    })
    socket.on('close', () => this.gone(socket, failure))
    proof?.opened(socket, clock, () => {
      if (this.socket === socket) this.retire(trialFarewellMs)
    })
    onOpen()
  }

  private gone(socket: Socket, failure: Error | undefined): void {
    if (this.socket !== socket) return
    this.socket = undefined
    const now = this.options.clock.monotonic()
    if (now - this.openedAt >= shortLifeMs) this.short = 0
    else this.notBefore = now + Math.min(longestPauseMs, 2 ** Math.min(this.short++, 10))
    this.options.onClose(failure)
  }
}
