import { writeVarint } from '../wire/protobuf.ts'
import { Batch } from './batch.ts'
import { EnvelopeFlag, malformed, scanEnvelope, scanned } from './envelope-scan.ts'
import { GrowingClaim } from './growing-claim.ts'
import type { Origin } from './origin.ts'
import { RecordIndex } from './record-index.ts'
import { repairEnvelope } from './repair.ts'
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
  private readonly room = new GrowingClaim()
  private index = new RecordIndex()
  private origin: Origin | undefined

  /** Records taken since the last `take()`. */
  get count(): number {
    return this.index.count
  }

  /** Bytes taken since the last `take()`. */
  get bytes(): number {
    return this.room.used
  }

  /** Takes an EnvelopeBatch from `body`, whose bytes are only borrowed for the call. Answers how many records it held. */
  addBatch(body: Buffer, start: number, end: number, origin?: Origin): number {
    const before = this.index.count + this.malformed
    this.note(origin)
    const to = this.room.ensure(end - start, this.index)
    const { buffer } = this.room
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
    this.room.used = pos - this.room.start
    return this.index.count + this.malformed - before
  }

  /** Takes one envelope. Its bytes are only borrowed for the call. */
  addEnvelope(body: Buffer, start: number, end: number, origin?: Origin): void {
    this.note(origin)
    const to = this.room.ensure(end - start + 6, this.index)
    const { buffer } = this.room
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
      this.room.used = stop - this.room.start
    }
  }

  /** All records taken since the last call as one batch, or undefined. */
  take(): Batch | undefined {
    const { room, index, origin } = this
    if (index.count === 0) {
      room.used = 0
      return undefined
    }
    const { buffer, start } = room
    const end = room.close()
    index.close()
    const batch = Batch.of('envelopes', buffer, { index, origin, ownsHeadroom: true }, start, end)
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
}
