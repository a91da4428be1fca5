import type { Socket } from 'node:net'
import type { ReadingProof } from '../../net/reading-proof.ts'
import type { Clock } from '../../runtime/clock.ts'
import { DrainSocket } from './drain-socket.ts'
import type { Flight, TakeLimits } from './flight.ts'
import { type Dial, DrainError, type Transport } from './transport.ts'

export interface TcpTransportOptions {
  dial: Dial
  clock: Clock
  /** A write that the peer's machine does not take for this long ends the connection. */
  writeTimeoutMs: number
  /** Bytes on their way at once. */
  maxFlightBytes: number
  maxAgeMs: number
  /** Of the drain, whatever connections it has had; undefined: nobody asks whether it reads. */
  proof: ReadingProof | undefined
  onOpen(): void
}

/**
 * Octet-counted frames over TCP or TLS (RFC 6587, 3.4.1), written as they stand in the ring's chunks, many at a time. The
 * peer never answers: a write counts as sent when its callback came, and one is under way at a time.
 */
export class TcpTransport implements Transport {
  readonly limits: TakeLimits
  private readonly options: TcpTransportOptions
  private readonly connection: DrainSocket
  private done: ((error?: DrainError) => void) | undefined = undefined
  /** Number of the last write, and whether it is under way. */
  private turn = 0
  private writing = false
  /** The connection that is watched for progress. */
  private watched: Socket | undefined = undefined

  constructor(options: TcpTransportOptions) {
    this.options = options
    this.limits = { bytes: options.maxFlightBytes, messages: Number.POSITIVE_INFINITY, overshoot: false }
    const { dial, clock, maxAgeMs, proof, onOpen } = options
    this.connection = new DrainSocket({
      dial,
      clock,
      maxAgeMs,
      maxIdleMs: 0,
      onOpen,
      proof,
      onClose: (error) => this.finish(new DrainError('write', error?.message ?? 'the drain closed the connection')),
    })
  }

  send(take: () => Flight | undefined, done: (error?: DrainError) => void): void {
    this.done = done
    this.connection.use((error, socket) => {
      const flight = socket && take()
      if (flight) this.write(socket, flight)
      else this.finish(error)
    })
  }

  close(): void {
    if (this.done) this.connection.close()
    else this.connection.retire()
    this.finish(new DrainError('write', 'given up'))
  }

  private write(socket: Socket, { pieces, bytes: size }: Flight): void {
    const { proof } = this.options
    const turn = ++this.turn
    this.writing = true
    const written = (error?: Error | null) => {
      // A write that was given up may still report.
      if (this.turn !== turn || !this.writing) return
      if (!error) proof?.taken()
      this.finish(error ? new DrainError('write', error.message, error) : undefined)
    }
    if (socket !== this.watched) this.watch(socket)
    proof?.gives(size)
    if (pieces.length > 1) socket.cork()
    for (let i = 0; i < pieces.length; i++) {
      const { chunk, from, to } = pieces[i]!
      const bytes = chunk.bytes.subarray(from, to)
      if (i < pieces.length - 1) socket.write(bytes)
      else socket.write(bytes, written)
    }
    if (pieces.length > 1) socket.uncork()
  }

  /** A peer that reads slowly is left alone as long as it reads at all: Node's socket timeout asks how much is left. */
  private watch(socket: Socket): void {
    this.watched = socket
    socket.setTimeout(this.options.writeTimeoutMs, () => {
      if (this.watched === socket && this.writing) this.timedOut()
    })
  }

  private timedOut(): void {
    this.connection.close()
    this.options.proof?.stoodStill()
    this.finish(new DrainError('write', `the drain read nothing for ${this.options.writeTimeoutMs / 1000} s`))
  }

  private finish(error: DrainError | undefined): void {
    const { done } = this
    this.done = undefined
    this.writing = false
    if (error?.step === 'write') this.connection.close()
    done?.(error)
  }
}
