import { Batch } from '../../telemetry/batch.ts'
import { EnvelopeFlag, seenKind } from '../../telemetry/envelope-scan.ts'
import { GrowingClaim } from '../../telemetry/growing-claim.ts'
import type { Origin } from '../../telemetry/origin.ts'
import { RecordIndex } from '../../telemetry/record-index.ts'
import type { Collector } from '../../telemetry/turn.ts'
import { varintSize, writeVarint } from '../../wire/protobuf.ts'
import type { SyslogMessage } from '../../wire/syslog/parse/message.ts'
import { EnvelopeForm, type EnvelopeOptions } from '../../wire/syslog/to-envelope/envelope-form.ts'

/** Gathers messages as envelopes, written straight into slab space with their index. */
export class EnvelopeSink implements Collector {
  private readonly form: EnvelopeForm
  private readonly room = new GrowingClaim()
  private index = new RecordIndex()
  private origin: Origin | undefined

  constructor(options: EnvelopeOptions) {
    this.form = new EnvelopeForm(options)
  }

  get count(): number {
    return this.index.count
  }

  get bytes(): number {
    return this.room.used
  }

  /** Why the last `add` answered false. */
  get fault(): string {
    return this.form.fault
  }

  /** False when the message cannot be an envelope. `peer` is the source id of messages that name none. */
  add(b: Buffer, message: SyslogMessage, now: Arrival, peer: Buffer, origin: Origin | undefined): boolean {
    const { form, room, index } = this
    const size = form.measure(b, message, now.lo, now.hi, peer)
    if (size < 0) return false
    if (index.count === 0) this.origin = origin
    else if (this.origin !== origin) this.origin = undefined
    const frame = room.ensure(1 + varintSize(size) + size, index)
    const { buffer } = room
    buffer[frame] = 0x0a
    const start = writeVarint(buffer, frame + 1, size)
    const end = form.write(b, message, buffer, start)
    const noSource = form.sourceStart === form.sourceEnd ? EnvelopeFlag.noSource : 0
    const info = form.kind | seenKind(form.kind) | noSource
    index.add(frame, start, end, info, start + form.sourceStart, start + form.sourceEnd)
    room.used = end - room.start
    return true
  }

  take(): Batch | undefined {
    const { room, index, origin } = this
    if (index.count === 0) return undefined
    const { buffer, start } = room
    const end = room.close()
    index.close()
    this.index = new RecordIndex()
    this.origin = undefined
    return Batch.of('envelopes', buffer, { index, origin, ownsHeadroom: true }, start, end)
  }
}

/** Time of arrival as halves of nanoseconds. */
export interface Arrival {
  lo: number
  hi: number
}
