import type { DropReason } from '../../plugin.ts'
import type { FrameSink } from '../../wire/syslog/frame-sink.ts'
import { type Chunk, chunkCost, chunkSize, largestChunk } from './chunk-pool.ts'
import { type Flight, framesIn, type Piece, skipFrames, type TakeLimits, takeFrom, takePart } from './flight.ts'
import type { Shareholder, Shares } from './shares.ts'

export interface RingLimits {
  /** Messages, those on their way included. */
  readonly maxMessages: number
  /** Bytes of chunks. */
  readonly maxBytes: number
}

const nothing = Buffer.alloc(0)

/**
 * The frames that wait for one drain, octet-counted, in chunks of its own. Writing appends; a full ring drops its oldest,
 * exact to the frame. What is taken stays until `done`, or comes back to the front with `undo`. Memory follows what is
 * held: an empty ring has none.
 */
export class FrameRing implements FrameSink, Shareholder {
  bytes: Buffer = nothing
  end = 0
  /** Frames that wait, without those taken. */
  waiting = 0
  /** Bytes of the frames that wait. */
  waitingBytes = 0
  /** Frames taken. */
  taken = 0
  held = 0
  givable = 0
  sizeClass = 0
  before: Shareholder | undefined = undefined
  after: Shareholder | undefined = undefined
  /** Chunks with frames that wait, oldest first; the tail is the one written to and may have none. */
  private head: Chunk | undefined = undefined
  private tail: Chunk | undefined = undefined
  /** Frames that came back: older than those of the chunks. */
  private returned: Piece[] = []
  private flight: Flight | undefined = undefined
  /** Frames of the envelope under way that are booked already: it began in an older chunk. */
  private booked = 0
  /** Why what is written now is dropped: there is no room for it. */
  private lost: DropReason | undefined = undefined
  /** The most memory since the ring was last empty. */
  private high = 0
  /** Size that its first chunk should have, from what was needed of late. */
  private firstSize = 0
  private readonly shares: Shares
  private readonly limits: RingLimits
  private readonly onDrop: (reason: DropReason, messages: number) => void

  constructor(shares: Shares, limits: RingLimits, onDrop: (reason: DropReason, messages: number) => void) {
    this.shares = shares
    this.limits = limits
    this.onDrop = onDrop
  }

  /** How full it is, by whichever bound is nearer: 1 is full. */
  get fill(): number {
    return Math.max((this.waiting + this.taken) / this.limits.maxMessages, this.held / this.limits.maxBytes)
  }

  reserve(bytes: number): void {
    if (this.end + bytes > this.bytes.length) this.nextChunk(bytes)
  }

  /** Books the frames written since the last call, those of one envelope. */
  appended(messages: number): void {
    const left = messages - this.booked
    this.booked = 0
    if (this.lost) this.forget(left)
    else this.book(left)
    const over = this.waiting + this.taken - this.limits.maxMessages
    if (over > 0) this.dropOldest(over, 'displaced')
  }

  /** Takes frames from the front, one at least; undefined when none waits or others are on their way. */
  take(limits: TakeLimits): Flight | undefined {
    if (this.waiting === 0 || this.flight) return undefined
    const flight: Flight = { pieces: [], messages: 0, bytes: 0, bodyBytes: 0 }
    let whole = true
    while (whole && this.returned.length > 0) {
      whole = takePart(flight, this.returned[0]!, limits)
      if (whole) this.unpin(this.returned.shift()!.chunk)
    }
    while (whole && this.head) {
      const chunk = this.head
      if (chunk.count > 0) whole = takeFrom(flight, chunk, limits)
      if (chunk.count > 0 || chunk === this.tail) break
      this.unlist()
    }
    this.flight = flight
    this.taken = flight.messages
    this.waiting -= flight.messages
    this.waitingBytes -= flight.bytes
    return flight
  }

  /** The frames taken were sent. */
  done(): void {
    const flight = this.land()
    for (const { chunk } of flight?.pieces ?? []) this.unpin(chunk)
    this.tidy()
  }

  /** The frames taken were not sent: they wait again, in front of all others. */
  undo(): void {
    const flight = this.land()
    if (!flight) return
    this.returned = [...flight.pieces, ...this.returned]
    for (const { chunk } of flight.pieces) if (!chunk.listed) this.setGivable(chunk, true)
    this.waiting += flight.messages
    this.waitingBytes += flight.bytes
  }

  /** Puts frames in front of all that wait: they are older. Of those that there is no room for the oldest are dropped. */
  putInFront(runs: readonly { readonly frames: Buffer; readonly count: number }[]): void {
    let left = runs.reduce((sum, { count }) => sum + count, 0)
    for (const { frames, count } of runs.toReversed()) {
      const fitting = Math.min(count, this.limits.maxMessages - this.waiting - this.taken)
      if (fitting <= 0 || !this.putFirst(frames, count, fitting)) break
      left -= fitting
      if (fitting < count) break
    }
    if (left > 0) this.onDrop('displaced', left)
  }

  /** Keeps to its limits, which have changed. */
  trim(): void {
    this.dropOldest(Math.max(0, this.waiting + this.taken - this.limits.maxMessages), 'displaced')
    while (this.held > this.limits.maxBytes && this.dropForOwn());
  }

  /** Drops `messages` frames from the front of those that wait. */
  dropOldest(messages: number, reason: DropReason): void {
    const count = Math.min(messages, this.waiting)
    if (count === 0) return
    let left = count
    while (left > 0) left -= this.returned.length > 0 ? this.skipReturned(left) : this.skipInHead(left)
    this.onDrop(reason, count)
    this.tidy()
  }

  /**
   * Gives memory back for others: drops the frames of the oldest chunk, or false when none can go. The newest chunk never
   * goes, it may be read in this very moment.
   */
  dropChunk(): boolean {
    const before = this.held
    const waiting = this.waiting
    while (this.held === before) {
      if (this.returned.length > 0) this.skipReturned(this.returned[0]!.count)
      else if (this.head !== this.tail) this.skipInHead(this.head!.count)
      else break
    }
    if (this.waiting < waiting) this.onDrop('memory', waiting - this.waiting)
    return this.held < before
  }

  /** Puts the last `fitting` of `count` frames in front, in a chunk of their own; false when there is no memory for it. */
  private putFirst(frames: Buffer, count: number, fitting: number): boolean {
    const from = skipFrames(frames, 0, frames.length, count - fitting)
    const to = frames.length - from
    const size = chunkSize(to)
    const cost = chunkCost(size)
    if (this.held + cost > this.limits.maxBytes || !this.shares.pool.fits(size)) return false
    const chunk = this.shares.pool.take(size)
    chunk.listed = false
    chunk.pins = 1
    frames.copy(chunk.bytes, 0, from)
    this.returned.unshift({ chunk, from: 0, to, count: fitting })
    this.shares.changed(this, cost)
    this.setGivable(chunk, true)
    this.high = Math.max(this.high, this.held)
    this.waiting += fitting
    this.waitingBytes += to
    return true
  }

  private land(): Flight | undefined {
    const { flight } = this
    this.flight = undefined
    this.taken = 0
    return flight
  }

  private book(messages: number): void {
    const tail = this.tail!
    this.waiting += messages
    this.waitingBytes += this.end - tail.end
    tail.count += messages
    tail.end = this.end
  }

  /** Counts what was written for want of room, and goes back to the chunk before it. */
  private forget(messages: number): void {
    const reason = this.lost!
    this.lost = undefined
    this.bytes = this.tail?.bytes ?? nothing
    this.end = this.tail?.end ?? 0
    this.onDrop(reason, messages)
  }

  private nextChunk(bytes: number): void {
    if (this.lost) return void this.writeNowhere(bytes, this.lost)
    const { tail } = this
    if (tail && this.end > tail.end) {
      const messages = framesIn(this.bytes, tail.end, this.end)
      this.book(messages)
      this.booked += messages
    }
    const obstacle = this.addChunk(bytes)
    if (obstacle) this.writeNowhere(bytes, obstacle)
  }

  /** Adds a chunk with room for `bytes`; answers why there can be none. */
  private addChunk(bytes: number): DropReason | undefined {
    const wanted = this.held === 0 ? this.firstSize : this.held
    const fitting = [chunkSize(Math.max(bytes, Math.min(wanted, largestChunk))), chunkSize(bytes)]
    const size = fitting.find((each) => chunkCost(each) <= this.limits.maxBytes) ?? bytes
    const cost = chunkCost(size)
    if (cost > this.limits.maxBytes) return 'too_large'
    while (this.held + cost > this.limits.maxBytes) if (!this.dropForOwn()) return 'queue_full'
    if (!this.shares.makeRoom(size, this)) return 'memory'
    const chunk = this.shares.pool.take(size)
    if (this.tail) this.tail.next = chunk
    else this.head = chunk
    const old = this.tail
    this.tail = chunk
    this.bytes = chunk.bytes
    this.end = 0
    this.shares.changed(this, cost)
    if (old) this.setGivable(old, true)
    // Everything in the old one was taken: it only stayed because it was the one written to.
    if (old && old.count === 0 && this.head === old) this.unlist()
    this.high = Math.max(this.high, this.held)
    return undefined
  }

  /** The ring's own bound of bytes: its oldest chunk goes. */
  private dropForOwn(): boolean {
    const before = this.held
    const waiting = this.waiting
    if (this.returned.length > 0) this.skipReturned(this.returned[0]!.count)
    else if (this.head && this.head !== this.tail) this.skipInHead(this.head.count)
    if (this.waiting < waiting) this.onDrop('displaced', waiting - this.waiting)
    return this.held < before || this.waiting < waiting
  }

  /** A place of its own each time: what is written may still be copied from there. */
  private writeNowhere(bytes: number, reason: DropReason): void {
    this.lost = reason
    this.bytes = Buffer.allocUnsafe(bytes)
    this.end = 0
  }

  private skipReturned(most: number): number {
    const piece = this.returned[0]!
    const count = Math.min(most, piece.count)
    const to = count === piece.count ? piece.to : skipFrames(piece.chunk.bytes, piece.from, piece.to, count)
    this.left(count, to - piece.from)
    piece.from = to
    piece.count -= count
    if (piece.count === 0) this.unpin(this.returned.shift()!.chunk)
    return count
  }

  private skipInHead(most: number): number {
    const chunk = this.head!
    const count = Math.min(most, chunk.count)
    const to = count === chunk.count ? chunk.end : skipFrames(chunk.bytes, chunk.start, chunk.end, count)
    this.left(count, to - chunk.start)
    chunk.start = to
    chunk.count -= count
    if (chunk.count === 0 && chunk !== this.tail) this.unlist()
    return count
  }

  private left(messages: number, bytes: number): void {
    this.waiting -= messages
    this.waitingBytes -= bytes
  }

  /** Takes the oldest chunk out of the list. */
  private unlist(): void {
    const chunk = this.head!
    this.head = chunk.next
    if (this.tail === chunk) this.tail = undefined
    chunk.next = undefined
    chunk.listed = false
    this.setGivable(chunk, false)
    if (chunk.pins === 0) this.free(chunk)
  }

  private unpin(chunk: Chunk): void {
    chunk.pins--
    if (chunk.listed) return
    if (chunk.pins === 0) this.free(chunk)
    else this.setGivable(chunk, this.isReturned(chunk))
  }

  private isReturned(chunk: Chunk): boolean {
    return this.returned.some((piece) => piece.chunk === chunk)
  }

  private setGivable(chunk: Chunk, givable: boolean): void {
    if (chunk.givable === givable) return
    chunk.givable = givable
    const cost = chunkCost(chunk.bytes.length)
    this.shares.changedGivable(this, givable ? cost : -cost)
  }

  private free(chunk: Chunk): void {
    this.setGivable(chunk, false)
    this.shares.changed(this, -chunkCost(chunk.bytes.length))
    this.shares.pool.give(chunk)
  }

  /** An empty ring gives its last chunk back; the next first one is as large as was needed of late. */
  private tidy(): void {
    const { tail } = this
    if (this.waiting > 0 || this.flight || !tail || this.lost || this.end > tail.end) return
    const used = this.high > chunkCost(tail.bytes.length) ? this.high : tail.end
    this.firstSize = Math.max(used, this.firstSize >> 1)
    this.high = 0
    while (this.head) this.unlist()
    this.bytes = nothing
    this.end = 0
  }
}
