import { type MessageShape, Step } from '../wire/otlp/shapes.ts'
import { BackwardWriter } from '../wire/protobuf.ts'
import { isUtf8 } from '../wire/utf8.ts'
import { skipGroup } from './otlp-scan.ts'
import { readSmall, skipValue, small } from './wire-walk.ts'

const writer = new BackwardWriter()

/** Strings mended by the last `repairOtlp`. */
export const mended = { strings: 0 }

/**
 * A copy of a scanned OTLP message in which every invalid sequence of a string is U+FFFD, groups in unknown fields are
 * left out, and records under field 1000 stand under field 2 where that is empty.
 */
export function repairOtlp(buf: Buffer, start: number, end: number, shape: MessageShape): Buffer {
  writer.reset()
  mended.strings = 0
  rewrite(buf, start, end, shape)
  return writer.take()
}

interface Part {
  readonly frame: number
  readonly end: number
  readonly number: number
  readonly bodyStart: number
  readonly wire: number
}

/** Writes the message backwards: its fields are listed first, then written from the last to the first. */
function rewrite(buf: Buffer, start: number, end: number, shape: MessageShape): void {
  const parts = listParts(buf, start, end)
  // What stood in an unknown field nobody has looked at yet: the next scan will say what is wrong with it.
  if (!parts) {
    writer.raw(buf, start, end)
    return
  }
  const legacy = shape.legacy && !parts.some(({ number, wire }) => number === 2 && wire === 2)
  for (const { frame, end: stop, number: written, bodyStart, wire } of parts.reverse()) {
    if (wire === 3) continue
    const number = legacy && written === 1000 && wire === 2 ? 2 : written
    const step = wire === 2 && number < 32 ? shape.steps[number]! : Step.unknown
    if (step === Step.text && !isUtf8(buf, bodyStart, stop)) {
      // The decoder puts U+FFFD where bytes are no text, one per maximal broken part (WHATWG Encoding, 4.1).
      writer.textField(number, buf.toString('utf8', bodyStart, stop))
      mended.strings++
    } else if (step >= Step.message && step < Step.scalar) {
      const mark = writer.length
      rewrite(buf, bodyStart, stop, shape.byNumber[number]!.message!)
      writer.message(number, mark)
    } else writer.raw(buf, frame, stop)
  }
}

function listParts(buf: Buffer, start: number, end: number): Part[] | undefined {
  const parts: Part[] = []
  for (let pos = start; pos < end; ) {
    const frame = pos
    const at = readSmall(buf, pos, end)
    const tag = small.value
    if (at < 0 || tag < 8) return undefined
    const wire = tag & 7
    pos = wire === 3 ? skipGroup(buf, at, end, tag >>> 3, 0) : skipValue(buf, at, end, wire)
    if (pos < 0) return undefined
    parts.push({ frame, end: pos, number: tag >>> 3, bodyStart: pos - small.value, wire })
  }
  return parts
}
