import { FieldView, fields } from './field-view.ts'
import { Key, keyMask } from './known-keys.ts'
import type { OtlpContext } from './otlp-context.ts'
import { writeText } from './text.ts'

const span = new FieldView()
/** Values of `peer_type` by the kind of a span: 2 is server, 3 is client. */
const peerTypes: readonly (Buffer | undefined)[] = [undefined, undefined, Buffer.from('Server'), Buffer.from('Client')]

/** Writes a Span as a timer; the envelope's time is that of the span's end. False: does not parse. */
export function writeSpanTimer(context: OtlpContext, start: number, end: number): boolean {
  const { bytes, out } = context
  if (!span.read(bytes, start, end, fields(6), fields(7, 8), fields(1, 2, 5))) return false
  if (!context.readRecord(start, end, 9)) return false
  if (!context.fits(1, end - start)) return true
  const mark = out.length
  for (let field = 8; field >= 7; field--) {
    if (span.lo(field) === 0 && span.hi(field) === 0) continue
    out.varint64(span.lo(field), span.hi(field))
    out.tag(field - 5, 0)
  }
  if (span.start(5) !== span.end(5)) context.counts.repaired += writeText(out, 1, bytes, span.start(5), span.end(5))
  out.message(7, mark)
  const peer = peerTypes[span.int32(6)]
  if (peer && !context.has(Key.peer_type)) context.addTag(Key.peer_type, peer)
  const taken = addTraceIds(context, span, 1, 2)
  context.close(mark, span.lo(8), span.hi(8), taken)
  context.counts.converted++
  return true
}

/** Adds tags `trace_id` and `span_id` in hexadecimal where the record has them. Answers which tags are taken by that. */
export function addTraceIds(context: OtlpContext, record: FieldView, traceField: number, spanField: number): number {
  let taken = 0
  if (record.start(spanField) !== record.end(spanField)) taken |= addHex(context, Key.span_id, record, spanField)
  if (record.start(traceField) !== record.end(traceField)) taken |= addHex(context, Key.trace_id, record, traceField)
  return taken
}

function addHex(context: OtlpContext, key: Key, record: FieldView, field: number): number {
  const { bytes } = context
  const id = Buffer.from(bytes.buffer, bytes.byteOffset + record.start(field), record.end(field) - record.start(field))
  context.addTag(key, Buffer.from(id.toString('hex')))
  return keyMask(key)
}
