import type { DropReason } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import type { Spool, SpoolRecord } from '../../storage/contract.ts'
import { Batch } from '../../telemetry/batch.ts'
import type { SpillWorld } from './spill-world.ts'

/** Envelopes gather for this long before they are written. */
const gatherMs = 50
/** Read back at a time. */
const readBytes = 128 << 10
/** A folder that nobody needs any more is kept open so long. */
const restMs = 10_000
const retryMs = 1000

export interface SpillOptions {
  key: string
  name: string
  world: SpillWorld
  /** What is written, and comes back, together: the ring must have room for it. */
  atOnce: { readonly bytes: number; readonly messages: number }
  /** Writes the messages of each envelope into the ring; answers how many. */
  refill(batch: Batch): number
  /** Whether the ring has so much room that some may come back. */
  hasRoom(): boolean
  onLost(reason: DropReason, messages: number): void
  /** Messages that an envelope makes now and did not make when it was written; negative: makes no longer. */
  onChanged(by: number): void
}

/** What of one drain is on disk, because its part of the memory was full: newer than all that is in the ring. */
export class Spill {
  /** Messages on disk, or about to be written. */
  messages = 0
  private readonly options: SpillOptions
  private spool: Spool | undefined
  /** Resolves when the folder is open, or could not be opened. */
  private opening: Promise<void> | undefined
  private closed = false
  /** What is on disk is booked already. */
  private isDiscarded = false
  /** Waits for its folder to open, to discard what is in it. */
  private isUnwanted = false
  private reading = false
  private draining = false
  /** Read, and not back in the ring. */
  private fetched: SpoolRecord[] = []
  private gathered: Buffer | undefined
  private used = 0
  private gatheredMessages = 0
  private flushing: Timer | undefined
  private resting: Timer | undefined
  private troubled = false
  private retryAt = 0

  constructor(options: SpillOptions) {
    this.options = options
  }

  /** Something of the drain is on disk: what comes belongs behind it. */
  get isActive(): boolean {
    return this.messages > 0
  }

  get isOpen(): boolean {
    return this.spool !== undefined
  }

  /** Resolves when a folder that is being opened is open, or could not be. */
  get whenOpen(): Promise<void> | undefined {
    return this.opening
  }

  get key(): string {
    return this.options.key
  }

  /** Whether it has nothing to do with this disk, and nothing left on that of before. */
  isDone(world: SpillWorld | undefined): boolean {
    return world !== this.options.world && !this.isActive && !this.spool && !this.opening
  }

  get bytes(): number {
    return this.spool?.bytes ?? 0
  }

  get trouble(): string | undefined {
    return this.spool?.status().trouble
  }

  /** Opens the folder, unless too many are open: then the drain goes on without. */
  prepare(): void {
    const { world } = this.options
    if (this.opening || this.spool || this.closed || world.open.size >= world.most) return
    if (world.clock.monotonic() >= this.retryAt) void this.open()
  }

  private open(): Promise<void> {
    const { world, key, name } = this.options
    world.open.add(this)
    const onLost = (loss: DropReason, records: number) => this.gone(loss, records)
    this.opening = world.storage.open({ exporter: world.exporter, part: key, onLost }).then(
      (spool) => this.opened(spool),
      (error) => {
        this.opening = undefined
        this.retryAt = world.clock.monotonic() + 10_000
        world.open.delete(this)
        world.log.warn('no folder for a drain', { drain: name, error: String(error) })
      },
    )
    return this.opening
  }

  /** Takes the envelope `bytes[from, to)`, a record of a batch with its tag, which makes so many messages. */
  put(bytes: Buffer, from: number, to: number, messages: number): void {
    const size = to - from
    const { bytes: mostBytes, messages: mostMessages } = this.options.atOnce
    if (this.used + size > mostBytes || this.gatheredMessages >= mostMessages) this.flush()
    this.gathered ??= Buffer.allocUnsafeSlow(mostBytes)
    this.messages += messages
    if (size > mostBytes) {
      this.write(bytes.subarray(from, to), messages)
      return
    }
    this.used += bytes.copy(this.gathered, this.used, from, to)
    this.gatheredMessages += messages
    this.flushing ??= this.options.world.clock.after(gatherMs, () => this.flush())
  }

  /** Brings back what has room in the ring. */
  drain(): void {
    if (!this.isActive || this.closed || this.draining) return
    this.draining = true
    while (this.fetched.length > 0 && this.options.hasRoom()) this.back(this.fetched.shift()!)
    this.draining = false
    if (!this.isActive) this.rest()
    else if (this.fetched.length === 0 && this.options.hasRoom()) this.read()
  }

  private read(): void {
    const { spool } = this
    if (this.reading || !spool) return
    if (spool.unread === 0) this.flush()
    this.reading = true
    spool.read(readBytes).then(
      (records) => {
        this.reading = false
        if (this.closed || this.isDiscarded) return
        this.fetched = records
        if (records.length > 0) this.drain()
      },
      () => {
        this.reading = false
        this.options.world.clock.after(retryMs, () => this.drain())
      },
    )
  }

  /** The end of the process: what is on disk stays there. */
  async park(): Promise<void> {
    this.flush()
    this.options.world.kept(this.messages)
    this.messages = 0
    await this.close()
  }

  /** Nobody wants it any more. */
  async discard(reason: DropReason): Promise<void> {
    const { world, key } = this.options
    this.flush()
    this.lose(reason)
    // What the process before left is opened too, to be counted: one after the other, there may be many.
    const isLeft = !this.spool && !this.opening && world.left.has(key)
    if (isLeft) this.opening = world.counting = world.counting.then(() => this.open())
    if (this.opening) {
      this.isUnwanted = true
      await this.opening
      // What could not be opened, or was parked meanwhile, stays for the next process.
      if (!this.spool) return
      this.lose(reason)
    }
    this.isDiscarded = true
    this.spool?.clear()
    await this.remove()
    this.closed = true
  }

  private lose(reason: DropReason): void {
    if (this.messages > 0) this.gone(reason, this.messages)
  }

  private opened(spool: Spool): void {
    const { world, key, name } = this.options
    this.opening = undefined
    if (this.closed) {
      world.open.delete(this)
      void spool.close()
      return
    }
    this.spool = spool
    world.left.delete(key)
    const { records, batches } = spool.recovered
    world.recovered(records)
    this.messages += records
    if (this.isUnwanted) return
    world.log.info('a drain has part of its queue on disk', { drain: name, folder: spool.status().folder, batches })
    if (this.isActive) this.drain()
    else this.rest()
  }

  /** Closes a folder that stays empty. */
  private rest(): void {
    const { clock } = this.options.world
    this.resting ??= clock.after(restMs, () => {
      this.resting = undefined
      if (!this.isActive && !this.reading) void this.remove()
    })
  }

  private back({ payload, count, sequence }: SpoolRecord): void {
    const messages = this.options.refill(Batch.of('envelopes', payload))
    this.messages -= count
    if (messages !== count) this.options.onChanged(messages - count)
    this.spool?.finish(sequence)
  }

  private flush(): void {
    this.flushing?.cancel()
    this.flushing = undefined
    const { gathered, used, gatheredMessages } = this
    if (!gathered || used === 0) return
    this.used = this.gatheredMessages = 0
    this.write(gathered.subarray(0, used), gatheredMessages)
  }

  private write(bytes: Buffer, messages: number): void {
    const { world, name: drain } = this.options
    const error = this.append(bytes, messages)
    const isTold = this.troubled === (error !== undefined)
    this.troubled = error !== undefined
    if (error !== undefined) {
      this.gone('storage', messages)
      if (!isTold) world.log.error('the disk does not take what waits for a drain', { drain, error: String(error) })
    } else if (!isTold) world.log.info('the disk takes what waits for a drain again', { drain })
  }

  /** Answers why it could not be written. */
  private append(bytes: Buffer, messages: number): unknown {
    const { spool } = this
    if (!spool) return 'no folder'
    while (!spool.fits(bytes.length) && spool.dropOldest() !== undefined);
    try {
      spool.append(bytes, messages, 'envelopes')
      return undefined
    } catch (error) {
      return error
    }
  }

  private gone(reason: DropReason, messages: number): void {
    if (this.isDiscarded) return
    this.messages -= messages
    this.options.onLost(reason, messages)
  }

  private async remove(): Promise<void> {
    const { storage, exporter, left } = this.options.world
    const { key } = this.options
    await this.close()
    left.delete(key)
    await storage.remove?.({ exporter, part: key, onLost: () => {} })
    // The next flood finds a new one.
    this.closed = false
  }

  private async close(): Promise<void> {
    this.closed = true
    this.resting?.cancel()
    this.flushing?.cancel()
    this.resting = this.flushing = undefined
    const { spool } = this
    this.spool = undefined
    this.gathered = undefined
    this.fetched = []
    if (spool) {
      await spool.close()
      this.options.world.open.delete(this)
    }
  }
}
