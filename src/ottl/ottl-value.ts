import { findEntry, found, readAnyValue } from '../telemetry/find-field.ts'
import { entryFrame, listBody } from '../telemetry/frames.ts'
import { Value, ValueType } from '../telemetry/value.ts'
import { Reader, splitBigInt } from '../wire/protobuf.ts'
import { Duration, durationText, Time } from './times.ts'

/** A map or list as it is on the wire: the body of a KeyValueList or an ArrayValue. */
export class Encoded {
  readonly kind: 'map' | 'list'
  readonly body: Uint8Array

  constructor(kind: 'map' | 'list', body: Uint8Array) {
    this.kind = kind
    this.body = body
  }
}

/**
 * A value of a statement: bigint for integers, number for doubles, undefined for nil. Made only where comparing or
 * copying bytes will not do.
 */
export type Ottl = undefined | string | bigint | number | boolean | Uint8Array | Encoded | Time | Duration

/** A statement that failed on a record; the message says why. */
export class StatementError extends Error {}

/** What a value is, for messages. */
export function describe(value: Ottl): string {
  if (value === undefined) return 'nil'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'bigint') return `the integer ${value}`
  if (typeof value === 'number') return `the number ${value}`
  if (typeof value === 'boolean') return `${value}`
  if (value instanceof Encoded) return `a ${value.kind}`
  if (value instanceof Duration) return 'a duration'
  return value instanceof Time ? 'a time' : 'bytes'
}

/** A value that a path found. `textual`: bytes are text. */
export function ottlOf(value: Value, textual = false): Ottl {
  const { type, buf, start, end } = value
  switch (type) {
    case ValueType.none:
      return undefined
    case ValueType.text:
      return value.toString()
    case ValueType.bytes:
      return textual ? value.toString() : buf.subarray(start, end)
    case ValueType.double:
      return value.double
    case ValueType.bool:
      return value.lo === 1
    case ValueType.map:
      return new Encoded('map', buf.subarray(start, end))
    case ValueType.other:
      return new Encoded('list', buf.subarray(start, end))
  }
  const bits = (BigInt(value.hi >>> 0) << 32n) | BigInt(value.lo >>> 0)
  return type === ValueType.int ? BigInt.asIntN(64, bits) : bits
}

/** Leaves a value in `into`, as paths do. */
export function intoValue(value: Ottl, into: Value): void {
  if (value === undefined) into.none()
  else if (typeof value === 'string') into.text(Buffer.from(value))
  else if (typeof value === 'bigint') into.integer(ValueType.int, ...splitBigInt(value))
  else if (typeof value === 'number') into.real(value)
  else if (typeof value === 'boolean') into.integer(ValueType.bool, value ? 1 : 0, 0)
  else if (value instanceof Time || value instanceof Duration) into.integer(ValueType.int, ...splitBigInt(value.nanos))
  else if (value instanceof Encoded) {
    into.span(value.kind === 'map' ? ValueType.map : ValueType.other, value.body, 0, value.body.length)
  } else into.span(ValueType.bytes, value, 0, value.length)
}

export function asValue(value: Ottl): Value {
  const into = new Value()
  intoValue(value, into)
  return into
}

export const encodeList = (items: readonly Ottl[]): Encoded => new Encoded('list', listBody(items.map(asValue)))

export function encodeMap(entries: Iterable<readonly [string, Ottl]>): Encoded {
  const frames: Buffer[] = []
  for (const [key, value] of entries) frames.push(entryFrame(1, Buffer.from(key), asValue(value), 'any'))
  return new Encoded('map', Buffer.concat(frames))
}

/** Lists and maps of JSON deeper than this are an attack. */
const mostDeep = 100

/** A value of JSON; all its numbers are doubles, as the Collector reads them. Throws StatementError when it is too deep. */
export function fromJson(json: unknown, deep = mostDeep): Ottl {
  if (json === null || json === undefined) return undefined
  if (typeof json !== 'object') return json as string | number | boolean
  if (deep === 0) throw new StatementError(`JSON is nested more than ${mostDeep} deep`)
  const inner = (value: unknown) => fromJson(value, deep - 1)
  if (Array.isArray(json)) return encodeList(json.map(inner))
  return encodeMap(Object.entries(json).map(([key, value]) => [key, inner(value)] as const))
}

/** The values of a list. */
export function listItems({ body }: Encoded): Ottl[] {
  const items: Ottl[] = []
  const reader = new Reader(body)
  const value = new Value()
  while (reader.next() && reader.skip()) {
    if (reader.field !== 1 || reader.wire !== 2) continue
    readAnyValue(body, reader.start, reader.stop, value)
    items.push(ottlOf(value))
  }
  return items
}

/** The entries of a map. */
export function mapEntries({ body }: Encoded): [string, Ottl][] {
  const entries: [string, Ottl][] = []
  const reader = new Reader(body)
  const value = new Value()
  while (reader.next() && reader.skip()) {
    if (reader.field !== 1 || reader.wire !== 2) continue
    const inner = new Reader(body, reader.start, reader.stop)
    let key = ''
    value.none()
    while (inner.next() && inner.skip()) {
      if (inner.wire !== 2) continue
      if (inner.field === 1) key = Buffer.from(body.subarray(inner.start, inner.stop)).toString()
      else if (inner.field === 2) readAnyValue(body, inner.start, inner.stop, value)
    }
    entries.push([key, ottlOf(value)])
  }
  return entries
}

/** The part of a map or list that a key or position names. */
export function partOf(whole: Ottl, key: string | number): Ottl {
  if (!(whole instanceof Encoded)) return undefined
  if (typeof key === 'number') return whole.kind === 'list' ? listItems(whole).at(key) : undefined
  if (whole.kind !== 'map' || !findEntry(whole.body, 0, whole.body.length, 1, Buffer.from(key))) return undefined
  const value = new Value()
  readAnyValue(found.buf, found.start, found.end, value)
  return ottlOf(value)
}

/** A value as JSON writes it; bytes are base64. */
export function toJson(value: Ottl): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : rawNumber(value)
  if (value instanceof Encoded) {
    if (value.kind === 'list') return listItems(value).map(toJson)
    return Object.fromEntries(mapEntries(value).map(([key, each]) => [key, toJson(each)]))
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Duration) return durationText(value)
  return value instanceof Time ? timeText(value) : (value ?? null)
}

const rawNumber = (value: bigint): unknown =>
  (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(value))

const timeText = ({ nanos }: Time) => new Date(Number(nanos / 1_000_000n)).toISOString()

/** A value as text, as the Collector's AsString and `String` write it; undefined for nil. */
export function textOf(value: Ottl): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  if (typeof value === 'number') return doubleText(value)
  if (value instanceof Encoded) return JSON.stringify(toJson(value))
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Duration) return durationText(value)
  return value instanceof Time ? timeText(value) : String(value)
}

/** Go's shortest form of a double: JSON's, with an exponent of two digits at least. */
function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  return Object.is(value, -0) ? '-0' : String(value).replace(/e([+-])(\d)$/, 'e$10$2')
}

/** Whether two values are equal, as OTTL compares them: numbers by value, other kinds never across kinds. */
export function equals(a: Ottl, b: Ottl): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  if (a instanceof Time && b instanceof Time) return a.nanos === b.nanos
  if (a instanceof Duration && b instanceof Duration) return a.nanos === b.nanos
  if (a instanceof Encoded && b instanceof Encoded) {
    return a.kind === b.kind && JSON.stringify(toJson(a)) === JSON.stringify(toJson(b))
  }
  if (isNumber(a) && isNumber(b)) return order(a, b) === 0
  return a === b
}

/** Less than 0, 0 or more, as a is less than, equal to or greater than b; undefined when they have no order. */
export function order(a: Ottl, b: Ottl): number | undefined {
  if (a instanceof Time && b instanceof Time) return order(a.nanos, b.nanos)
  if (a instanceof Duration && b instanceof Duration) return order(a.nanos, b.nanos)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  const comparable = (isNumber(a) && isNumber(b)) || (typeof a === typeof b && typeof a !== 'object')
  if (!comparable || a === undefined || b === undefined) return undefined
  if (a < b) return -1
  if (a > b) return 1
  return Number.isNaN(a) || Number.isNaN(b) ? undefined : 0
}

export const isNumber = (value: Ottl): value is bigint | number =>
  typeof value === 'bigint' || typeof value === 'number'
