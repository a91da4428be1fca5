import { FieldView, fields } from '../../convert/field-view.ts'
import { TagTable } from '../../convert/tag-table.ts'
import { readMetrics } from '../../convert/v2-gauge.ts'
import type { ForwardWriter } from '../../forward-writer.ts'
import { isUtf8 } from '../../utf8.ts'
import { decimalRoom, writeDouble, writeInt64, writeUint64 } from '../decimal.ts'
import type { EnvelopeFields } from './envelope-fields.ts'
import { writeQuoted } from './head-rendering.ts'

/** Why an element could not be written. */
export const ElementFault = { none: '', malformed: 'Message', value: 'StructuredData/Value' } as const
export type ElementFault = (typeof ElementFault)[keyof typeof ElementFault]

const body = new FieldView()
const ascii = (text: string) => Buffer.from(text)
const counter = { open: ascii('[counter@47450 name'), total: ascii(' total="'), delta: ascii('" delta="') }
const timer = { open: ascii('[timer@47450 name'), start: ascii(' start="'), stop: ascii('" stop="') }
const event = { open: ascii('[event@47450 title'), body: ascii(' body') }
const gauge = { open: ascii('[gauge@47450 name'), value: ascii(' value="'), unit: ascii('" unit') }
const closed = ascii('"]')

/** Writes the SD-ELEMENT of a counter, timer or event, as its kind says. */
export function writeElement(envelope: EnvelopeFields, out: ForwardWriter): ElementFault {
  const { bytes, bodyStart, bodyEnd, kind } = envelope
  const numbers = kind === 5 ? 0 : fields(2, 3)
  const texts = kind === 5 ? fields(1, 2) : fields(1)
  if (!body.read(bytes, bodyStart, bodyEnd, numbers, 0, texts)) return ElementFault.malformed
  if (!isUtf8(bytes, body.start(1), body.end(1))) return ElementFault.value
  if (kind === 2) writeCounter(bytes, out)
  else if (kind === 4) writeTimer(bytes, out)
  else return writeEvent(bytes, out)
  return ElementFault.none
}

function writeCounter(bytes: Buffer, out: ForwardWriter): void {
  out.raw(counter.open)
  writeQuoted(out, bytes, body.start(1), body.end(1))
  out.raw(counter.total)
  out.reserve(decimalRoom)
  out.pos = writeUint64(out.buf, out.pos, body.lo(3), body.hi(3))
  out.raw(counter.delta)
  out.reserve(decimalRoom)
  out.pos = writeUint64(out.buf, out.pos, body.lo(2), body.hi(2))
  out.raw(closed)
}

function writeTimer(bytes: Buffer, out: ForwardWriter): void {
  out.raw(timer.open)
  writeQuoted(out, bytes, body.start(1), body.end(1))
  out.raw(timer.start)
  out.reserve(decimalRoom)
  out.pos = writeInt64(out.buf, out.pos, body.lo(2), body.hi(2))
  out.raw(timer.stop)
  out.reserve(decimalRoom)
  out.pos = writeInt64(out.buf, out.pos, body.lo(3), body.hi(3))
  out.raw(closed)
}

function writeEvent(bytes: Buffer, out: ForwardWriter): ElementFault {
  if (!isUtf8(bytes, body.start(2), body.end(2))) return ElementFault.value
  out.raw(event.open)
  writeQuoted(out, bytes, body.start(1), body.end(1))
  out.raw(event.body)
  writeQuoted(out, bytes, body.start(2), body.end(2))
  out.byte(0x5d)
  return ElementFault.none
}

/** The metrics of the last gauge that `readGauge` read. Names that were replaced by a later one are dead. */
export const metrics = new TagTable()

export function readGauge({ bytes, bodyStart, bodyEnd }: EnvelopeFields): boolean {
  return readMetrics(metrics, bytes, bodyStart, bodyEnd)
}

/** Writes the SD-ELEMENT of metric `i`. */
export function writeMetric(bytes: Buffer, i: number, out: ForwardWriter): ElementFault {
  body.read(bytes, metrics.valueStart(i), metrics.valueEnd(i), 0, fields(2), fields(1))
  if (!isUtf8(bytes, metrics.keyStart(i), metrics.keyEnd(i))) return ElementFault.value
  if (!isUtf8(bytes, body.start(1), body.end(1))) return ElementFault.value
  out.raw(gauge.open)
  writeQuoted(out, bytes, metrics.keyStart(i), metrics.keyEnd(i))
  out.raw(gauge.value)
  out.reserve(decimalRoom)
  out.pos = writeDouble(out.buf, out.pos, body.double(2))
  out.raw(gauge.unit)
  writeQuoted(out, bytes, body.start(1), body.end(1))
  out.byte(0x5d)
  return ElementFault.none
}
