import { checkV1, V1Verdict } from '../wire/convert/v1-validate.ts'
import { BackwardWriter, varintSize, writeVarint } from '../wire/protobuf.ts'
import { Batch } from './batch.ts'
import type { Origin } from './origin.ts'
import { RecordIndex } from './record-index.ts'
import { type Claim, claim, release } from './slab.ts'

/** Writes the accepted v1 envelope `bytes[start, end)` as field 1 of a list; false when it cannot. */
export type V1Edit = (bytes: Buffer, start: number, end: number, out: BackwardWriter) => boolean

/** The gate for v1 envelopes, one per datagram: checks them, frames them as repeated field 1, and makes one batch a turn. */
export class DropsondeGate {
  /** Datagrams left out because they are no v1 envelope; `v1Reason` tells why the last one is not. */
  malformed = 0
  private room: Claim | undefined
  private size = 0
  private used = 0
  private index = new RecordIndex()
  private origin: Origin | undefined
  private readonly writer = new BackwardWriter()

  /** Records taken since the last `take()`. */
  get count(): number {
    return this.index.count
  }

  /** Bytes taken since the last `take()`. */
  get bytes(): number {
    return this.used
  }

  /** Takes one datagram, whose bytes are only borrowed for the call; `edit` writes it in place of what came. */
  add(packet: Buffer, origin?: Origin, edit?: V1Edit): V1Verdict {
    const verdict = checkV1(packet, 0, packet.length)
    if (verdict !== V1Verdict.accepted) {
      this.malformed++
      return verdict
    }
    if (!edit) {
      this.frame(packet, origin)
      return verdict
    }
    this.writer.reset()
    if (edit(packet, 0, packet.length, this.writer)) this.framed(this.writer.finish(), origin)
    else this.malformed++
    return verdict
  }

  /** All records taken since the last call as one batch, or undefined. */
  take(): Batch | undefined {
    const { room, index, origin } = this
    if (!room || index.count === 0) return undefined
    const end = room.start + this.used
    release(room, this.size, end)
    index.close()
    const batch = Batch.of('dropsonde', room.buffer, { index, origin, ownsHeadroom: true }, room.start, end)
    this.room = undefined
    this.size = this.used = 0
    this.index = new RecordIndex()
    return batch
  }

  private frame(body: Buffer, origin: Origin | undefined): void {
    const at = this.ensure(1 + varintSize(body.length) + body.length)
    const { buffer } = this.room!
    buffer[at] = 0x0a
    const start = writeVarint(buffer, at + 1, body.length)
    body.copy(buffer, start)
    this.note(at, start, start + body.length, origin)
  }

  /** A record that already has its tag and length. */
  private framed(frame: Buffer, origin: Origin | undefined): void {
    const at = this.ensure(frame.length)
    frame.copy(this.room!.buffer, at)
    let start = at + 2
    while (this.room!.buffer[start - 1]! >= 0x80) start++
    this.note(at, start, at + frame.length, origin)
  }

  private note(frame: number, start: number, end: number, origin: Origin | undefined): void {
    // Batches whose records came from several peers have no origin.
    if (this.index.count === 0) this.origin = origin
    else if (this.origin !== origin) this.origin = undefined
    this.index.add(frame, start, end, 0, 0, 0)
    this.used = end - this.room!.start
  }

  private ensure(bytes: number): number {
    const { room } = this
    if (room && this.used + bytes <= this.size) return room.start + this.used
    const size = Math.max(this.used + bytes, room ? this.size * 2 : firstClaim)
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

/** A turn brings a few datagrams of about 200 bytes; what is not used goes back to the slab. */
const firstClaim = 8 << 10
