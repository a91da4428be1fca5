import type { SpoolRecord } from '../../storage/contract.ts'
import { Batch } from '../../telemetry/batch.ts'
import { Row } from '../../telemetry/record-index.ts'
import type { FrameForm } from '../../wire/syslog/from-envelope/frame-form.ts'
import { FrameWriter } from '../../wire/syslog/from-envelope/frame-writer.ts'
import type { FrameRing } from './frame-ring.ts'

const writer = new FrameWriter()

/** A record on its way from disk into the ring, as far as there is room. */
export interface Returning {
  readonly record: SpoolRecord
  readonly batch: Batch
  /** Number of the next envelope. */
  next: number
  /** Its messages that are not back yet, as they were counted when it was written. */
  left: number
}

export const newReturning = (record: SpoolRecord): Returning => ({
  record,
  batch: Batch.of('envelopes', record.payload),
  next: 0,
  left: record.count,
})

/** Writes into the ring the messages of the next envelopes, one at least, as long as `hasRoom`; answers how many that makes. */
export function refill(ring: FrameRing, form: FrameForm, returning: Returning, hasRoom: () => boolean): number {
  const { batch } = returning
  const { rows } = batch.index()
  let all = 0
  do {
    const row = batch.rowAt(returning.next++)
    writer.look(batch.buffer, rows[row + Row.start]!, rows[row + Row.end]!)
    const messages = writer.write(form, ring)
    if (messages <= 0) continue
    ring.appended(messages)
    all += messages
  } while (returning.next < batch.count && hasRoom())
  return all
}
