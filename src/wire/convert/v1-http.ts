import { int64Text, Reader } from '../protobuf.ts'
import { FieldView, fields } from './field-view.ts'
import { Key, keyBytes, keyMask } from './known-keys.ts'
import { uuidText } from './uuid.ts'
import type { V1Body } from './v1-bodies.ts'
import { enumText, methodNames, peerTypeNames } from './v1-names.ts'
import type { V1View } from './v1-view.ts'
import type { V2Tags } from './v2-tags.ts'

/** Tags that carry an HttpStartStop inside a v2 timer. */
export const httpKeys = keyMask(
  Key.request_id,
  Key.peer_type,
  Key.method,
  Key.uri,
  Key.remote_address,
  Key.user_agent,
  Key.status_code,
  Key.content_length,
  Key.routing_instance_id,
  Key.forwarded,
)

const view = new FieldView()
const uuid = new FieldView()
const reader = new Reader()
const lineFeed = Buffer.from('\n')
const httpName = Buffer.from('http')

/** HttpStartStop (dropsonde-protocol, events/http.proto) to a timer named `http`. */
export const v1Http: V1Body = {
  takes: httpKeys,
  read: (v1) =>
    view.read(v1.bytes, v1.start(7), v1.end(7), fields(1, 2, 4, 5, 9, 10, 13), 0, fields(3, 6, 7, 8, 12, 14, 15)),

  write(v1, out, tags) {
    const mark = out.length
    for (let field = 2; field >= 1; field--) {
      if (view.lo(field) === 0 && view.hi(field) === 0) continue
      out.varint64(view.lo(field), view.hi(field))
      out.tag(field + 1, 0)
    }
    out.bytesField(1, httpName)
    out.message(7, mark)
    tags.addText(Key.forwarded, forwarded(v1))
    addSpan(v1, tags, Key.routing_instance_id, 14)
    tags.addText(Key.content_length, Buffer.from(int64Text(view.lo(10), view.hi(10))))
    tags.addText(Key.status_code, Buffer.from(String(view.int32(9))))
    addSpan(v1, tags, Key.user_agent, 8)
    addSpan(v1, tags, Key.remote_address, 7)
    addSpan(v1, tags, Key.uri, 6)
    // An enum that is not set reads as its first value in proto2.
    tags.addText(Key.method, Buffer.from(enumText(methodNames, view.has(5) ? view.int32(5) : 1)))
    tags.addText(Key.peer_type, Buffer.from(enumText(peerTypeNames, view.has(4) ? view.int32(4) : 1)))
    readUuid(v1, 3)
    tags.addText(Key.request_id, uuidText(uuid.lo(1), uuid.hi(1), uuid.lo(2), uuid.hi(2)))
    return 0
  },

  writeInstance(_v1, out) {
    out.textField(8, String(view.int32(13)))
    return 0
  },

  writeSource(v1, out) {
    readUuid(v1, 12)
    if ((uuid.lo(1) | uuid.hi(1) | uuid.lo(2) | uuid.hi(2)) === 0) return -1
    out.bytesField(2, uuidText(uuid.lo(1), uuid.hi(1), uuid.lo(2), uuid.hi(2)))
    return 0
  },
}

function readUuid(v1: V1View, field: number): void {
  uuid.read(v1.bytes, view.start(field), view.end(field), fields(1, 2), 0, 0)
}

function addSpan(v1: V1View, tags: V2Tags, key: number, field: number): void {
  const name = keyBytes[key]!
  tags.add(name, 0, name.length, v1.bytes, view.start(field), view.end(field))
}

/** The addresses of the repeated field 15, joined by line feeds. */
function forwarded(v1: V1View): Uint8Array {
  if (!view.has(15)) return lineFeed.subarray(0, 0)
  const parts: Uint8Array[] = []
  reader.reset(v1.bytes, v1.start(7), v1.end(7))
  while (reader.next() && reader.skip()) {
    if (reader.field !== 15 || reader.wire !== 2) continue
    if (parts.length > 0) parts.push(lineFeed)
    parts.push(v1.bytes.subarray(reader.start, reader.stop))
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}
