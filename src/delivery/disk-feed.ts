import type { Clock, Timer } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Spool, SpoolRecord } from '../storage/contract.ts'
import { Batch } from '../telemetry/batch.ts'
import type { Receipt } from '../telemetry/receipt.ts'
import { pointOf, type TracePoint } from './batch-trace.ts'
import { diskRetryMs } from './disk-gap.ts'
import type { Queue } from './queue.ts'

export interface DiskFeedOptions {
  queue: Queue
  pump: (now: number) => void
  clock: Clock
  log: Log
  /** The receipt of the batch with this sequence. */
  receipt: (sequence: number, trace?: TracePoint) => Receipt
  /** Told of records that the disk says it does not have. */
  unreadable: (records: number) => void
}

/** Read at a time. */
const readBytes = 256 << 10

/** Between the disk and the queue in memory: what was just written goes straight on, what waits on disk when there is room. */
export class DiskFeed {
  /** Records that stand on disk alone. */
  unread = 0
  private readonly options: DiskFeedOptions
  private spool: Spool | undefined
  private running = false
  private isHeld = false
  private busy = false
  private again = false
  private reading = false
  private troubled = false
  private whenRead: (() => void) | undefined
  private timer: Timer | undefined
  private fetched: readonly SpoolRecord[] = []
  private next = 0

  constructor(options: DiskFeedOptions) {
    this.options = options
  }

  opened(spool: Spool, records: number): void {
    this.spool = spool
    this.unread += records
    this.pour()
  }

  run(): void {
    this.running = true
    this.pour()
  }

  /** A batch was written: it goes on when nothing older waits and memory has room, else its turn comes. */
  offer(batch: Batch, sequence: number, now: number): void {
    const { queue, receipt } = this.options
    if (this.unread === 0 && this.running && !this.isHeld && queue.admit() === undefined) {
      if (this.spool!.took(sequence)) {
        this.push(batch.withReceipts([receipt(sequence, pointOf(batch.receipts))]), now, true)
        return
      }
      queue.settle()
    }
    this.unread += batch.count
    if (this.next === this.fetched.length) this.pour()
  }

  /** A batch that is not on disk goes on alone, when that keeps the order and there is room. */
  pass(batch: Batch, now: number): boolean {
    if (this.unread > 0 || this.options.queue.admit() !== undefined) return false
    this.push(batch, now, true)
    return true
  }

  /** Nothing goes on until `goOn`. Resolves when nothing is being read. */
  hold(): Promise<void> {
    this.isHeld = true
    if (!this.reading) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.whenRead = resolve
    return promise
  }

  /** So many records stand on disk alone: all that it has. */
  rewound(records: number): void {
    this.unread = records
    this.fetched = []
    this.next = 0
  }

  goOn(): void {
    this.isHeld = false
    this.pour()
  }

  /** Nothing more comes from the disk. */
  stop(): void {
    this.running = false
    this.timer?.cancel()
  }

  /** Answers how many records stay on disk that are not in memory. */
  close(): number {
    this.stop()
    const { unread } = this
    this.unread = 0
    this.fetched = []
    this.next = 0
    return unread
  }

  /** Hands on what was read, reads more, as long as there is room. */
  private readonly pour = (): void => {
    if (this.busy) {
      this.again = true
      return
    }
    this.busy = true
    do {
      this.again = false
      if (this.running && !this.isHeld) this.pourOnce()
    } while (this.again)
    this.busy = false
  }

  private pourOnce(): void {
    const { queue, pump, clock, receipt } = this.options
    const now = clock.monotonic()
    const from = this.next
    while (this.next < this.fetched.length && this.hasRoom()) {
      const record = this.fetched[this.next++]!
      this.unread -= record.count
      this.push(batchOf(record, receipt(record.sequence)), now, false)
      queue.settle()
    }
    if (this.next > from) pump(now)
    if (this.next === this.fetched.length && this.unread > 0 && !this.reading && !this.timer && this.running)
      this.fetch()
  }

  /** Whether the queue takes one more; else it says when. A yes lasts until it is settled. */
  private hasRoom(): boolean {
    const { queue } = this.options
    if (queue.admit() === undefined) return true
    queue.onRoom(this.pour)
    return false
  }

  private push(batch: Batch, now: number, alone: boolean): void {
    const { queue, pump } = this.options
    const entry = queue.push(batch, now)
    if (!alone) {
      if (entry) queue.stay(entry)
      return
    }
    queue.settle()
    if (!entry) return
    pump(now)
    queue.stay(entry)
  }

  private fetch(): void {
    if (!this.hasRoom()) return
    this.options.queue.settle()
    this.reading = true
    this.spool!.read(readBytes).then(
      (records) => this.got(records),
      (error) => this.failed(error),
    )
  }

  private got(records: readonly SpoolRecord[]): void {
    this.wasRead()
    if (this.troubled) this.options.log.info('the queue on disk can be read again')
    this.troubled = false
    if (!this.running) return
    this.fetched = records
    this.next = 0
    if (records.length === 0 && this.unread > 0 && this.spool!.unread === 0) this.options.unreadable(this.unread)
    this.pour()
  }

  private wasRead(): void {
    this.reading = false
    this.whenRead?.()
    this.whenRead = undefined
  }

  private failed(error: unknown): void {
    this.wasRead()
    if (!this.running) return
    if (!this.troubled) {
      const text = error instanceof Error ? error.message : String(error)
      this.options.log.error('the queue on disk cannot be read; trying again every second', { error: text })
    }
    this.troubled = true
    this.timer = this.options.clock.after(diskRetryMs, () => {
      this.timer = undefined
      this.pour()
    })
  }
}

function batchOf({ format, payload, count, note }: SpoolRecord, receipt: Receipt): Batch {
  return Batch.of(format, payload, { count, origin: note?.origin, receipts: [receipt] })
}
