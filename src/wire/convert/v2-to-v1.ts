import type { BackwardWriter } from '../protobuf.ts'
import { EnvelopeView, MessageField } from './envelope-view.ts'
import { FieldView, fields } from './field-view.ts'
import { Key, keyMask } from './known-keys.ts'
import { fixedDecimal, parsed, parseInt64 } from './numbers.ts'
import type { RowSpans } from './rows.ts'
import { EventType } from './v1-names.ts'
import { spanIs, V1Writer } from './v1-writer.ts'
import { tooLarge, writeGauge } from './v2-gauge.ts'
import { writeTimer } from './v2-timer.ts'

/** What became of the envelopes: every one is consumed into `made` v1 envelopes, or counted in one of the others. */
export interface V2ToV1Counts {
  /** v1 envelopes written; a gauge makes one per metric. */
  made: number
  /** Envelopes that became at least one. */
  converted: number
  /** Events, empty gauges, logs without payload, timers without a proper request_id: v1 has no valid form for them. */
  notRepresentable: number
  /** Gauges whose metrics, each with all tags, would not fit into one output. */
  tooLarge: number
  /** Bytes that are no envelope. */
  malformed: number
}

const view = new EnvelopeView({ decimal: fixedDecimal, keepsEmpty: false })
const body = new FieldView()
const v1 = new V1Writer()

/**
 * Writes each v2 envelope as the v1 envelopes it stands for, as a list (repeated bytes field 1), in order, in front of
 * what `out` holds (go-loggregator, conversion/tov1.go). The caller finishes or takes the writer.
 */
export function convertV2ToV1(rows: RowSpans, out: BackwardWriter): V2ToV1Counts {
  const counts: V2ToV1Counts = { made: 0, converted: 0, notRepresentable: 0, tooLarge: 0, malformed: 0 }
  const { bytes, spans, first = 0, stride = 2 } = rows
  for (let at = first + (rows.count - 1) * stride; at >= first; at -= stride) {
    const made = view.read(bytes, spans[at]!, spans[at + 1]!) ? convert(out) : -1
    if (made === tooLarge) counts.tooLarge++
    else if (made < 0) counts.malformed++
    else if (made === 0) counts.notRepresentable++
    else {
      counts.made += made
      counts.converted++
    }
  }
  return counts
}

/** Number of v1 envelopes written, -1 when the message does not parse, or `tooLarge`. */
function convert(out: BackwardWriter): number {
  v1.begin(view, out)
  switch (view.message) {
    case MessageField.log:
      return writeLog(out)
    case MessageField.counter:
      return writeCounter(out)
    case MessageField.gauge:
      return writeGauge(view, v1, out)
    case MessageField.timer:
      return writeTimer(view, v1, out)
    default:
      return 0
  }
}

const errorName = Buffer.from('Error')

function writeLog(out: BackwardWriter): number {
  if (!body.read(view.bytes, view.bodyStart, view.bodyEnd, fields(2), 0, fields(1))) return -1
  if (spanIs(view, Key.__v1_type, errorName)) return writeError(out)
  if (body.start(1) === body.end(1)) return 0
  const mark = v1.open(keyMask(Key.source_type), false)
  const inner = out.length
  out.bytesField(6, view.bytes, view.instanceStart, view.instanceEnd)
  v1.tagField(5, Key.source_type)
  out.bytesField(4, view.bytes, view.sourceStart, view.sourceEnd)
  out.varint64(view.timestampLo, view.timestampHi)
  out.tag(3, 0)
  out.byte(body.int32(2) === 0 ? 1 : 2)
  out.tag(2, 0)
  out.bytesField(1, view.bytes, body.start(1), body.end(1))
  out.message(8, inner)
  return v1.close(mark, EventType.log)
}

function writeError(out: BackwardWriter): number {
  const mark = v1.open(keyMask(Key.source, Key.code), false)
  const inner = out.length
  out.bytesField(3, view.bytes, body.start(1), body.end(1))
  out.int32(tagInt(Key.code))
  out.tag(2, 0)
  v1.tagField(1, Key.source)
  out.message(11, inner)
  return v1.close(mark, EventType.error)
}

/** A tag's int64 cut to 32 bits, or 0. */
function tagInt(key: number): number {
  const tag = view.tags.findPreferred(key)
  if (tag < 0) return 0
  const { tags } = view
  return parseInt64(tags.valueSource(tag), tags.valueStart(tag), tags.valueEnd(tag)) ? parsed.lo | 0 : 0
}

function writeCounter(out: BackwardWriter): number {
  if (!body.read(view.bytes, view.bodyStart, view.bodyEnd, fields(2, 3), 0, fields(1))) return -1
  const mark = v1.open(0, true)
  const inner = out.length
  for (let field = 3; field >= 2; field--) {
    out.varint64(body.lo(field), body.hi(field))
    out.tag(field, 0)
  }
  out.bytesField(1, view.bytes, body.start(1), body.end(1))
  out.message(10, inner)
  return v1.close(mark, EventType.counter)
}
