import { joinDouble, Reader } from '../wire/protobuf.ts'

/** The value of one field: read the side that its type in the protocol has. Not for hot paths. */
export interface FieldValue {
  readonly text: string
  readonly bytes: Buffer
  /** 64 bits of a varint or fixed64 field. */
  readonly uint: bigint
  readonly int: bigint
  readonly double: number
}

/** Calls `take` for every field of the message; stops where the bytes are malformed. */
export function eachField(message: Buffer, take: (field: number, value: FieldValue) => void): void {
  const reader = new Reader(message)
  while (reader.next()) {
    const { field, wire } = reader
    if (wire === 0) reader.varint64()
    else if (wire === 1) reader.fixed64()
    else if (!reader.skip()) return
    if (!reader.ok) return
    if (wire === 2) take(field, new Value(message.subarray(reader.start, reader.stop), 0, 0))
    else take(field, new Value(nothing, reader.lo, reader.hi))
  }
}

const nothing = Buffer.alloc(0)

class Value implements FieldValue {
  readonly bytes: Buffer
  private readonly lo: number
  private readonly hi: number

  constructor(bytes: Buffer, lo: number, hi: number) {
    this.bytes = bytes
    this.lo = lo
    this.hi = hi
  }

  get text(): string {
    return this.bytes.toString()
  }

  get uint(): bigint {
    return (BigInt(this.hi) << 32n) | BigInt(this.lo)
  }

  get int(): bigint {
    return BigInt.asIntN(64, this.uint)
  }

  get double(): number {
    return joinDouble(this.lo, this.hi)
  }
}
