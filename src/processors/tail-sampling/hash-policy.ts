import { type Evaluate, sampledIf } from './decision.ts'

/** What the Collector hashes in front of the trace id when nothing is written. */
const usualSalt = 'default-hash-seed'

/** Traces whose FNV-1a of 64 bits over salt and id is in the lowest part of all: the same ones as the Collector's. */
export function hashPolicy(salt: string, percentage: number): Evaluate {
  const start = { lo: 0x84222325, hi: 0xcbf29ce4 }
  for (const byte of Buffer.from(salt === '' ? usualSalt : salt)) add(start, byte)
  const { lo, hi } = thresholdOf(percentage / 100)
  const hash = { lo: 0, hi: 0 }
  return ({ id }) => {
    hash.lo = start.lo
    hash.hi = start.hi
    for (let i = 0; i < id.length; i++) add(hash, id.charCodeAt(i))
    // An absent id is hashed as sixteen zeros.
    for (let i = id.length; i < 16; i++) add(hash, 0)
    return sampledIf(hash.hi < hi || (hash.hi === hi && hash.lo <= lo))
  }
}

/** Multiplies by the prime of FNV, 2^40 + 0x1b3. */
function add(hash: { lo: number; hi: number }, byte: number): void {
  const lo = (hash.lo ^ byte) >>> 0
  const product = lo * 0x1b3
  hash.hi = (hash.hi * 0x1b3 + Math.floor(product / 4294967296) + lo * 256) % 4294967296
  hash.lo = product % 4294967296
}

/** `ratio` of 2^64 - 1: multiplied with 64 significant bits, halves to even, and cut. */
export function thresholdOf(ratio: number): { lo: number; hi: number } {
  if (!(ratio > 0)) return { lo: 0, hi: 0 }
  const most = 2n ** 64n - 1n
  if (ratio >= 1) return halves(most)
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, ratio)
  const raw = bits.getBigUint64(0)
  const exponent = Number((raw >> 52n) & 0x7ffn)
  const mantissa = (raw & (2n ** 52n - 1n)) | (exponent > 0 ? 2n ** 52n : 0n)
  const down = BigInt(1075 - Math.max(1, exponent))
  const product = rounded64(most * mantissa)
  return halves(product >> down)
}

function rounded64(value: bigint): bigint {
  const excess = BigInt(Math.max(0, value.toString(2).length - 64))
  if (excess === 0n) return value
  const rest = value & (2n ** excess - 1n)
  const cut = value >> excess
  const half = 2n ** (excess - 1n)
  const up = rest > half || (rest === half && (cut & 1n) === 1n)
  return (up ? cut + 1n : cut) << excess
}

const halves = (value: bigint) => ({ lo: Number(value & 0xffffffffn), hi: Number(value >> 32n) })
