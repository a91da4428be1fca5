import { Reader } from '../protobuf.ts'
import { AnyKind, AnyView, anyJson } from './any-value.ts'
import { FieldView, fields } from './field-view.ts'
import { spanEquals } from './known-keys.ts'
import { entry, readEntry } from './map-entry.ts'
import type { OtlpContext } from './otlp-context.ts'
import { addTraceIds } from './span-to-timer.ts'
import { writeText } from './text.ts'

const record = new FieldView()
const body = new AnyView()
const reader = new Reader()
const errorSeverity = 17

/** Writes a LogRecord as a log, or as an event when its body is the pair of title and body. False: does not parse. */
export function writeLogRecord(context: OtlpContext, start: number, end: number): boolean {
  const { bytes, out } = context
  if (!record.read(bytes, start, end, fields(2), fields(1, 11), fields(5, 9, 10))) return false
  if (!body.read(bytes, record.start(5), record.end(5)) || !context.readRecord(start, end, 6)) return false
  if (!context.fits(1, end - start)) return true
  const mark = out.length
  if (isEvent(context)) writeEvent(context)
  else {
    if (record.int32(2) >= errorSeverity) {
      out.byte(1)
      out.tag(2, 0)
    }
    writePayload(context)
    out.message(4, mark)
  }
  const taken = addTraceIds(context, record, 9, 10)
  const time = (record.lo(1) | record.hi(1)) !== 0 ? 1 : 11
  context.close(mark, record.lo(time), record.hi(time), taken)
  context.counts.converted++
  return true
}

/** A text or bytes body as it is, any other as JSON. */
function writePayload({ bytes, out }: OtlpContext): void {
  if (body.kind === AnyKind.none) return
  if (body.kind !== AnyKind.string && body.kind !== AnyKind.bytes) out.textField(1, anyJson(bytes, body))
  else if (body.start !== body.end) out.bytesField(1, bytes, body.start, body.end)
}

const titleKey = Buffer.from('title')
const bodyKey = Buffer.from('body')
const text = new AnyView()
const event = { titleStart: 0, titleEnd: 0, bodyStart: 0, bodyEnd: 0 }

/** Whether the body is a list of exactly two texts, `title` and `body`; notes where they lie. */
function isEvent({ bytes }: OtlpContext): boolean {
  if (body.kind !== AnyKind.kvlist) return false
  let seen = 0
  let count = 0
  reader.reset(bytes, body.start, body.end)
  while (reader.next() && reader.skip()) {
    if (reader.field !== 1 || reader.wire !== 2) continue
    count++
    if (count > 2 || !readEntry(bytes, reader.start, reader.stop)) return false
    if (!text.read(bytes, entry.valueStart, entry.valueEnd) || text.kind !== AnyKind.string) return false
    if (spanEquals(bytes, entry.keyStart, entry.keyEnd, titleKey)) {
      seen |= 1
      event.titleStart = text.start
      event.titleEnd = text.end
    } else if (spanEquals(bytes, entry.keyStart, entry.keyEnd, bodyKey)) {
      seen |= 2
      event.bodyStart = text.start
      event.bodyEnd = text.end
    }
  }
  return reader.ok && seen === 3 && count === 2
}

function writeEvent({ bytes, out, counts }: OtlpContext): void {
  const mark = out.length
  if (event.bodyStart !== event.bodyEnd) counts.repaired += writeText(out, 2, bytes, event.bodyStart, event.bodyEnd)
  if (event.titleStart !== event.titleEnd) counts.repaired += writeText(out, 1, bytes, event.titleStart, event.titleEnd)
  out.message(10, mark)
}
