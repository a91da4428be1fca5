import type { Batch } from '../../telemetry/batch.ts'
import { Row } from '../../telemetry/record-index.ts'
import type { FrameForm } from '../../wire/syslog/from-envelope/frame-form.ts'
import { FrameWriter } from '../../wire/syslog/from-envelope/frame-writer.ts'
import type { FrameRing } from './frame-ring.ts'
import type { Remnant } from './remnant.ts'

const writer = new FrameWriter()

/** Writes into the ring the messages of envelopes that come back from disk; answers how many that makes. */
export function refill(ring: FrameRing, form: FrameForm, batch: Batch): number {
  const { rows } = batch.index()
  let all = 0
  for (let i = 0; i < batch.count; i++) {
    const row = batch.rowAt(i)
    writer.look(batch.buffer, rows[row + Row.start]!, rows[row + Row.end]!)
    const messages = writer.write(form, ring)
    if (messages <= 0) continue
    ring.appended(messages)
    all += messages
  }
  return all
}

/** The same of frames as they stood in a ring. */
export function putBack(ring: FrameRing, remnants: readonly Remnant[]): void {
  for (const { frames, count } of remnants) {
    ring.reserve(frames.length)
    ring.end += frames.copy(ring.bytes, ring.end)
    ring.appended(count)
  }
}
