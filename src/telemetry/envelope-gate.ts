import { isAscii } from 'node:buffer'
import { Reader, varintSize, writeVarint } from '../wire/protobuf.ts'
import { Batch } from './batch.ts'
import { EnvelopeFlag, malformed, scanEnvelope, scanned } from './envelope-scan.ts'
import type { Origin } from './origin.ts'
import { RecordIndex } from './record-index.ts'
import { repairEnvelope } from './repair.ts'
import { type Claim, claim, release } from './slab.ts'

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
  private readonly reader = new Reader()

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
    this.note(origin)
    const checkText = !isAscii(start === 0 && end === body.length ? body : body.subarray(start, end))
    const before = this.index.count + this.malformed
    const to = this.ensure(end - start)
    const buffer = this.room!.buffer
    body.copy(buffer, to, start, end)
    const reader = this.reader.reset(buffer, to, to + end - start)
    let sound = to
    for (let frame = to; reader.next(); frame = reader.pos) {
      if (!reader.skip()) break
      const from = reader.start
      const stop = reader.stop
      const info = reader.field === 1 && reader.wire === 2 ? scanEnvelope(buffer, from, stop, checkText) : malformed
      if (info === malformed || info & EnvelopeFlag.badText || frame !== sound) {
        return this.addOddBatch(body, start, end, before)
      }
      this.index.add(frame, from, stop, info, scanned.sourceStart, scanned.sourceEnd)
      sound = reader.pos
    }
    if (!reader.ok) this.malformed++
    this.used = sound - this.room!.start
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
    this.index.count -= this.index.count + this.malformed - before
    const reader = new Reader(body, start, end)
    while (reader.next()) {
      if (!reader.skip()) break
      if (reader.field === 1 && reader.wire === 2) this.addEnvelope(body, reader.start, reader.stop, this.origin)
    }
    if (!reader.ok) this.malformed++
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
    const size = Math.max(this.used + bytes + varintSize(bytes), room ? this.size * 2 : firstClaim)
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

/** A turn usually brings one batch of 100 records of about 400 bytes; what is not used goes back to the slab. */
const firstClaim = 64 << 10
