import { joinDouble, Reader } from '../protobuf.ts'

const reader = new Reader()

/**
 * The fields 1 to 15 of a flat message, by number; the last occurrence counts. Absent ones read as zero or empty.
 * `read` says which wire type each field must have; a field of another type is unknown, as in protobuf decoders.
 */
export class FieldView {
  bytes: Uint8Array = new Uint8Array(0)
  /** Bit n: field n was there. */
  seen = 0
  /** The field read last: tells which member of a oneof is set. */
  last = 0
  private readonly lows = new Uint32Array(16)
  private readonly highs = new Uint32Array(16)

  /** Reads `[start, end)`. `varints`, `doubles` and `spans` are masks of field numbers by wire type 0, 1 and 2. */
  read(bytes: Uint8Array, start: number, end: number, varints: number, doubles: number, spans: number): boolean {
    this.bytes = bytes
    this.seen = 0
    this.last = 0
    reader.reset(bytes, start, end)
    while (reader.next()) {
      const { field, wire } = reader
      const bit = field < 16 ? 1 << field : 0
      if (wire === 0 && varints & bit) {
        reader.varint64()
        this.put(field, reader.lo, reader.hi)
      } else if (wire === 1 && doubles & bit) {
        reader.fixed64()
        this.put(field, reader.lo, reader.hi)
      } else {
        if (!reader.skip()) return false
        if (wire === 2 && spans & bit) this.put(field, reader.start, reader.stop)
      }
    }
    return reader.ok
  }

  private put(field: number, lo: number, hi: number): void {
    this.seen |= 1 << field
    this.last = field
    this.lows[field] = lo
    this.highs[field] = hi
  }

  has(field: number): boolean {
    return (this.seen & (1 << field)) !== 0
  }

  /** Low half of a number. */
  lo(field: number): number {
    return this.has(field) ? this.lows[field]! : 0
  }

  /** High half of a number. */
  hi(field: number): number {
    return this.has(field) ? this.highs[field]! : 0
  }

  /** A number cut to a signed 32-bit one. */
  int32(field: number): number {
    return this.lo(field) | 0
  }

  double(field: number): number {
    return this.has(field) ? joinDouble(this.lows[field]!, this.highs[field]!) : 0
  }

  /** Start of a length-delimited field's body. */
  start(field: number): number {
    return this.lo(field)
  }

  /** End of a length-delimited field's body. */
  end(field: number): number {
    return this.hi(field)
  }
}

/** A mask of field numbers. */
export const fields = (...numbers: number[]): number => numbers.reduce((mask, field) => mask | (1 << field), 0)
