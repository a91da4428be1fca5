import type { TLSSocket } from 'node:tls'
import type { Clock } from '../runtime/clock.ts'
import type { PeerOrigin } from './grpc-types.ts'

/** What a connection needs of its server. */
export interface ConnectionOwner {
  readonly clock: Clock
  readonly readBytesPerTurn: number
  /** Whether nobody may be read now. */
  readonly paused: boolean
  read(bytes: number): void
  /** The sink threw, which is a bug of ours: the connection ends. */
  broken(error: unknown, origin: PeerOrigin): void
  closed(connection: TcpConnection): void
}

interface Sink {
  data(chunk: Buffer): void
  end(): void
}

/** One connection of a `TcpServer`: its share of a turn, its idle time, its pauses. */
export class TcpConnection {
  readonly origin: PeerOrigin
  /** Address and port of our end. */
  readonly local: { address: string; port: number }
  bytesIn = 0
  /** Monotonic milliseconds of the last `touch`. */
  lastTouched: number
  readonly #owner: ConnectionOwner
  readonly #socket: TLSSocket
  readonly #sink: Sink
  #turnBytes = 0
  #waitsForTurn = false
  #isHeld = false
  #isOver = false

  constructor(
    owner: ConnectionOwner,
    socket: TLSSocket,
    origin: PeerOrigin,
    open: (connection: TcpConnection) => Sink,
  ) {
    this.#owner = owner
    this.#socket = socket
    this.origin = origin
    this.local = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 }
    this.lastTouched = owner.clock.monotonic()
    this.#sink = open(this)
    socket.on('error', ignored)
    socket.on('data', (chunk: Buffer) => this.#data(chunk))
    socket.on('end', () => this.#over())
    socket.on('close', () => {
      this.#over()
      owner.closed(this)
    })
    if (owner.paused) this.hold()
  }

  /** Whether nothing more will be read. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether it is not read for now: by `hold`. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Starts the idle time anew: a message came, or it is not the peer who is slow. */
  touch(): void {
    this.lastTouched = this.#owner.clock.monotonic()
  }

  /** Reads no more, until `letGo`. */
  hold(): void {
    this.#isHeld = true
    this.#socket.pause()
  }

  letGo(): void {
    this.#isHeld = false
    this.touch()
    if (!this.#waitsForTurn && !this.#isOver) this.#socket.resume()
  }

  /** Says that we write no more (FIN, close notify): peers that listen stop sending. Reading goes on. */
  finish(): void {
    // `allowHalfOpen` decides only who answers a FIN: our own leaves the reading side open.
    this.#socket.end()
  }

  /** Ends the connection. What was not read is lost. */
  close(): void {
    this.#over()
    this.#socket.destroy()
  }

  #data(chunk: Buffer): void {
    if (this.#isOver) return
    this.bytesIn += chunk.length
    this.#turnBytes += chunk.length
    this.#owner.read(chunk.length)
    try {
      this.#sink.data(chunk)
    } catch (error) {
      this.#owner.broken(error, this.origin)
      this.close()
    }
    if (this.#turnBytes <= this.#owner.readBytesPerTurn || this.#waitsForTurn) return
    this.#waitsForTurn = true
    this.#socket.pause()
    setImmediate(() => this.#nextTurn())
  }

  #nextTurn(): void {
    this.#waitsForTurn = false
    this.#turnBytes = 0
    if (!this.#isHeld && !this.#isOver) this.#socket.resume()
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    try {
      this.#sink.end()
    } catch (error) {
      this.#owner.broken(error, this.origin)
    }
  }
}

function ignored(): void {}
