import { requests } from '../wire/otlp/messages.ts'
import { Batch } from './batch.ts'
import type { Origin } from './origin.ts'
import { mended, repairOtlp } from './otlp-repair.ts'
import { fault, scanOtlp } from './otlp-scan.ts'
import { noGroup, RecordIndex } from './record-index.ts'
import { claim, release } from './slab.ts'

/** The formats that are OTLP export requests. */
export type OtlpFormat = 'logs' | 'metrics' | 'traces'

/**
 * The gate for OTLP: copies an arriving request once into a slab, and checks and indexes it in the same pass. A request
 * that does not parse is refused as a whole. One that does leaves as it came, byte for byte, unless a string is not
 * UTF-8 (mended), unknown fields are groups (left out: many readers know none), or it has its records under field 1000,
 * where they were before 2022 (moved to where they are now).
 */
export class OtlpGate {
  /** Strings in which invalid UTF-8 was replaced. */
  repaired = 0
  /** Requests that did not parse. */
  malformed = 0
  /** Why the last one did not: `proto: LogRecord: wrong wireType = 0 for field TimeUnixNano (byte 14)`. */
  fault = ''

  /** Takes an export request in `body[start, end)`, which is only borrowed. Undefined: it does not parse, see `fault`. */
  take(format: OtlpFormat, body: Buffer, start: number, end: number, origin?: Origin): Batch | undefined {
    const size = end - start
    const room = claim(size)
    const stop = room.start + body.copy(room.buffer, room.start, start, end)
    const index = new RecordIndex()
    const found = scanOtlp(room.buffer, room.start, stop, requests[format], index, noGroup)
    index.close()
    if (found === 0) {
      return Batch.of(format, room.buffer, { index, origin, ownsHeadroom: true }, room.start, stop)
    }
    const whole = found > 0 ? repairOtlp(room.buffer, room.start, stop, requests[format]) : undefined
    release(room, size, room.start)
    if (whole) {
      this.repaired += mended.strings
      return this.take(format, whole, 0, whole.length, origin)
    }
    this.malformed++
    this.fault = `${fault.text} (byte ${fault.at - room.start})`
    return undefined
  }
}
