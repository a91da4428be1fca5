import { joinDouble, Reader } from '../wire/protobuf.ts'
import type { Cursor } from './cursor.ts'
import { Draft } from './draft.ts'
import { found, readAnyValue } from './find-field.ts'
import { anyFrame, fixed32Frame, fixed64Frame, spanFrame, varintFrame } from './frames.ts'
import { Level } from './level.ts'
import { type FieldDef, type ReadPath, Unsuitable, type WritePath } from './path-def.ts'
import type { Site } from './site.ts'
import { typeName, type Value, ValueType } from './value.ts'

/** A path that finds one value at most. */
export function single(read: (cursor: Cursor, into: Value) => void): ReadPath {
  return (cursor, into, again) => {
    if (again) return false
    read(cursor, into)
    return true
  }
}

const isInt = ({ type }: Value) => type === ValueType.int || type === ValueType.uint
const isText = ({ type }: Value) => type === ValueType.text || type === ValueType.bytes

/** Text; one that is absent is empty, as everywhere in proto3. */
export function textField(level: Level, field: number): FieldDef {
  const read = single((cursor, into) => {
    if (cursor.findSpan(level, field)) into.span(ValueType.text, found.buf, found.start, found.end)
    else into.span(ValueType.text, cursor.buf, 0, 0)
  })
  return { level, read, write: writer(level, field, textFrame) }
}

/** A number that is a varint on the wire. */
export function intField(level: Level, field: number): FieldDef {
  const read = single((cursor, into) => {
    cursor.findNumber(level, field)
    into.integer(ValueType.int, found.lo, found.hi)
  })
  return { level, read, write: writer(level, field, intFrame) }
}

export function boolField(level: Level, field: number): FieldDef {
  const read = single((cursor, into) => {
    cursor.findNumber(level, field)
    into.integer(ValueType.bool, (found.lo | found.hi) === 0 ? 0 : 1, 0)
  })
  const frame = (number: number, value: Value) => {
    if (value.type !== ValueType.bool) throw wrong('true or false', value)
    return varintFrame(number, value.lo, 0)
  }
  return { level, read, write: writer(level, field, frame) }
}

/** A fixed64: nanoseconds since 1970, or a count. */
export function fixed64Field(level: Level, field: number, type: ValueType = ValueType.uint): FieldDef {
  const read = single((cursor, into) => {
    cursor.findNumber(level, field)
    into.integer(type, found.lo, found.hi)
  })
  return { level, read, write: writer(level, field, fixedFrame) }
}

export function fixed32Field(level: Level, field: number): FieldDef {
  const read = single((cursor, into) => {
    cursor.findNumber(level, field)
    into.integer(ValueType.uint, found.lo, 0)
  })
  const frame = (number: number, value: Value) => {
    if (!isInt(value)) throw wrong('an integer', value)
    return fixed32Frame(number, value.lo)
  }
  return { level, read, write: writer(level, field, frame) }
}

/** An optional double. */
export function doubleField(level: Level, field: number): FieldDef {
  const read = single((cursor, into) => {
    if (cursor.findNumber(level, field)) into.real(joinDouble(found.lo, found.hi))
    else into.none()
  })
  return { level, read, write: writer(level, field, doubleFrame) }
}

/** The value of a number point as a double (field 4) or an integer (field 6): setting one removes the other. */
export function pointValue(asInt: boolean): FieldDef {
  const [own, other] = asInt ? [6, 4] : [4, 6]
  const read = single((cursor, into) => {
    if (!holdsNumber(cursor) || !cursor.findNumber(Level.record, own)) into.none()
    else if (asInt) into.integer(ValueType.int, found.lo, found.hi)
    else into.real(joinDouble(found.lo, found.hi))
  })
  const frame = asInt ? fixedFrame : doubleFrame
  const put = (site: Site, bytes: Buffer | undefined) => {
    if (!holdsNumber(site)) throw new Unsuitable('only points of gauges and sums have a value')
    const draft = site.draft(Level.record)
    if (bytes) draft.put(own, bytes)
    else draft.removeAll(own)
    draft.removeAll(other)
  }
  return { level: Level.record, read, write: writing(put, (value) => frame(own, value)) }
}

export const holdsNumber = (cursor: Cursor) => cursor.dataField === 5 || cursor.dataField === 7

/** An id of `size` bytes; as text it is hexadecimal. */
export function idField(level: Level, field: number, size: number, asText = false): FieldDef {
  const read = single((cursor, into) => {
    const has = cursor.findSpan(level, field)
    const { buf, start, end } = has ? found : nowhere
    if (!asText) into.span(ValueType.bytes, buf, start, end)
    else into.text(Buffer.from(Buffer.from(buf.buffer, buf.byteOffset + start, end - start).toString('hex')))
  })
  const frame = (number: number, value: Value) => {
    if (!isText(value)) throw wrong(`an id of ${size} bytes`, value)
    const bytes = asText ? Buffer.from(value.toString(), 'hex') : value.buf.subarray(value.start, value.end)
    const isHex = !asText || bytes.length * 2 === value.end - value.start
    if (isHex && (bytes.length === size || bytes.length === 0)) return spanFrame(number, bytes)
    throw new Unsuitable(`takes an id of ${size} bytes${asText ? `, ${size * 2} hexadecimal digits` : ''}`)
  }
  return { level, read, write: writer(level, field, frame) }
}

const empty = Buffer.alloc(0)
const nowhere = { buf: empty, start: 0, end: 0 }
const number = new Reader()

/** An AnyValue. */
export function anyField(level: Level, field: number): FieldDef {
  const read = single((cursor, into) => {
    if (cursor.findSpan(level, field)) readAnyValue(found.buf, found.start, found.end, into)
    else into.none()
  })
  return { level, read, write: writer(level, field, anyFrame), nests: true }
}

/** A field of a message that is itself a field of the one at `level`: `status.code`. */
export function innerField(level: Level, outer: number, field: number, kind: 'int' | 'text'): FieldDef {
  const inner = new Draft()
  const open = (cursor: Cursor) => {
    const has = cursor.findSpan(level, outer)
    inner.load(has ? found.buf : empty, has ? found.start : 0, has ? found.end : 0, 0)
  }
  const read = single((cursor, into) => {
    open(cursor)
    const at = inner.find(field)
    if (at < 0) {
      if (kind === 'text') into.text(empty)
      else into.integer(ValueType.int, 0, 0)
    } else if (kind === 'text') into.span(ValueType.text, inner.bufOf(at), inner.startOf(at), inner.endOf(at))
    else {
      number.reset(inner.bufOf(at), inner.startOf(at), inner.endOf(at)).varint64()
      into.integer(ValueType.int, number.lo, number.hi)
    }
  })
  const put = (site: Site, frame: Buffer | undefined) => {
    open(site)
    if (frame) inner.put(field, frame)
    else inner.removeAll(field)
    site.draft(level).put(outer, spanFrame(outer, inner.bytes()))
  }
  const frame = kind === 'int' ? intFrame : textFrame
  return { level, read, write: writing(put, (value) => frame(field, value)) }
}

/** How many fields of a number there are: events, links. */
export function countField(level: Level, field: number): FieldDef {
  const read = single((cursor, into) => {
    const draft = cursor.draft(level)
    let count = 0
    for (let i = 0; i < draft.count; i++) if (draft.tagOf(i) === ((field << 3) | 2)) count++
    into.integer(ValueType.int, count, 0)
  })
  return { level, read, counts: true }
}

/** A field that is read by code and not written. */
export const computed = (level: Level, read: (cursor: Cursor, into: Value) => void): FieldDef => ({
  level,
  read: single(read),
})

export function textFrame(field: number, value: Value): Buffer {
  if (!isText(value)) throw wrong('text', value)
  return spanFrame(field, value.buf, value.start, value.end)
}

function intFrame(field: number, value: Value): Buffer {
  if (!isInt(value)) throw wrong('an integer', value)
  return varintFrame(field, value.lo, value.hi)
}

function fixedFrame(field: number, value: Value): Buffer {
  if (!isInt(value)) throw wrong('an integer', value)
  return fixed64Frame(field, value.lo, value.hi)
}

const doubleBits = new DataView(new ArrayBuffer(8))

function doubleFrame(field: number, value: Value): Buffer {
  if (value.type !== ValueType.double && !isInt(value)) throw wrong('a number', value)
  doubleBits.setFloat64(0, value.type === ValueType.double ? value.double : Number(value.toString()), true)
  return fixed64Frame(field, doubleBits.getUint32(0, true), doubleBits.getUint32(4, true))
}

const wrong = (what: string, value: Value) => new Unsuitable(`takes ${what}, got ${typeName(value)}`)

/** Writes a field of the message at `level` as a frame. */
export function writer(level: Level, field: number, frame: (field: number, value: Value) => Buffer): WritePath {
  const put = (site: Site, bytes: Buffer | undefined) => {
    const draft = site.draft(level)
    if (bytes) draft.put(field, bytes)
    else draft.removeAll(field)
  }
  return writing(put, (value) => frame(field, value))
}

/** A writer that puts frames, or nothing, in the place of a field. */
function writing(put: (site: Site, frame: Buffer | undefined) => void, frame: (value: Value) => Buffer): WritePath {
  return {
    set: (site, value) => put(site, frame(value)),
    remove: (site) => put(site, undefined),
    constant: (value) => {
      const bytes = frame(value)
      return (site) => put(site, bytes)
    },
  }
}
