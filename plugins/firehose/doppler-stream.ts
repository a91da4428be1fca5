import type { ClientStream, Clock, GrpcClient, Log, LogSeries } from 'tailrace/plugin'

export interface DopplerStreamOptions {
  /** `/loggregator.v2.Ingress/BatchSender` */
  path: string
  /** Which doppler next: `ip:port`. */
  lookup(): Promise<string>
  newClient(address: string): GrpcClient
  /** After this many writes the stream moves to another doppler. */
  limit: number
  clock: Clock
  log: Log
  /** For what happens again and again while a doppler is away. */
  trouble: Pick<LogSeries, 'note'>
  /** Called when it opened, closed, or can take the next write. */
  onChange(): void
}

interface Connection {
  readonly address: string
  readonly client: GrpcClient
  readonly stream: ClientStream
  readonly since: number
  writes: number
}

/** Least time between two attempts that failed. */
const tickMs = 1000
/** How long a stream that is being replaced may take to hand over what it holds. */
const farewellMs = 5000

/** Keeps one stream to one doppler, reconnecting for ever; one write is on its way at a time. */
export class DopplerStream {
  /** The first attempt is not over yet. */
  starting = true
  busy = false
  private readonly options: DopplerStreamOptions
  private connection: Connection | undefined
  private dialling: GrpcClient | undefined
  private readonly leaving = new Map<GrpcClient, AbortController>()
  private attemptedAt = 0
  private timer: { cancel(): void } | undefined
  private closed = false

  constructor(options: DopplerStreamOptions) {
    this.options = options
  }

  get open(): boolean {
    return this.connection !== undefined
  }

  start(): void {
    void this.attempt()
  }

  /** Writes framed messages, `writes` of them; resolves when they were handed to the connection, else rejects. */
  write(framed: Buffer, writes: number): Promise<void> {
    const connection = this.connection!
    this.busy = true
    return new Promise((resolve, reject) => {
      connection.stream.write(framed, (error) => {
        this.busy = false
        if (error) {
          this.options.trouble.note('write', `error writing to doppler: ${error.message}`)
          this.lost(connection)
          reject(error)
        } else {
          this.written(connection, writes)
          resolve()
        }
        this.options.onChange()
      })
    })
  }

  /** Ends the stream; waits until the doppler has taken its leave, but not past a second. */
  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.timer?.cancel()
    const { connection, leaving, dialling } = this
    this.connection = undefined
    const partings = [...leaving.values()]
    if (connection) partings.push(this.depart(connection, tickMs))
    await dialling?.close()
    // A stream that is stuck in a write has nothing to say any more.
    if (this.busy) for (const parting of partings) parting.abort()
    await Promise.all(partings.map((parting) => gone(parting)))
  }

  private async attempt(): Promise<void> {
    const { clock, lookup, path, newClient } = this.options
    this.timer = undefined
    this.attemptedAt = clock.monotonic()
    try {
      const address = await lookup()
      if (this.closed) return
      const client = newClient(address)
      this.dialling = client
      const stream = client.clientStream(path)
      await stream.opened
      this.dialling = undefined
      if (this.closed) return void client.close()
      if (client.state !== 'ready') {
        const error = await stream.closed
        void client.close()
        throw error ?? new Error(`${address} ended the stream at once`)
      }
      this.opened({ address, client, stream, since: clock.monotonic(), writes: 0 })
    } catch (error) {
      if (this.closed) return
      this.options.trouble.note('connect', `failed to connect: ${(error as Error).message}`)
      this.again(this.attemptedAt + tickMs)
    }
    this.starting = false
    this.options.onChange()
  }

  private opened(connection: Connection): void {
    this.connection = connection
    this.options.log.info(`successfully established a stream to doppler ${connection.address}`)
    void connection.stream.closed.then((error) => {
      if (this.connection !== connection) return
      const reason = error ? error.message : 'it ended the stream'
      this.options.trouble.note('lost', `lost the stream to doppler ${connection.address}: ${reason}`)
      this.lost(connection)
      this.options.onChange()
    })
  }

  /** Nothing was tried for a while: at once. A doppler that ends every stream it accepts is asked once a tick. */
  private lost(connection: Connection): void {
    if (this.connection !== connection) return
    this.connection = undefined
    void connection.client.close()
    const now = this.options.clock.monotonic()
    this.again(now - connection.since >= tickMs ? now : this.attemptedAt + tickMs)
  }

  private written(connection: Connection, writes: number): void {
    connection.writes += writes
    if (connection.writes < this.options.limit || this.connection !== connection) return
    this.options.log.info(`recycling connection to doppler after ${this.options.limit} writes`)
    this.connection = undefined
    this.depart(connection, farewellMs)
    this.again(this.options.clock.monotonic())
  }

  private again(at: number): void {
    if (this.closed) return
    const wait = at - this.options.clock.monotonic()
    if (wait > 0) this.timer = this.options.clock.after(wait, () => void this.attempt())
    else void this.attempt()
  }

  /** Half-closes, so that what is on its way arrives; aborted when it is over, or by whoever cannot wait. */
  private depart({ client, stream }: Connection, withinMs: number): AbortController {
    const parting = new AbortController()
    this.leaving.set(client, parting)
    const timer = this.options.clock.after(withinMs, () => parting.abort())
    parting.signal.addEventListener('abort', () => {
      timer.cancel()
      this.leaving.delete(client)
      void client.close()
    })
    void stream.end().then(() => parting.abort())
    return parting
  }
}

const gone = ({ signal }: AbortController): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
