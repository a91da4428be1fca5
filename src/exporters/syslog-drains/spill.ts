import type { DropReason } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import type { Spool } from '../../storage/contract.ts'
import { closeFolder, removeFolder } from './folder-end.ts'
import { newReturning, type Returning } from './refill.ts'
import type { SpillWorld } from './spill-world.ts'

/** Envelopes gather for this long before they are written. */
const gatherMs = 50
/** Read back at a time. */
const readBytes = 128 << 10
/** A folder that nobody needs any more is kept open so long. */
const restMs = 10_000
const retryMs = 1000

/** What is written, and comes back, together: the ring must have room for it. */
export interface SpillBounds {
  readonly bytes: number
  readonly messages: number
}

export interface SpillOptions {
  key: string
  name: string
  world: SpillWorld
  atOnce: SpillBounds
  /** Writes the messages of envelopes into the ring, as long as they have room; answers how many. */
  refill(returning: Returning): number
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
  private fetched: Returning[] = []
  private gathered: Buffer | undefined
  private used = 0
  private gatheredMessages = 0
  private flushing: Timer | undefined
  private resting: Timer | undefined
  private retryAt = 0
  private atOnce: SpillBounds

  constructor(options: SpillOptions) {
    this.options = options
    this.atOnce = options.atOnce
  }

  /** Gathers by other bounds from now on. */
  bound(atOnce: SpillBounds): void {
    this.flush()
    this.gathered = undefined
    this.atOnce = atOnce
  }

  /** Something of the drain is on disk: what comes belongs behind it. */
  get isActive(): boolean {
    return this.messages > 0 || this.fetched.length > 0
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
    const wasLeft = world.left.delete(key)
    world.open.add(this)
    const onLost = (loss: DropReason, records: number) => this.gone(loss, records)
    this.opening = world.storage.open({ exporter: world.exporter, part: key, onLost }).then(
      (spool) => this.opened(spool),
      (error) => {
        this.opening = undefined
        this.retryAt = world.clock.monotonic() + 10_000
        world.open.delete(this)
        if (wasLeft) world.left.add(key)
        world.notOpened.note(name, 0, error)
      },
    )
    return this.opening
  }

  /** Takes the envelope `bytes[from, to)`, a record of a batch with its tag, which makes so many messages. */
  put(bytes: Buffer, from: number, to: number, messages: number): void {
    const size = to - from
    const { bytes: mostBytes, messages: mostMessages } = this.atOnce
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
    while (this.fetched.length > 0 && this.options.hasRoom()) if (this.back(this.fetched[0]!)) this.fetched.shift()
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
        this.fetched = records.map(newReturning)
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
    const { account } = this.options.world
    account.kept += this.messages
    this.messages = 0
    // What came back in part only stays as a whole.
    for (const { record, left } of this.fetched) account.maybe_duplicate += record.count - left
    await this.close()
  }

  /** Nobody wants it any more. */
  async discard(reason: DropReason): Promise<void> {
    const { world, key } = this.options
    this.flush()
    this.lose(reason)
    // What the process before left is opened too, to be counted: one after the other, there may be many.
    const isLeft = !this.spool && !this.opening && world.left.has(key)
    if (isLeft)
      this.opening = world.counting = world.counting.then(() => (world.left.has(key) ? this.open() : undefined))
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
    const { world, name } = this.options
    this.opening = undefined
    if (this.closed) {
      world.open.delete(this)
      void closeFolder(spool, world)
      return
    }
    this.spool = spool
    const { records, batches } = spool.recovered
    world.account.recovered += records
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

  /** Answers whether all of a record is back in the ring. */
  private back(returning: Returning): boolean {
    const { refill, onChanged } = this.options
    const messages = refill(returning)
    const expected = Math.min(messages, returning.left)
    returning.left -= expected
    this.messages -= expected
    if (messages > expected) onChanged(messages - expected)
    if (returning.next < returning.batch.count) return false
    this.messages -= returning.left
    if (returning.left > 0) onChanged(-returning.left)
    this.spool?.finish(returning.record.sequence)
    return true
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
    const { world, name } = this.options
    const error = this.append(bytes, messages)
    if (error === undefined) return
    this.gone('storage', messages)
    world.notTaken.note(name, messages, error)
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
    const { world, key } = this.options
    await this.close()
    world.left.delete(key)
    await removeFolder(key, world)
    // The next flood finds a new one.
    this.closed = false
  }

  private async close(): Promise<void> {
    this.closed = true
    this.resting?.cancel()
    this.flushing?.cancel()
    this.resting = this.flushing = undefined
    const { spool } = this
    const { world } = this.options
    this.spool = undefined
    this.gathered = undefined
    this.fetched = []
    if (spool) {
      await closeFolder(spool, world)
      world.open.delete(this)
    }
  }
}
