import type { BackwardWriter } from '../protobuf.ts'
import { FieldView, fields } from './field-view.ts'
import { Key, keyBytes, keyMask } from './known-keys.ts'
import { writeText } from './text.ts'
import { v1Http } from './v1-http.ts'
import { EventType, payloadField } from './v1-names.ts'
import type { V1View } from './v1-view.ts'
import type { V2Tags } from './v2-tags.ts'

/** How the payload of one event type becomes the message of a v2 envelope. All methods speak of the record last read. */
export interface V1Body {
  /** Tags of the v1 envelope that do not travel on, as a mask. */
  takes: number
  read(v1: V1View): boolean
  /** Writes the message, then the tags it adds. Answers how many strings were repaired (tags count for themselves). */
  write(v1: V1View, out: BackwardWriter, tags: V2Tags): number
  /** Writes `instance_id`, if there is one; answers the number of repairs. */
  writeInstance(v1: V1View, out: BackwardWriter): number
  /** Writes `source_id`, or answers -1 when the payload has none of its own; else the number of repairs. */
  writeSource(v1: V1View, out: BackwardWriter): number
}

const none = () => 0
const noSource = () => -1
const view = new FieldView()

/** Reads the payload of the envelope's event type; an absent one reads as a message without fields. */
const reads = (type: number, varints: number, doubles: number, spans: number) => (v1: V1View) => {
  const field = payloadField[type]!
  return view.read(v1.bytes, v1.start(field), v1.end(field), varints, doubles, spans)
}

const log: V1Body = {
  takes: keyMask(Key.source_type),
  read: reads(EventType.log, fields(2, 3), 0, fields(1, 4, 5, 6)),
  write(v1, out, tags) {
    const mark = out.length
    if (view.int32(2) === 2) writeNumber(out, 2, 1, 0)
    if (view.start(1) !== view.end(1)) out.bytesField(1, v1.bytes, view.start(1), view.end(1))
    out.message(4, mark)
    const name = keyBytes[Key.source_type]!
    tags.add(name, 0, name.length, v1.bytes, view.start(5), view.end(5))
    return 0
  },
  writeInstance: (v1, out) => writeSpan(out, 8, v1.bytes, view.start(6), view.end(6)),
  writeSource: (v1, out) =>
    view.start(4) === view.end(4) ? -1 : writeText(out, 2, v1.bytes, view.start(4), view.end(4)),
}

const value: V1Body = {
  takes: 0,
  read: reads(EventType.value, 0, fields(2), fields(1, 3)),
  write(v1, out) {
    const mark = out.length
    writeDouble(out, view.lo(2), view.hi(2))
    let repaired = writeSpan(out, 1, v1.bytes, view.start(3), view.end(3))
    out.message(2, mark)
    repaired += writeText(out, 1, v1.bytes, view.start(1), view.end(1))
    out.message(1, mark)
    out.message(6, mark)
    return repaired
  },
  writeInstance: instanceFromTag,
  writeSource: noSource,
}

const counter: V1Body = {
  takes: keyMask(Key.instance_id),
  read: reads(EventType.counter, fields(2, 3), 0, fields(1)),
  write(v1, out) {
    const mark = out.length
    writeNumber(out, 3, view.lo(3), view.hi(3))
    writeNumber(out, 2, view.lo(2), view.hi(2))
    const repaired = writeSpan(out, 1, v1.bytes, view.start(1), view.end(1))
    out.message(5, mark)
    return repaired
  },
  writeInstance: instanceFromTag,
  writeSource: noSource,
}

const error: V1Body = {
  takes: keyMask(Key.source, Key.code),
  read: reads(EventType.error, fields(2), 0, fields(1, 3)),
  write(v1, out, tags) {
    const mark = out.length
    if (view.start(3) !== view.end(3)) out.bytesField(1, v1.bytes, view.start(3), view.end(3))
    out.message(4, mark)
    tags.addText(Key.code, Buffer.from(String(view.int32(2))))
    const name = keyBytes[Key.source]!
    tags.add(name, 0, name.length, v1.bytes, view.start(1), view.end(1))
    return 0
  },
  writeInstance: none,
  writeSource: noSource,
}

const percentage = Buffer.from('percentage')
const bytesUnit = Buffer.from('bytes')

const container: V1Body = {
  takes: 0,
  read: reads(EventType.container, fields(2, 4, 5, 6, 7), fields(3), fields(1)),
  write(_v1, out) {
    const mark = out.length
    writeMetric(out, Key.disk_quota, bytesUnit, unsigned(7))
    writeMetric(out, Key.memory_quota, bytesUnit, unsigned(6))
    writeMetric(out, Key.disk, bytesUnit, unsigned(5))
    writeMetric(out, Key.memory, bytesUnit, unsigned(4))
    writeMetric(out, Key.cpu, percentage, view.double(3))
    out.message(6, mark)
    return 0
  },
  writeInstance(_v1, out) {
    out.textField(8, String(view.int32(2)))
    return 0
  },
  writeSource: (v1, out) =>
    view.start(1) === view.end(1) ? -1 : writeText(out, 2, v1.bytes, view.start(1), view.end(1)),
}

/** How each event type converts, by its number. */
export const v1Bodies: readonly (V1Body | undefined)[] = [
  undefined,
  undefined,
  undefined,
  undefined,
  v1Http,
  log,
  value,
  counter,
  error,
  container,
]

function instanceFromTag(v1: V1View, out: BackwardWriter): number {
  const tag = v1.tags.find(Key.instance_id)
  return tag < 0 ? 0 : writeSpan(out, 8, v1.bytes, v1.tags.valueStart(tag), v1.tags.valueEnd(tag))
}

function unsigned(field: number): number {
  return view.hi(field) * 4294967296 + view.lo(field)
}

function writeMetric(out: BackwardWriter, name: number, unit: Uint8Array, amount: number): void {
  const mark = out.length
  if (amount !== 0 || Object.is(amount, -0)) {
    out.double(amount)
    out.tag(2, 1)
  }
  out.bytesField(1, unit)
  out.message(2, mark)
  out.bytesField(1, keyBytes[name]!)
  out.message(1, mark)
}

function writeSpan(out: BackwardWriter, field: number, bytes: Uint8Array, start: number, end: number): number {
  return start === end ? 0 : writeText(out, field, bytes, start, end)
}

function writeNumber(out: BackwardWriter, field: number, lo: number, hi: number): void {
  if (lo === 0 && hi === 0) return
  out.varint64(lo, hi)
  out.tag(field, 0)
}

function writeDouble(out: BackwardWriter, lo: number, hi: number): void {
  if (lo === 0 && hi === 0) return
  out.fixed64(lo, hi)
  out.tag(2, 1)
}
