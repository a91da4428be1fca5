import { readEntry, entry as textEntry } from '../wire/convert/map-entry.ts'
import { Reader } from '../wire/protobuf.ts'
import { sameBytes, type Value, ValueType } from './value.ts'

const reader = new Reader()
/** What the last successful `find…` found: a span of `buf`, or the halves of a number. */
export const found = { buf: new Uint8Array(0) as Uint8Array, start: 0, end: 0, lo: 0, hi: 0 }

/** Finds the last field `field` with wire type 2 of a message. */
export function findSpan(buf: Uint8Array, start: number, end: number, field: number): boolean {
  let seen = false
  found.buf = buf
  reader.reset(buf, start, end)
  while (reader.next() && reader.skip()) {
    if (reader.field !== field || reader.wire !== 2) continue
    seen = true
    found.start = reader.start
    found.end = reader.stop
  }
  return seen
}

/** Finds the last number `field` (varint or fixed) of a message; absent ones are 0. */
export function findNumber(buf: Uint8Array, start: number, end: number, field: number): boolean {
  let seen = false
  found.buf = buf
  found.lo = found.hi = 0
  reader.reset(buf, start, end)
  while (reader.next()) {
    if (reader.field !== field || (reader.wire > 1 && reader.wire !== 5)) {
      if (!reader.skip()) break
      continue
    }
    readNumber(reader)
    seen = reader.ok
    found.lo = reader.lo
    found.hi = reader.hi
  }
  return seen
}

/** Finds the value of `key` among the map entries `field` of a message; the last one wins. */
export function findEntry(buf: Uint8Array, start: number, end: number, field: number, key: Uint8Array): boolean {
  let seen = false
  const wanted = (field << 3) | 2
  const size = key.length
  found.buf = buf
  let pos = start
  while (pos < end) {
    const tag = buf[pos]!
    const body = pos + 2
    const length = body <= end ? buf[pos + 1]! : 0x80
    let stop = body + length
    if (tag < 0x80 && (tag & 7) === 2 && length < 0x80 && stop <= end) {
      // Most fields are such: a tag and a length of one byte each.
      pos = stop
      if (tag !== wanted) continue
      if (length >= 4 && buf[body] === 0x0a) {
        const keySize = buf[body + 1]!
        const mid = body + 2 + keySize
        if (keySize < 0x80 && mid + 2 <= stop && buf[mid] === 0x12 && mid + 2 + buf[mid + 1]! === stop) {
          // {0a len key 12 len value}, and nothing behind it: the shape that encoders write.
          if (keySize !== size || !sameBytes(buf, body + 2, mid, key, 0, size)) continue
          seen = true
          found.start = mid + 2
          found.end = stop
          continue
        }
      }
      if (!readEntry(buf, body, stop)) continue
    } else {
      reader.reset(buf, pos, end)
      if (!reader.next() || !reader.skip()) break
      pos = stop = reader.pos
      if (reader.field !== field || reader.wire !== 2 || !readEntry(buf, reader.start, stop)) continue
    }
    if (!sameBytes(buf, textEntry.keyStart, textEntry.keyEnd, key, 0, size)) continue
    seen = true
    found.start = textEntry.valueStart
    found.end = textEntry.valueEnd
  }
  return seen
}

/** Reads an OTLP AnyValue: {1 string, 2 bool, 3 int, 4 double, 5 array, 6 kvlist, 7 bytes}. */
export function readAnyValue(buf: Uint8Array, start: number, end: number, into: Value): void {
  into.none()
  reader.reset(buf, start, end)
  while (reader.next()) {
    const { field, wire } = reader
    if (wire === 0 && (field === 2 || field === 3)) {
      reader.varint64()
      const isTrue = (reader.lo | reader.hi) !== 0 ? 1 : 0
      if (field === 2) into.integer(ValueType.bool, isTrue, 0)
      else into.integer(ValueType.int, reader.lo, reader.hi)
    } else if (wire === 1 && field === 4) into.real(reader.double())
    else {
      if (!reader.skip()) break
      if (wire === 2 && field === 1) into.span(ValueType.text, buf, reader.start, reader.stop)
      else if (wire === 2 && field === 7) into.span(ValueType.bytes, buf, reader.start, reader.stop)
      else if (wire === 2 && field === 5) into.span(ValueType.other, buf, reader.start, reader.stop)
      else if (wire === 2 && field === 6) into.span(ValueType.map, buf, reader.start, reader.stop)
    }
  }
  if (!reader.ok) into.none()
}

/** Reads a `loggregator.v2.Value`: {1 text, 2 integer, 3 decimal}; the last one wins, none is nothing. */
export function readDeprecated(buf: Uint8Array, start: number, end: number, into: Value): void {
  into.none()
  reader.reset(buf, start, end)
  while (reader.next()) {
    const { field, wire } = reader
    if (wire === 0 && field === 2) {
      reader.varint64()
      into.integer(ValueType.int, reader.lo, reader.hi)
    } else if (wire === 1 && field === 3) into.real(reader.double())
    else {
      if (!reader.skip()) break
      if (wire === 2 && field === 1) into.span(ValueType.text, buf, reader.start, reader.stop)
    }
  }
  if (!reader.ok) into.none()
}

/** Reads the number that `from` stands at by its wire type: varint, fixed64, fixed32. */
export function readNumber(from: Reader): void {
  if (from.wire === 0) from.varint64()
  else if (from.wire === 1) from.fixed64()
  else {
    const { buf, pos } = from
    if (!from.skip()) return
    from.lo = (buf[pos]! | (buf[pos + 1]! << 8) | (buf[pos + 2]! << 16) | (buf[pos + 3]! << 24)) >>> 0
    from.hi = 0
  }
}
