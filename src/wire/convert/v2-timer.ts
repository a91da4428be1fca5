import type { BackwardWriter } from '../protobuf.ts'
import type { EnvelopeView } from './envelope-view.ts'
import { FieldView, fields } from './field-view.ts'
import { Key } from './known-keys.ts'
import { parsed, parseInt32, parseInt64 } from './numbers.ts'
import { parseUuid, writeUuid } from './uuid.ts'
import { httpKeys } from './v1-http.ts'
import { EventType, methodNumbers, peerTypeNames } from './v1-names.ts'
import type { V1Writer } from './v1-writer.ts'

const timer = new FieldView()

/** Writes a timer of any name as HttpStartStop; without a proper request_id it has no valid form, and nothing is written. */
export function writeTimer(view: EnvelopeView, v1: V1Writer, out: BackwardWriter): number {
  if (!timer.read(view.bytes, view.bodyStart, view.bodyEnd, fields(2, 3), 0, fields(1))) return -1
  const { tags } = view
  const request = tags.findPreferred(Key.request_id)
  if (request < 0) return 0
  const id = tags.valueSource(request)
  if (!parseUuid(id, tags.valueStart(request), tags.valueEnd(request))) return 0

  const mark = v1.open(httpKeys, false)
  const inner = out.length
  writeForwarded(view, out)
  v1.tagField(14, Key.routing_instance_id)
  out.int32(parseInt32(view.bytes, view.instanceStart, view.instanceEnd))
  out.tag(13, 0)
  if (parseUuid(view.bytes, view.sourceStart, view.sourceEnd)) writeUuid(out, 12)
  readInt(view, Key.content_length)
  out.varint64(parsed.lo, parsed.hi)
  out.tag(10, 0)
  readInt(view, Key.status_code)
  out.int32(parsed.lo | 0)
  out.tag(9, 0)
  v1.tagField(8, Key.user_agent)
  v1.tagField(7, Key.remote_address)
  v1.tagField(6, Key.uri)
  out.byte(methodNumbers.get(tagText(view, Key.method)) ?? 0)
  out.tag(5, 0)
  out.byte(Math.max(0, peerTypeNames.indexOf(tagText(view, Key.peer_type))))
  out.tag(4, 0)
  parseUuid(id, tags.valueStart(request), tags.valueEnd(request))
  writeUuid(out, 3)
  out.varint64(timer.lo(3), timer.hi(3))
  out.tag(2, 0)
  out.varint64(timer.lo(2), timer.hi(2))
  out.tag(1, 0)
  out.message(7, inner)
  return v1.close(mark, EventType.http)
}

function tagText(view: EnvelopeView, key: number): string {
  const tag = view.tags.findPreferred(key)
  return tag < 0 ? '' : view.tagText(tag)
}

/** Leaves the tag's int64 in `parsed`, zero when it is none. */
function readInt(view: EnvelopeView, key: number): void {
  const tag = view.tags.findPreferred(key)
  const { tags } = view
  if (tag >= 0) parseInt64(tags.valueSource(tag), tags.valueStart(tag), tags.valueEnd(tag))
  else parsed.lo = parsed.hi = 0
}

/** The tag split at line feeds, one field each; an empty or absent one makes one empty field. */
function writeForwarded(view: EnvelopeView, out: BackwardWriter): void {
  const tag = view.tags.findPreferred(Key.forwarded)
  if (tag < 0) {
    out.bytesField(15, view.bytes, 0, 0)
    return
  }
  const bytes = view.tags.valueSource(tag)
  const start = view.tags.valueStart(tag)
  let end = view.tags.valueEnd(tag)
  for (let pos = end - 1; pos >= start; pos--) {
    if (bytes[pos] !== 0x0a) continue
    out.bytesField(15, bytes, pos + 1, end)
    end = pos
  }
  out.bytesField(15, bytes, start, end)
}
