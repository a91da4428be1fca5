/** Snappy blocks (github.com/google/snappy, format_description.txt), as remote write wants them. */
import { copyBytes } from '../byte-runs.ts'
import { varintSize, writeVarint } from '../protobuf.ts'

/** Matches are looked for within so many bytes: their distances fit two bytes. */
const windowSize = 65_536
const tableBits = 14
/** Where four bytes with some hash stood last, plus one; 0 for nowhere. */
const table = new Uint16Array(1 << tableBits)

/** The most that `length` bytes become: literals of 60 bytes cost one more. */
const worst = (length: number) => 32 + length + Math.ceil(length / 6)

/** One block of `bytes`. */
export function encodeSnappy(bytes: Uint8Array): Buffer {
  const out = Buffer.allocUnsafeSlow(varintSize(bytes.length) + worst(bytes.length))
  let pos = writeVarint(out, 0, bytes.length)
  for (let from = 0; from < bytes.length; from += windowSize) {
    pos = encodeWindow(bytes, from, Math.min(from + windowSize, bytes.length), out, pos)
  }
  return out.subarray(0, pos)
}

function encodeWindow(bytes: Uint8Array, from: number, end: number, out: Buffer, to: number): number {
  table.fill(0)
  let pos = to
  let literal = from
  let at = from
  // The longer nothing is found, the further the next look: noise costs little.
  let misses = 32
  const last = end - 4
  while (at < last) {
    const word = read32(bytes, at)
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - tableBits)
    const candidate = from + table[slot]! - 1
    table[slot] = at - from + 1
    if (candidate < from || candidate >= at || read32(bytes, candidate) !== word) {
      at += misses++ >>> 5
      continue
    }
    misses = 32
    pos = writeLiteral(bytes, literal, at, out, pos)
    let length = 4
    while (at + length < end && bytes[candidate + length] === bytes[at + length]) length++
    pos = writeCopy(at - candidate, length, out, pos)
    at += length
    literal = at
  }
  return writeLiteral(bytes, literal, end, out, pos)
}

const read32 = (b: Uint8Array, at: number) => b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)

function writeLiteral(bytes: Uint8Array, start: number, end: number, out: Buffer, to: number): number {
  let pos = to
  const length = end - start - 1
  if (length < 0) return pos
  if (length < 60) out[pos++] = length << 2
  else if (length < 256) {
    out[pos++] = 60 << 2
    out[pos++] = length
  } else {
    out[pos++] = 61 << 2
    out[pos++] = length & 255
    out[pos++] = length >>> 8
  }
  return copyBytes(out, pos, bytes, start, end)
}

/** Copies of 64 bytes at most; none of the rest is shorter than four. */
function writeCopy(distance: number, length: number, out: Buffer, to: number): number {
  let pos = to
  let left = length
  while (left > 0) {
    const size = left > 64 ? Math.min(64, left - 4) : left
    if (size < 12 && size > 3 && distance < 2048) {
      out[pos++] = 1 | ((size - 4) << 2) | ((distance >>> 8) << 5)
      out[pos++] = distance & 255
    } else {
      out[pos++] = 2 | ((size - 1) << 2)
      out[pos++] = distance & 255
      out[pos++] = distance >>> 8
    }
    left -= size
  }
  return pos
}
