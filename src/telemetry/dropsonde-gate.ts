import { checkV1, V1Verdict } from '../wire/convert/v1-validate.ts'
import { BackwardWriter, varintSize, writeVarint } from '../wire/protobuf.ts'
import { Batch } from './batch.ts'
import { GrowingClaim } from './growing-claim.ts'
import type { Origin } from './origin.ts'
import { RecordIndex } from './record-index.ts'

/** Writes the accepted v1 envelope `bytes[start, end)` as field 1 of a list; false when it cannot. */
export type V1Edit = (bytes: Buffer, start: number, end: number, out: BackwardWriter) => boolean

/** The gate for v1 envelopes, one per datagram: checks them, frames them as repeated field 1, and makes one batch a turn. */
export class DropsondeGate {
  /** Datagrams left out because they are no v1 envelope; `v1Reason` tells why the last one is not. */
  malformed = 0
  private readonly room = new GrowingClaim()
  private index = new RecordIndex()
  private origin: Origin | undefined
  private readonly writer = new BackwardWriter()

  /** Records taken since the last `take()`. */
  get count(): number {
    return this.index.count
  }

  /** Bytes taken since the last `take()`. */
  get bytes(): number {
    return this.room.used
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
    if (index.count === 0) return undefined
    const { buffer, start } = room
    const end = room.close()
    index.close()
    const batch = Batch.of('dropsonde', buffer, { index, origin, ownsHeadroom: true }, start, end)
    this.index = new RecordIndex()
    return batch
  }

  private frame(body: Buffer, origin: Origin | undefined): void {
    const at = this.room.ensure(1 + varintSize(body.length) + body.length, this.index)
    const { buffer } = this.room
    buffer[at] = 0x0a
    const start = writeVarint(buffer, at + 1, body.length)
    body.copy(buffer, start)
    this.note(at, start, start + body.length, origin)
  }

  /** A record that already has its tag and length. */
  private framed(frame: Buffer, origin: Origin | undefined): void {
    const at = this.room.ensure(frame.length, this.index)
    const { buffer } = this.room
    frame.copy(buffer, at)
    let start = at + 2
    while (buffer[start - 1]! >= 0x80) start++
    this.note(at, start, at + frame.length, origin)
  }

  private note(frame: number, start: number, end: number, origin: Origin | undefined): void {
    // Batches whose records came from several peers have no origin.
    if (this.index.count === 0) this.origin = origin
    else if (this.origin !== origin) this.origin = undefined
    this.index.add(frame, start, end, 0, 0, 0)
    this.room.used = end - this.room.start
  }
}
