import { BackwardWriter, Reader } from '../wire/protobuf.ts'
import { isText } from './envelope-scan.ts'

/**
 * Which fields of a message are strings, and which are messages of their own: enough to find and mend invalid UTF-8
 * without a decoder. Sub-messages are named by field number.
 */
interface TextShape {
  strings: readonly number[]
  messages: Readonly<Record<number, TextShape>>
}

const leaf = (...strings: number[]): TextShape => ({ strings, messages: {} })

/** loggregator.v2.Envelope (loggregator-api, v2/envelope.proto). A log's payload is bytes and stays as it is. */
const envelope: TextShape = {
  strings: [2, 8],
  messages: {
    3: { strings: [1], messages: { 2: leaf(1) } },
    5: leaf(1),
    6: { strings: [], messages: { 1: { strings: [1], messages: { 2: leaf(1) } } } },
    7: leaf(1),
    9: leaf(1, 2),
    10: leaf(1, 2),
  },
}

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
    const inner = shape.messages[part.field]
    const mark = writer.length
    if (part.bytes && inner) {
      rewrite(buf, part.bodyStart, part.end, inner)
      writer.message(part.field, mark)
    } else if (part.bytes && shape.strings.includes(part.field) && !isText(buf, part.bodyStart, part.end)) {
      // The decoder puts U+FFFD where bytes are no text, one per maximal broken part (WHATWG Encoding, 4.1).
      writer.textField(part.field, buf.toString('utf8', part.bodyStart, part.end))
    } else writer.raw(buf, part.frame, part.end)
  }
}
