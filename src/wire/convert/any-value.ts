import { int64Text, joinDouble, Reader } from '../protobuf.ts'
import { textOf } from '../utf8.ts'
import { entry, readEntry } from './map-entry.ts'
import { shortestDecimal } from './numbers.ts'

/** Members of AnyValue (opentelemetry-proto, common/v1). */
export const AnyKind = { none: 0, string: 1, bool: 2, int: 3, double: 4, array: 5, kvlist: 6, bytes: 7 } as const

/** Nesting that is still rendered; deeper values become null. */
const depthLimit = 64

/** The AnyValue read last: its kind, and its span (string, array, kvlist, bytes) or the halves of its number. */
export class AnyView {
  kind = 0
  start = 0
  end = 0
  lo = 0
  hi = 0
  private readonly reader = new Reader()

  /** Reads `[start, end)`; false when it does not parse. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const { reader } = this
    this.kind = AnyKind.none
    this.start = this.end = start
    this.lo = this.hi = 0
    reader.reset(bytes, start, end)
    while (reader.next()) {
      const { field, wire } = reader
      if ((field === AnyKind.bool || field === AnyKind.int) && wire === 0) reader.varint64()
      else if (field === AnyKind.double && wire === 1) reader.fixed64()
      else {
        if (!reader.skip()) return false
        const spans = field === AnyKind.string || (field >= AnyKind.array && field <= AnyKind.bytes)
        if (wire !== 2 || !spans) continue
        this.start = reader.start
        this.end = reader.stop
        this.kind = field
        continue
      }
      this.lo = reader.lo
      this.hi = reader.hi
      this.kind = field
    }
    return reader.ok
  }
}

/** The value in `any` as plain text: strings as they are, numbers in digits, bytes in base64, the rest as JSON. */
export function anyText(bytes: Uint8Array, any: AnyView): string {
  switch (any.kind) {
    case AnyKind.none:
      return ''
    case AnyKind.string:
      return textOf(bytes, any.start, any.end)
    case AnyKind.bool:
      return any.lo === 0 && any.hi === 0 ? 'false' : 'true'
    case AnyKind.int:
      return int64Text(any.lo, any.hi)
    case AnyKind.double:
      return shortestDecimal(joinDouble(any.lo, any.hi))
    case AnyKind.bytes:
      return Buffer.from(bytes.buffer, bytes.byteOffset + any.start, any.end - any.start).toString('base64')
    default:
      return anyJson(bytes, any)
  }
}

/** The value in `any` as JSON; 64-bit integers keep all digits, NaN and infinities are strings. */
export function anyJson(bytes: Uint8Array, any: AnyView, depth = 0): string {
  if (any.kind === AnyKind.none || depth > depthLimit) return 'null'
  if (any.kind === AnyKind.array) return `[${members(bytes, any, depth).join(',')}]`
  if (any.kind === AnyKind.kvlist) return `{${members(bytes, any, depth).join(',')}}`
  const text = anyText(bytes, any)
  if (any.kind === AnyKind.bool || any.kind === AnyKind.int) return text
  if (any.kind === AnyKind.double && Number.isFinite(joinDouble(any.lo, any.hi))) return text
  return JSON.stringify(text)
}

/** JSON of what an array or kvlist holds; what does not parse is left out. */
function members(bytes: Uint8Array, any: AnyView, depth: number): string[] {
  const found: string[] = []
  const reader = new Reader(bytes, any.start, any.end)
  const inner = new AnyView()
  while (reader.next() && reader.skip()) {
    if (reader.field !== 1 || reader.wire !== 2) continue
    if (any.kind === AnyKind.array) {
      if (inner.read(bytes, reader.start, reader.stop)) found.push(anyJson(bytes, inner, depth + 1))
    } else if (readEntry(bytes, reader.start, reader.stop)) {
      const key = JSON.stringify(textOf(bytes, entry.keyStart, entry.keyEnd))
      if (inner.read(bytes, entry.valueStart, entry.valueEnd)) found.push(`${key}:${anyJson(bytes, inner, depth + 1)}`)
    }
  }
  return found
}
