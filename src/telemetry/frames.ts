import { BackwardWriter } from '../wire/protobuf.ts'
import { type Value, ValueType } from './value.ts'

/** How the entries of a field hold their values: OTLP's AnyValue, or text alone, as the tags of Loggregator. */
export type EntryKind = 'any' | 'text'

const out = new BackwardWriter(1 << 12)

/** A message is written in one go and copied into pooled memory. */
const taken = (): Buffer => Buffer.from(out.finish())

/** A length-delimited field. */
export function spanFrame(field: number, buf: Uint8Array, start = 0, end = buf.length): Buffer {
  out.reset()
  out.bytesField(field, buf, start, end)
  return taken()
}

export function varintFrame(field: number, lo: number, hi: number): Buffer {
  out.reset()
  out.varint64(lo, hi)
  out.tag(field, 0)
  return taken()
}

export function fixed64Frame(field: number, lo: number, hi: number): Buffer {
  out.reset()
  out.fixed64(lo, hi)
  out.tag(field, 1)
  return taken()
}

export function fixed32Frame(field: number, value: number): Buffer {
  out.reset()
  for (let shift = 24; shift >= 0; shift -= 8) out.byte((value >>> shift) & 0xff)
  out.tag(field, 5)
  return taken()
}

/** A field that holds an AnyValue. */
export function anyFrame(field: number, value: Value): Buffer {
  out.reset()
  writeAny(value)
  out.message(field, 0)
  return taken()
}

/** An entry of a map: `{1 key, 2 value}`. */
export function entryFrame(field: number, key: Uint8Array, value: Value, kind: EntryKind): Buffer {
  out.reset()
  if (kind === 'any') writeAny(value)
  else if (value.type === ValueType.text || value.type === ValueType.bytes) out.raw(value.buf, value.start, value.end)
  else out.text(value.toString())
  out.message(2, 0)
  out.bytesField(1, key)
  out.message(field, 0)
  return taken()
}

function writeAny(value: Value): void {
  const { type } = value
  if (type === ValueType.text) out.bytesField(1, value.buf, value.start, value.end)
  else if (type === ValueType.bytes) out.bytesField(7, value.buf, value.start, value.end)
  else if (type === ValueType.map) out.bytesField(6, value.buf, value.start, value.end)
  else if (type === ValueType.other) out.bytesField(5, value.buf, value.start, value.end)
  else if (type === ValueType.double) {
    out.double(value.double)
    out.tag(4, 1)
  } else if (type !== ValueType.none) {
    out.varint64(value.lo, value.hi)
    out.tag(type === ValueType.bool ? 2 : 3, 0)
  }
}

/** The values of a list (AnyValues), as the body of an ArrayValue. */
export function listBody(values: readonly Value[]): Buffer {
  out.reset()
  for (let i = values.length - 1; i >= 0; i--) {
    const mark = out.length
    writeAny(values[i]!)
    out.message(1, mark)
  }
  return taken()
}
