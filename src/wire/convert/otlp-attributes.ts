import type { BackwardWriter } from '../protobuf.ts'
import type { EnvelopeView } from './envelope-view.ts'
import { Key, keyBytes, keyMask } from './known-keys.ts'

/** Tags that are no attributes: what they say stands elsewhere in the record. */
const reserved = keyMask(Key.instance_id, Key.source_id, Key.__v1_type, Key.span_id, Key.trace_id)

/**
 * Writes the attributes of a record made from an envelope, as repeated KeyValue `field`: `instance_id`, `source_id` (both
 * always there), then every other tag as string.
 */
export function writeAttributes(view: EnvelopeView, field: number, out: BackwardWriter): void {
  const { tags, bytes } = view
  for (let i = tags.count - 1; i >= 0; i--) {
    if (tags.isDead(i) || (reserved >>> tags.code(i)) & 1) continue
    out.textAttribute(
      field,
      bytes,
      tags.keyStart(i),
      tags.keyEnd(i),
      tags.valueSource(i),
      tags.valueStart(i),
      tags.valueEnd(i),
    )
  }
  writeId(out, field, Key.source_id, bytes, view.sourceStart, view.sourceEnd)
  writeId(out, field, Key.instance_id, bytes, view.instanceStart, view.instanceEnd)
}

function writeId(out: BackwardWriter, field: number, key: number, bytes: Uint8Array, start: number, end: number): void {
  const name = keyBytes[key]!
  out.textAttribute(field, name, 0, name.length, bytes, start, end)
}
