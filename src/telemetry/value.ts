/** What a path found in a record. */
export const ValueType = { none: 0, text: 1, bytes: 2, int: 3, uint: 4, double: 5, bool: 6, other: 7, map: 8 } as const
export type ValueType = (typeof ValueType)[keyof typeof ValueType]

/**
 * The value a path found, without making anything of it: a span of bytes, or a number. Reused for every record; the
 * span is valid as long as the batch is.
 */
export class Value {
  type: ValueType = ValueType.none
  /** Text, bytes, map (a KeyValueList of OTLP) and other (an ArrayValue): the bytes that `start` and `end` are in. */
  buf: Uint8Array = nothing
  start = 0
  end = 0
  /** Integers: halves, two's complement. Bool: `lo` is 0 or 1. */
  lo = 0
  hi = 0
  double = 0
  /** Where the search for the next value of the same path goes on, and where it ends. */
  resume = 0
  resumeEnd = 0
  resumeBuf: Uint8Array = nothing

  none(): void {
    this.type = ValueType.none
  }

  span(type: ValueType, buf: Uint8Array, start: number, end: number): void {
    this.type = type
    this.buf = buf
    this.start = start
    this.end = end
  }

  text(constant: Uint8Array): void {
    this.span(ValueType.text, constant, 0, constant.length)
  }

  integer(type: ValueType, lo: number, hi: number): void {
    this.type = type
    this.lo = lo
    this.hi = hi
  }

  /** Makes it what another value is. */
  copy(from: Value): void {
    this.type = from.type
    this.buf = from.buf
    this.start = from.start
    this.end = from.end
    this.lo = from.lo
    this.hi = from.hi
    this.double = from.double
  }

  real(value: number): void {
    this.type = ValueType.double
    this.double = value
  }

  /** Whether it is text or bytes equal to `bytes`. */
  equals(bytes: Uint8Array): boolean {
    if (this.type !== ValueType.text && this.type !== ValueType.bytes) return false
    return sameBytes(this.buf, this.start, this.end, bytes, 0, bytes.length)
  }

  /** As a string: text as it is, numbers in decimal, nothing for what is absent. */
  toString(): string {
    if (this.type === ValueType.none) return ''
    if (this.type === ValueType.double) return String(this.double)
    if (this.type === ValueType.bool) return this.lo === 1 ? 'true' : 'false'
    if (this.type === ValueType.int || this.type === ValueType.uint) {
      const bits = (BigInt(this.hi >>> 0) << 32n) | BigInt(this.lo >>> 0)
      return String(this.type === ValueType.int ? BigInt.asIntN(64, bits) : bits)
    }
    const { buf, start, end } = this
    if (Buffer.isBuffer(buf)) return buf.toString('utf8', start, end)
    return Buffer.from(buf.buffer, buf.byteOffset + start, end - start).toString()
  }
}

const nothing = new Uint8Array(0)

/** Whether two spans hold the same bytes. */
export function sameBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  const size = aEnd - aStart
  if (size !== bEnd - bStart) return false
  for (let i = size - 1; i >= 0; i--) if (a[aStart + i] !== b[bStart + i]) return false
  return true
}

/**
 * Copies `source[start, end)` to `target` at `pos`, where there must be room and no overlap; answers the position behind
 * it. Measured for 40 bytes: 45 ns as a loop, 55 ns by `copy`, and 18 ns within one buffer, which two claims of a slab
 * mostly are.
 */
export function copySpan(target: Buffer, pos: number, source: Buffer, start: number, end: number): number {
  const size = end - start
  if (size < 16) for (let i = 0; i < size; i++) target[pos + i] = source[start + i]!
  else if (source === target) target.copyWithin(pos, start, end)
  else if (size < 48) for (let i = 0; i < size; i++) target[pos + i] = source[start + i]!
  else source.copy(target, pos, start, end)
  return pos + size
}

const typeNames = [
  'nothing',
  'text',
  'bytes',
  'the integer',
  'the integer',
  'the number',
  'the boolean',
  'a list',
  'a map',
]

/** What a value is, for messages: `the integer 5`, `text`. Text itself is not shown: it may be a secret. */
export function typeName(value: Value): string {
  const { type } = value
  const shows = type >= ValueType.int && type <= ValueType.bool
  return shows ? `${typeNames[type]} ${value.toString()}` : typeNames[type]!
}
