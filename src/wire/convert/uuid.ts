import type { BackwardWriter } from '../protobuf.ts'

const hex = Buffer.from('0123456789abcdef')
const text = Buffer.alloc(36, 0x2d)
/** Where the two digits of each of the 16 bytes stand in the text form. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]

/**
 * The text form of a v1 UUID, `b3015d69-09cd-476d-aace-ad2d824d5ab7`: its two uint64 are the text's bytes read
 * little-endian. The answer is a shared buffer, good until the next call.
 */
export function uuidText(lowLo: number, lowHi: number, highLo: number, highHi: number): Buffer {
  putWord(0, lowLo)
  putWord(4, lowHi)
  putWord(8, highLo)
  putWord(12, highHi)
  return text
}

function putWord(from: number, word: number): void {
  for (let i = 0; i < 4; i++) {
    const byte = (word >>> (i * 8)) & 0xff
    const place = places[from + i]!
    text[place] = hex[byte >>> 4]!
    text[place + 1] = hex[byte & 15]!
  }
}

/** Words of the UUID that `parseUuid` read: low lo, low hi, high lo, high hi. */
export const uuidWords = new Uint32Array(4)

/** Reads 36 characters whose digits, without positions 8, 13, 18 and 23, are hexadecimal; what stands there is free. */
export function parseUuid(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 36) return false
  uuidWords.fill(0)
  for (let i = 0; i < 16; i++) {
    const place = start + places[i]!
    const high = hexDigit(bytes[place]!)
    const low = hexDigit(bytes[place + 1]!)
    if (high < 0 || low < 0) return false
    uuidWords[i >>> 2]! |= ((high << 4) | low) << ((i & 3) * 8)
  }
  return true
}

/** Value of a hexadecimal digit of either case, or -1. */
export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** Writes the UUID that `parseUuid` read as field `field`: {1 low, 2 high}, both always there. */
export function writeUuid(out: BackwardWriter, field: number): void {
  const mark = out.length
  out.varint64(uuidWords[2]!, uuidWords[3]!)
  out.tag(2, 0)
  out.varint64(uuidWords[0]!, uuidWords[1]!)
  out.tag(1, 0)
  out.message(field, mark)
}
