import { BackwardWriter, Reader } from '../wire/protobuf.ts'
import { isUtf8 } from '../wire/utf8.ts'
import { envelope, type TextShape } from './envelope-scan.ts'

const writer = new BackwardWriter()

/** A copy of the envelope `[start, end)` in which every invalid sequence of a string is U+FFFD. Sound framing assumed. */
export function repairEnvelope(buf: Buffer, start: number, end: number): Buffer {
  writer.reset()
  rewrite(buf, start, end, envelope)
  return writer.take()
}

/** Writes the message backwards: its fields are listed first, then written from the last to the first. */
function rewrite(buf: Buffer, start: number, end: number, shape: TextShape): void {
  const fields: { frame: number; end: number; field: number; bodyStart: number; bytes: boolean }[] = []
  const reader = new Reader(buf, start, end)
  for (let frame = start; reader.next(); frame = reader.pos) {
    const { field, wire } = reader
    if (!reader.skip()) break
    fields.push({ frame, end: reader.pos, field, bodyStart: reader.start, bytes: wire === 2 })
  }
  for (const part of fields.reverse()) {
    const inner = part.bytes ? shape.messages[part.field] : undefined
    const isString = part.bytes && part.field < 32 && ((shape.strings >>> part.field) & 1) === 1
    const mark = writer.length
    if (inner) {
      rewrite(buf, part.bodyStart, part.end, inner)
      writer.message(part.field, mark)
    } else if (isString && !isUtf8(buf, part.bodyStart, part.end)) {
      // The decoder puts U+FFFD where bytes are no text, one per maximal broken part (WHATWG Encoding, 4.1).
      writer.textField(part.field, buf.toString('utf8', part.bodyStart, part.end))
    } else writer.raw(buf, part.frame, part.end)
  }
}
