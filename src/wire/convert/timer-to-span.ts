import type { BackwardWriter } from '../protobuf.ts'
import { isUtf8, textOf } from '../utf8.ts'
import type { EnvelopeView } from './envelope-view.ts'
import type { FieldView } from './field-view.ts'
import { Key, spanEquals } from './known-keys.ts'
import { writeAttributes } from './otlp-attributes.ts'
import { urlPath } from './url-path.ts'
import { hexDigit } from './uuid.ts'

const client = Buffer.from('Client')
const server = Buffer.from('Server')

/** Whether a timer can be a span: it must carry both ids as hexadecimal text and must not be the client's side. */
export function isSpan(view: EnvelopeView): boolean {
  return isHex(view, Key.trace_id) && isHex(view, Key.span_id) && !tagIs(view, Key.peer_type, client)
}

/**
 * Writes a timer (fields 1 name, 2 start, 3 stop, in `timer`) as Span, as field 2 of ScopeSpans. Answers 1 when its name
 * had to be repaired, else 0.
 */
export function writeSpan(view: EnvelopeView, timer: FieldView, out: BackwardWriter): number {
  const mark = out.length
  // An empty status: code UNSET.
  out.byte(0)
  out.tag(15, 2)
  writeAttributes(view, 9, out)
  out.fixed64(timer.lo(3), timer.hi(3))
  out.tag(8, 1)
  out.fixed64(timer.lo(2), timer.hi(2))
  out.tag(7, 1)
  out.byte(tagIs(view, Key.peer_type, server) ? 2 : 1)
  out.tag(6, 0)
  const repaired = writeName(view, timer, out)
  writeHex(view, Key.span_id, 2, out)
  writeHex(view, Key.trace_id, 1, out)
  out.message(2, mark)
  return repaired
}

/** The path of the tag `uri` if it is a URL, else the timer's name. */
function writeName(view: EnvelopeView, timer: FieldView, out: BackwardWriter): number {
  const { tags } = view
  const uri = tags.find(Key.uri)
  if (uri >= 0) {
    const bytes = tags.valueSource(uri)
    const start = tags.valueStart(uri)
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, tags.valueEnd(uri) - start).toString('latin1')
    const path = urlPath(text)
    if (path !== undefined) {
      const decoded = Buffer.from(path, 'latin1')
      if (isUtf8(decoded, 0, decoded.length)) {
        out.bytesField(5, decoded)
        return 0
      }
      out.textField(5, textOf(decoded, 0, decoded.length))
      return 1
    }
  }
  out.bytesField(5, timer.bytes, timer.start(1), timer.end(1))
  return 0
}

function tagIs(view: EnvelopeView, key: number, text: Uint8Array): boolean {
  const { tags } = view
  const tag = tags.find(key)
  return tag >= 0 && spanEquals(tags.valueSource(tag), tags.valueStart(tag), tags.valueEnd(tag), text)
}

/** Pairs of hexadecimal digits, at least one; of any length, as in the original. */
function isHex(view: EnvelopeView, key: number): boolean {
  const { tags } = view
  const tag = tags.find(key)
  if (tag < 0) return false
  const bytes = tags.valueSource(tag)
  const start = tags.valueStart(tag)
  const end = tags.valueEnd(tag)
  if (start === end || (end - start) % 2 !== 0) return false
  for (let pos = start; pos < end; pos++) if (hexDigit(bytes[pos]!) < 0) return false
  return true
}

function writeHex(view: EnvelopeView, key: number, field: number, out: BackwardWriter): void {
  const { tags } = view
  const tag = tags.find(key)
  const bytes = tags.valueSource(tag)
  const mark = out.length
  for (let pos = tags.valueEnd(tag) - 2; pos >= tags.valueStart(tag); pos -= 2) {
    out.byte((hexDigit(bytes[pos]!) << 4) | hexDigit(bytes[pos + 1]!))
  }
  out.message(field, mark)
}
