/** Numbers of 64 bits as two unsigned 32-bit halves, little half first. */

const doubleBytes = new DataView(new ArrayBuffer(8))

/** The double whose bits are the two halves. */
export function joinDouble(lo: number, hi: number): number {
  doubleBytes.setUint32(0, lo, true)
  doubleBytes.setUint32(4, hi, true)
  return doubleBytes.getFloat64(0, true)
}

/** An unsigned 64-bit number as decimal text. */
export function uint64Text(lo: number, hi: number): string {
  return hi === 0 ? String(lo) : ((BigInt(hi) << 32n) | BigInt(lo)).toString()
}

/** A signed 64-bit number (two's complement halves) as decimal text. */
export function int64Text(lo: number, hi: number): string {
  return BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo)).toString()
}

/** Halves of a BigInt, cut to 64 bits. */
export function splitBigInt(value: bigint): [lo: number, hi: number] {
  const bits = BigInt.asUintN(64, value)
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)]
}

/** Nanoseconds since 1970 from a millisecond clock, as halves. */
export function nanosFromMillis(millis: number, nanos = 0): [lo: number, hi: number] {
  return splitBigInt(BigInt(Math.trunc(millis)) * 1_000_000n + BigInt(nanos))
}
