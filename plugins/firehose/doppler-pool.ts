import { Dropped } from 'tailrace/plugin'
import { DopplerStream, type DopplerStreamOptions } from './doppler-stream.ts'

export interface DopplerPoolOptions extends Omit<DopplerStreamOptions, 'onChange' | 'limit'> {
  /** Streams kept, each to a doppler drawn for itself. */
  connections: number
  /** Each stream draws its own limit: this and up to 999 more. */
  recycleAfter: number
  random(): number
}

/** A few streams to dopplers; what is sent goes to any of them that is free. */
export class DopplerPool {
  private readonly streams: DopplerStream[]
  private readonly random: () => number
  private waiting: (() => void)[] = []
  private started = false
  private closed = false

  constructor(options: DopplerPoolOptions) {
    const { connections, recycleAfter, random } = options
    this.random = random
    const onChange = () => this.tell()
    this.streams = Array.from({ length: connections }, () => {
      const limit = recycleAfter + Math.floor(random() * 1000)
      return new DopplerStream({ ...options, limit, onChange })
    })
  }

  /** Streams that stand right now. */
  get open(): number {
    return this.streams.filter((stream) => stream.open).length
  }

  /** Starts to connect; once. */
  start(): void {
    if (this.started || this.closed) return
    this.started = true
    for (const stream of this.streams) stream.start()
  }

  /**
   * Writes to a stream drawn at random, else to the next ones in turn. What a broken stream cannot have taken is offered
   * to the others, what it may have taken is `Dropped`: nothing is sent twice. Streams that are stuck in a write are passed
   * over, or waited for when there are no others. Answers false when no stream stands. While the first attempts to connect
   * are under way it waits for them.
   */
  async send(framed: Buffer, writes: number, signal: AbortSignal): Promise<boolean> {
    const tried = new Set<DopplerStream>()
    while (!signal.aborted) {
      const stream = this.choose(tried)
      if (stream) {
        tried.add(stream)
        if (await accepted(stream.write(framed, writes))) return true
      } else if (this.mayChange(tried)) await this.change(signal)
      else break
    }
    return false
  }

  async close(): Promise<void> {
    this.closed = true
    await Promise.all(this.streams.map((stream) => stream.close()))
    this.tell()
  }

  private choose(tried: ReadonlySet<DopplerStream>): DopplerStream | undefined {
    const { streams } = this
    const first = Math.floor(this.random() * streams.length)
    for (let i = 0; i < streams.length; i++) {
      const stream = streams[(first + i) % streams.length]!
      if (stream.open && !stream.busy && !tried.has(stream)) return stream
    }
    return undefined
  }

  /** Whether waiting can help: a stream that is busy, or one that has not failed yet. */
  private mayChange(tried: ReadonlySet<DopplerStream>): boolean {
    if (this.closed) return false
    return this.streams.some((stream) => !tried.has(stream) && ((stream.open && stream.busy) || stream.starting))
  }

  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.waiting.push(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }

  private tell(): void {
    for (const done of this.waiting.splice(0)) done()
  }
}

const accepted = (write: Promise<void>): Promise<boolean> =>
  write.then(
    () => true,
    (error: Error & { unsent?: boolean }) => {
      if (error.unsent) return false
      throw new Dropped('connection', error.message)
    },
  )
