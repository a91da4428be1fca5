import { checkedV1, checkV1, V1Verdict } from '../wire/convert/v1-validate.ts'
import type { V1View } from '../wire/convert/v1-view.ts'
import { BackwardWriter, varintSize, writeVarint } from '../wire/protobuf.ts'
import { Batch } from './batch.ts'
import { GrowingClaim } from './growing-claim.ts'
import type { Origin } from './origin.ts'
import { RecordIndex } from './record-index.ts'

/** Writes fields that shall stand behind those of the accepted v1 envelope that `v1` has read. */
export type V1Append = (v1: V1View, out: BackwardWriter) => void

/** The gate for v1 envelopes, one per datagram: checks them, frames them as repeated field 1, and makes one batch a turn. */
export class DropsondeGate {
  /** Datagrams left out because they are no v1 envelope; `v1Reason` tells why the last one is not. */
  malformed = 0
  private readonly room = new GrowingClaim()
  private index = new RecordIndex()
  private origin: Origin | undefined
  /** What goes behind the record being added. */
  private readonly added = new BackwardWriter(256)

  /** Records taken since the last `take()`. */
  get count(): number {
    return this.index.count
  }

  /** Bytes taken since the last `take()`. */
  get bytes(): number {
    return this.room.used
  }

  /** Takes one datagram, whose bytes are only borrowed for the call. */
  add(packet: Buffer, origin?: Origin, append?: V1Append): V1Verdict {
    const verdict = checkV1(packet, 0, packet.length)
    if (verdict !== V1Verdict.accepted) {
      this.malformed++
      return verdict
    }
    this.added.reset()
    append?.(checkedV1, this.added)
    this.frame(packet, origin)
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
    const { room, added } = this
    const size = body.length + added.length
    const at = room.ensure(1 + varintSize(size) + size, this.index)
    const { buffer } = room
    buffer[at] = 0x0a
    const start = writeVarint(buffer, at + 1, size)
    body.copy(buffer, start)
    if (added.length > 0) added.finish().copy(buffer, start + body.length)
    this.note(at, start, start + size, origin)
  }

  private note(frame: number, start: number, end: number, origin: Origin | undefined): void {
    // Batches whose records came from several peers have no origin.
    if (this.index.count === 0) this.origin = origin
    else if (this.origin !== origin) this.origin = undefined
    this.index.add(frame, start, end, 0, 0, 0)
    this.room.used = end - this.room.start
  }
}
