import { joinDouble, Reader } from '../protobuf.ts'
import { JsonWriter } from './json-writer.ts'
import { requests } from './messages.ts'
import { type FieldShape, type MessageShape, Step } from './shapes.ts'

/** Deeper messages are left out: the gate lets none through. */
const mostDepth = 101

/**
 * An OTLP request in `bytes[start, end)` as JSON, in the form of the Collector: lowerCamelCase, ids in hexadecimal,
 * 64-bit numbers as text, zeros left out, `resource`, `scope`, `body` and `value` always there. Fields stand in the
 * order of their numbers; unknown ones are lost. Bytes that do not parse end the message that they stand in.
 */
export function encodeOtlpJson(
  format: 'logs' | 'metrics' | 'traces',
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): Buffer {
  return encodeJsonMessage(requests[format], bytes, start, end)
}

/** The same for any message of OTLP. */
export function encodeJsonMessage(shape: MessageShape, bytes: Uint8Array, start = 0, end = bytes.length): Buffer {
  out.pos = 0
  top = 0
  writeMessage(shape, bytes, start, end, 0)
  const done = Buffer.allocUnsafeSlow(out.pos)
  out.buf.copy(done, 0, 0, out.pos)
  if (out.buf.length > 4 << 20) out.buf = Buffer.allocUnsafeSlow(8192)
  return done
}

const out = new JsonWriter()
const readers: Reader[] = []

/**
 * A stack of fields found in the messages around the current place. Per message: for each field number up to the
 * highest the first and last entry (plus one, 0 is none); then the entries: wire type, start, end, next.
 */
let cells = new Int32Array(4096)
let top = 0
const entrySize = 4

function writeMessage(shape: MessageShape, bytes: Uint8Array, start: number, end: number, depth: number): void {
  const { fields, byNumber } = shape
  const heads = top
  const numbers = byNumber.length
  let next = heads + numbers * 2
  room(next + entrySize)
  cells.fill(0, heads, next)
  readers[depth] ??= new Reader()
  const reader = readers[depth].reset(bytes, start, end)
  let chosen = 0
  while (depth <= mostDepth && reader.next()) {
    const { field, wire } = reader
    const at = reader.pos
    if (!reader.skip()) break
    const known = field < numbers ? byNumber[field] : undefined
    if (!known) continue
    if (known.oneof) chosen = field
    room(next + entrySize)
    cells[next] = wire
    cells[next + 1] = wire === 2 ? reader.start : at
    cells[next + 2] = reader.pos
    cells[next + 3] = 0
    const head = heads + field * 2
    if (cells[head] === 0) cells[head] = next + 1
    else cells[cells[head + 1]! + 2] = next + 1
    cells[head + 1] = next + 1
    next += entrySize
  }
  top = next
  out.byte(0x7b)
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!
    const first = cells[heads + field.number * 2]!
    if (field.oneof && field.number !== chosen) continue
    if (field.repeated) {
      if (first > 0) writeList(field, first - 1, bytes, depth)
    } else if (first > 0 || field.always) writeField(field, cells[heads + field.number * 2 + 1]! - 1, bytes, depth)
  }
  close(0x7d)
  top = heads
}

/** A field that stands once; the last one counts. `entry` is -1 where it is absent. */
function writeField(field: FieldShape, entry: number, bytes: Uint8Array, depth: number): void {
  const before = out.pos
  out.raw(field.quoted)
  const written = entry < 0 ? writeNothing() : writeValue(field, entry, bytes, depth)
  if (!written && !field.present) out.pos = before
  else out.byte(0x2c)
}

function writeNothing(): boolean {
  out.byte(0x7b)
  out.byte(0x7d)
  return true
}

function writeList(field: FieldShape, first: number, bytes: Uint8Array, depth: number): void {
  out.raw(field.quoted)
  out.byte(0x5b)
  for (let entry = first; entry >= 0; entry = cells[entry + 3]! - 1) {
    if (field.step >= Step.packed && cells[entry] === 2) writePacked(field, entry, bytes)
    else if (field.step === Step.attribute && writeTextAttribute(bytes, cells[entry + 1]!, cells[entry + 2]!)) continue
    else {
      writeValue(field, entry, bytes, depth)
      out.byte(0x2c)
    }
  }
  close(0x5d)
  out.byte(0x2c)
}

const beforeKey = Buffer.from('{"key":')
const beforeText = Buffer.from(',"value":{"stringValue":')
const afterText = Buffer.from('}},')

/**
 * `{0a len key 12 len {0a len text}}` with one-byte lengths: what nine in ten attributes are, at a third of the cost.
 * False: it is something else, nothing was written.
 */
function writeTextAttribute(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 6 || end - start > 0x7f || bytes[start] !== 0x0a) return false
  const value = start + 2 + bytes[start + 1]!
  if (value + 4 > end || bytes[value] !== 0x12 || value + 2 + bytes[value + 1]! !== end) return false
  if (bytes[value + 2] !== 0x0a || value + 4 + bytes[value + 3]! !== end || value === start + 2) return false
  out.raw(beforeKey)
  out.string(bytes, start + 2, value)
  out.raw(beforeText)
  out.string(bytes, value + 4, end)
  out.raw(afterText)
  return true
}

/** Ends a list or object: in the place of the last comma, where there is one. */
function close(code: number): void {
  if (out.buf[out.pos - 1] === 0x2c) out.buf[out.pos - 1] = code
  else out.byte(code)
}

const values = new Reader()

function writePacked(field: FieldShape, entry: number, bytes: Uint8Array): void {
  const reader = values.reset(bytes, cells[entry + 1]!, cells[entry + 2]!)
  while (reader.pos < reader.end) {
    writeScalar(field, reader)
    out.byte(0x2c)
  }
}

/** Writes one value; answers whether it differs from what an absent field means. */
function writeValue(field: FieldShape, entry: number, bytes: Uint8Array, depth: number): boolean {
  const start = cells[entry + 1]!
  const end = cells[entry + 2]!
  // The gate lets no other wire type through; zero is what a decoder would make of it.
  if (cells[entry] !== field.wire) return false
  if (field.type === 'message') {
    writeMessage(field.message!, bytes, start, end, depth + 1)
    return true
  }
  if (field.wire === 2) {
    if (field.type === 'string') out.string(bytes, start, end)
    else if (field.type !== 'bytes') out.hex(bytes, start, end)
    else out.ascii(`"${Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('base64')}"`)
    return end > start
  }
  return writeScalar(field, values.reset(bytes, start, end))
}

function writeScalar(field: FieldShape, reader: Reader): boolean {
  const { type } = field
  if (type === 'fixed32') {
    const { buf, pos } = reader
    const value = (buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24)) >>> 0
    reader.pos += 4
    out.ascii(String(value))
    return value !== 0
  }
  if (field.wire === 1) reader.fixed64()
  else reader.varint64()
  const { lo, hi } = reader
  if (type === 'double') {
    out.double(joinDouble(lo, hi))
    return (lo | hi) !== 0
  }
  if (type === 'bool') out.ascii((lo | hi) === 0 ? 'false' : 'true')
  else if (type === 'uint32') out.ascii(String(lo))
  else if (type === 'int32' || type === 'enum') out.ascii(String(lo | 0))
  else if (type === 'sint32') out.ascii(String((lo >>> 1) ^ -(lo & 1)))
  else out.decimal(lo, hi, type === 'int64' || type === 'sfixed64')
  return (lo | hi) !== 0
}

function room(wanted: number): void {
  if (wanted <= cells.length) return
  const wider = new Int32Array(Math.max(cells.length * 2, wanted))
  wider.set(cells)
  cells = wider
}
