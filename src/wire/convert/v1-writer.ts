import { BackwardWriter } from '../protobuf.ts'
import type { EnvelopeView } from './envelope-view.ts'
import { Key, keyBytes, keyMask, spanEquals } from './known-keys.ts'

/** Tags that are header fields in v1, or belong to the conversion. */
const headerKeys = keyMask(Key.__v1_type, Key.origin, Key.deployment, Key.job, Key.index, Key.ip)

/**
 * Writes what all v1 envelopes have around their payload, from a v2 envelope: `open` writes the tags and the header behind
 * the payload, then the caller writes the payload, then `close` writes what stands before it.
 */
export class V1Writer {
  private view: EnvelopeView | undefined
  private out = new BackwardWriter(0)

  begin(view: EnvelopeView, out: BackwardWriter): void {
    this.view = view
    this.out = out
  }

  /** Writes tags without those of the mask `taken`, then ip, index, job, deployment. Answers the mark for `close`. */
  open(taken: number, instanceTag: boolean): number {
    const { out } = this
    const view = this.view!
    const mark = out.length
    let without = headerKeys | taken
    if (instanceTag && view.instanceStart !== view.instanceEnd) {
      without |= keyMask(Key.instance_id)
      this.setTag(Key.instance_id, view.instanceStart, view.instanceEnd)
    }
    if (view.sourceStart !== view.sourceEnd) {
      without |= keyMask(Key.source_id)
      this.setTag(Key.source_id, view.sourceStart, view.sourceEnd)
    }
    const { tags, bytes } = view
    for (let i = tags.count - 1; i >= 0; i--) {
      if (tags.isDead(i) || (without >>> tags.code(i)) & 1) continue
      out.entryField(
        17,
        bytes,
        tags.keyStart(i),
        tags.keyEnd(i),
        tags.valueSource(i),
        tags.valueStart(i),
        tags.valueEnd(i),
      )
    }
    this.tagField(16, Key.ip)
    this.tagField(15, Key.index)
    this.tagField(14, Key.job)
    this.tagField(13, Key.deployment)
    return mark
  }

  private setTag(key: number, start: number, end: number): void {
    const name = keyBytes[key]!
    this.out.entryField(17, name, 0, name.length, this.view!.bytes, start, end)
  }

  /** Writes timestamp, event type and origin, and closes the envelope as field 1 of the list. Answers 1. */
  close(mark: number, eventType: number): number {
    const { out } = this
    const view = this.view!
    out.varint64(view.timestampLo, view.timestampHi)
    out.tag(6, 0)
    out.byte(eventType)
    out.tag(2, 0)
    this.tagField(1, Key.origin)
    out.message(1, mark)
    return 1
  }

  /** A string field from a tag, empty when there is none; a plain tag goes before a deprecated one. */
  tagField(field: number, key: number): void {
    const { out } = this
    const { tags, bytes } = this.view!
    const tag = tags.findPreferred(key)
    if (tag < 0) out.bytesField(field, bytes, 0, 0)
    else out.bytesField(field, tags.valueSource(tag), tags.valueStart(tag), tags.valueEnd(tag))
  }
}

/** Whether a tag has exactly this value; a plain tag goes before a deprecated one. */
export function spanIs(view: EnvelopeView, key: number, text: Uint8Array): boolean {
  const { tags } = view
  const tag = tags.findPreferred(key)
  return tag >= 0 && spanEquals(tags.valueSource(tag), tags.valueStart(tag), tags.valueEnd(tag), text)
}
