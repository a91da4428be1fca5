import { type BackwardWriter, splitBigInt } from '../../../wire/protobuf.ts'
import type { EntryMap, EntryValue } from './entry.ts'

/** Writes the body of an AnyValue. */
export function writeAny(out: BackwardWriter, value: EntryValue): void {
  if (typeof value === 'string') out.textField(1, value)
  else if (typeof value === 'boolean') {
    out.byte(value ? 1 : 0)
    out.tag(2, 0)
  } else if (typeof value === 'bigint') {
    out.varint64(...splitBigInt(value))
    out.tag(3, 0)
  } else if (typeof value === 'number') {
    out.double(value)
    out.tag(4, 1)
  } else if (value instanceof Uint8Array) out.bytesField(7, value)
  else if (Array.isArray(value)) writeList(out, value)
  else if (value !== null) {
    const mark = out.length
    writeAttributes(out, 1, value)
    out.message(6, mark)
  }
}

function writeList(out: BackwardWriter, list: readonly EntryValue[]): void {
  const mark = out.length
  for (let i = list.length - 1; i >= 0; i--) {
    const item = out.length
    writeAny(out, list[i]!)
    out.message(1, item)
  }
  out.message(5, mark)
}

/** Writes the entries of a map as fields `{1 key, 2 value}`. */
export function writeAttributes(out: BackwardWriter, field: number, map: EntryMap): void {
  const keys = Object.keys(map)
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i]!
    const mark = out.length
    writeAny(out, map[key]!)
    out.message(2, mark)
    out.textField(1, key)
    out.message(field, mark)
  }
}
