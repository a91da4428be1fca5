import { crc32c } from './crc32c.ts'

/** Bytes that a three-byte copy makes at most, and some to begin with: no sound block is longer than this. */
const mostGrowth = 22

/**
 * Undoes a snappy block (github.com/google/snappy, format_description.txt): the length as varint, then literals and
 * copies of what stands before. Undefined: it is none; a number: it would be of that length, which is above `maxBytes`.
 */
export function decodeSnappy(block: Uint8Array, maxBytes: number): Buffer | number | undefined {
  let size = 0
  let pos = 0
  for (let shift = 0; ; shift += 7) {
    if (pos >= block.length || shift > 28) return undefined
    const byte = block[pos++]!
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (size > maxBytes) return size
  if (size > (block.length - pos) * mostGrowth) return undefined
  const out = Buffer.allocUnsafeSlow(size)
  return unpack(block, pos, out) ? out : undefined
}

/** Runs the elements of a block; false when they do not make exactly the bytes of `out`. */
function unpack(block: Uint8Array, from: number, out: Buffer): boolean {
  const end = block.length
  let pos = from
  let to = 0
  while (pos < end) {
    const tag = block[pos++]!
    const kind = tag & 3
    let length = tag >> 2
    if (kind === 0) {
      if (length >= 60) {
        const more = length - 59
        if (pos + more > end) return false
        length = littleEndian(block, pos, more)
        pos += more
      }
      length++
      if (length > end - pos || length > out.length - to) return false
      out.set(block.subarray(pos, pos + length), to)
      pos += length
      to += length
      continue
    }
    const bytes = kind === 1 ? 1 : kind === 2 ? 2 : 4
    if (pos + bytes > end) return false
    let offset = littleEndian(block, pos, bytes)
    pos += bytes
    if (kind === 1) {
      offset += (length >> 3) << 8
      length = (length & 7) + 4
    } else length++
    if (offset === 0 || offset > to || length > out.length - to) return false
    // Byte by byte: what is copied may reach into what is being written.
    for (let i = 0; i < length; i++, to++) out[to] = out[to - offset]!
  }
  return to === out.length
}

function littleEndian(bytes: Uint8Array, pos: number, count: number): number {
  let value = 0
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[pos + i]!
  return value
}

const identifier = Buffer.from('ff060000734e61507059', 'hex')
/** A chunk holds at most this much when undone. */
const chunkBytes = 65_536

/** The same for snappy's framing format (framing_format.txt): chunks with checksums. */
export function decodeSnappyFrames(stream: Uint8Array, maxBytes: number): Buffer | number | undefined {
  const chunks: Buffer[] = []
  let size = 0
  for (let pos = 0; pos < stream.length; ) {
    if (pos + 4 > stream.length) return undefined
    const type = stream[pos]!
    const body = pos + 4
    const end = body + littleEndian(stream, pos + 1, 3)
    if (end > stream.length || (pos === 0 && identifier.compare(stream, 0, 10) !== 0)) return undefined
    pos = end
    if (type >= 0x80) continue
    if (type > 1 || end - body < 4) return undefined
    const data = stream.subarray(body + 4, end)
    const plain = type === 1 ? Buffer.from(data) : decodeSnappy(data, chunkBytes)
    if (!(plain instanceof Uint8Array) || plain.length > chunkBytes) return undefined
    if (masked(crc32c(plain)) !== littleEndian(stream, body, 4)) return undefined
    size += plain.length
    if (size > maxBytes) return size
    chunks.push(plain)
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)
}

const masked = (crc: number) => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
