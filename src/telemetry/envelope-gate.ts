import { varintSize, writeVarint } from '../wire/protobuf.ts'
import { Batch } from './batch.ts'
import { EnvelopeFlag, malformed, scanEnvelope, scanned } from './envelope-scan.ts'
import type { Origin } from './origin.ts'
import { RecordIndex } from './record-index.ts'
import { repairEnvelope } from './repair.ts'
import { type Claim, claim, release } from './slab.ts'
import { readSmall, skipValue, small } from './wire-walk.ts'

/**
 * The gate for v2 envelopes: copies arriving messages once into a slab, checks and indexes every record in the same
 * pass, and hands out what came in one turn as one batch. A record that does not parse is left out alone; a string
 * that is not UTF-8 is repaired, because a Go peer refuses the whole message for one of them, and ends the stream of
 * everybody behind us.
 */
export class EnvelopeGate {
  /** Records left out because they did not parse. */
  malformed = 0
  /** Records that went on with invalid UTF-8 replaced. */
  repaired = 0
  private room: Claim | undefined
  private size = 0
  private used = 0
  private index = new RecordIndex()
  private origin: Origin | undefined
  /** What the last batches came to: the first claim of the next one. */
  private usual = leastClaim

  /** Records taken since the last `take()`. */
  get count(): number {
    return this.index.count
  }

  /** Bytes taken since the last `take()`. */
  get bytes(): number {
    return this.used
  }

  /** Takes an EnvelopeBatch from `body`, whose bytes are only borrowed for the call. Answers how many records it held. */
  addBatch(body: Buffer, start: number, end: number, origin?: Origin): number {
    const before = this.index.count + this.malformed
    this.note(origin)
    const to = this.ensure(end - start)
    const buffer = this.room!.buffer
    body.copy(buffer, to, start, end)
    const stop = to + end - start
    let pos = to
    while (pos < stop) {
      const from = buffer[pos] === 0x0a ? readSmall(buffer, pos + 1, stop) : -1
      const next = from + small.value
      // Something else than a record, or a record that is cut off.
      if (from < 0 || next > stop) return this.addOddBatch(body, start, end, before)
      const info = scanEnvelope(buffer, from, next, true)
      if (info < 0 || info & EnvelopeFlag.badText) return this.addOddBatch(body, start, end, before)
      this.index.add(pos, from, next, info, scanned.sourceStart, scanned.sourceEnd)
      pos = next
    }
    this.used = pos - this.room!.start
    return this.index.count + this.malformed - before
  }

  /** Takes one envelope. Its bytes are only borrowed for the call. */
  addEnvelope(body: Buffer, start: number, end: number, origin?: Origin): void {
    this.note(origin)
    const to = this.ensure(end - start + 6)
    const buffer = this.room!.buffer
    buffer[to] = 0x0a
    const from = writeVarint(buffer, to + 1, end - start)
    body.copy(buffer, from, start, end)
    const stop = from + end - start
    const info = scanEnvelope(buffer, from, stop, true)
    if (info === malformed) this.malformed++
    else if (info & EnvelopeFlag.badText) {
      const mended = repairEnvelope(buffer, from, stop)
      this.repaired++
      this.addEnvelope(mended, 0, mended.length, origin)
    } else {
      this.index.add(to, from, stop, info, scanned.sourceStart, scanned.sourceEnd)
      this.used = stop - this.room!.start
    }
  }

  /** All records taken since the last call as one batch, or undefined. */
  take(): Batch | undefined {
    const { room, index, origin } = this
    if (!room || index.count === 0) {
      this.used = 0
      return undefined
    }
    const end = room.start + this.used
    release(room, this.size, end)
    this.usual = Math.min(mostClaim, Math.max(leastClaim, this.used + (this.used >> 1), this.usual >> 1))
    index.close()
    const batch = Batch.of('envelopes', room.buffer, { index, origin, ownsHeadroom: true }, room.start, end)
    this.room = undefined
    this.size = this.used = 0
    this.index = new RecordIndex()
    this.origin = undefined
    return batch
  }

  /** The slow way, for a message with something wrong in it: its records go in one by one. */
  private addOddBatch(body: Buffer, start: number, end: number, before: number): number {
    this.index.count = before - this.malformed
    for (let pos = start; pos < end; ) {
      const at = readSmall(body, pos, end)
      const tag = small.value
      pos = at < 0 || tag < 8 ? -1 : skipValue(body, at, end, tag & 7)
      if (pos < 0) {
        this.malformed++
        break
      }
      if (tag === 0x0a) this.addEnvelope(body, pos - small.value, pos, this.origin)
    }
    return this.index.count + this.malformed - before
  }

  /** Batches whose records came from several connections have no origin. */
  private note(origin: Origin | undefined): void {
    if (this.index.count === 0) this.origin = origin
    else if (this.origin !== origin) this.origin = undefined
  }

  /** Makes room for `bytes` more; answers where they go. Growing moves what was taken, and its index with it. */
  private ensure(bytes: number): number {
    const { room } = this
    if (room && this.used + bytes <= this.size) return room.start + this.used
    const size = Math.max(this.used + bytes + varintSize(bytes), room ? this.size * 2 : this.usual)
    const next = claim(size)
    if (room) {
      room.buffer.copy(next.buffer, next.start, room.start, room.start + this.used)
      this.index.shift(next.start - room.start)
    }
    this.room = next
    this.size = size
    return next.start + this.used
  }
}

/** What a turn brings differs by connection: from one envelope to ten batches of 100. Unused room goes back to the slab. */
const leastClaim = 4 << 10
const mostClaim = 64 << 10
