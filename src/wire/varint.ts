/** Bytes that the varint of an unsigned 32-bit number takes. */
export function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
}

export function varintSize64(lo: number, hi: number): number {
  if (hi === 0) return varintSize(lo)
  if (hi < 8) return 5
  return hi < 0x400 ? 6 : hi < 0x20000 ? 7 : hi < 0x1000000 ? 8 : hi < 0x80000000 ? 9 : 10
}

/** Writes the varint of an unsigned 32-bit number at `pos`; returns the position behind it. */
export function writeVarint(buf: Uint8Array, pos: number, value: number): number {
  let rest = value
  while (rest >= 0x80) {
    buf[pos++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buf[pos++] = rest
  return pos
}

/** Writes the varint of a 64-bit number at `pos`; returns the position behind it. */
export function writeVarint64(buf: Uint8Array, pos: number, lo: number, hi: number): number {
  let low = lo >>> 0
  let high = hi >>> 0
  while (high !== 0 || low >= 0x80) {
    buf[pos++] = (low & 0x7f) | 0x80
    low = ((low >>> 7) | (high << 25)) >>> 0
    high >>>= 7
  }
  buf[pos++] = low
  return pos
}
