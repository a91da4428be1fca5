/** Text in bytes: checked and read by UTF-8 (RFC 3629). */

/** Whether `[start, end)` is valid UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let pos = start
  let bits = 0
  const whole = end - 3
  for (; pos < whole; pos += 4) bits |= bytes[pos]! | bytes[pos + 1]! | bytes[pos + 2]! | bytes[pos + 3]!
  for (; pos < end; pos++) bits |= bytes[pos]!
  return bits < 0x80 || isSequences(bytes, start, end)
}

function isSequences(bytes: Uint8Array, start: number, end: number): boolean {
  let pos = start
  while (pos < end) {
    if (bytes[pos]! < 0x80) {
      pos++
      continue
    }
    const size = sequenceSize(bytes, pos, end)
    if (size === 0) return false
    pos += size
  }
  return true
}

/** Bytes of the valid multi-byte sequence at `pos`, or 0. */
function sequenceSize(bytes: Uint8Array, pos: number, end: number): number {
  const first = bytes[pos]!
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  if (first < 0xc2 || first > 0xf4 || pos + size > end) return 0
  const second = bytes[pos + 1]!
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = 2; i < size; i++) if ((bytes[pos + i]! & 0xc0) !== 0x80) return 0
  return size
}

/** Bytes as text, with U+FFFD for every maximal part that is no UTF-8 (WHATWG Encoding, 4.1). */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()
}
