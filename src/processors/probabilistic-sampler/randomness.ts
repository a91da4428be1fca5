import type { Bits56 } from './bits56.ts'

/** Buckets of the mode `hash_seed`: a sampling percentage is so many of them. */
export const buckets = 0x4000

/** FNV-1a of 32 bits over the seed's four bytes, lowest first, and the bytes. */
export function fnv32(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((seed >>> shift) & 0xff), 0x01000193)
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash >>> 0
}

/**
 * Randomness from a hash, as the Collector makes it: the 14 bits that decide come first, turned around, since there a
 * record is sampled when its hash is below a bound and here when its randomness is not.
 */
export function hashedRandomness(seed: number, bytes: Uint8Array, start: number, end: number, into: Bits56): void {
  const hash = fnv32(seed, bytes, start, end)
  const bucket = hash & (buckets - 1)
  const unused = hash >>> 18
  // 28 bits of which the upper 14 stand in the high half.
  const mixed = unused ^ (unused << 10)
  into.hi = (buckets - 1 - bucket) * buckets + (mixed >>> 14)
  into.lo = (mixed & (buckets - 1)) * buckets + bucket
}

/** The lowest 56 bits of a trace id (W3C Trace Context, level 2). */
export function traceIdRandomness(bytes: Uint8Array, end: number, into: Bits56): void {
  const b = (i: number) => bytes[end - 7 + i]!
  into.hi = (b(0) << 20) | (b(1) << 12) | (b(2) << 4) | (b(3) >>> 4)
  into.lo = ((b(3) & 15) << 24) | (b(4) << 16) | (b(5) << 8) | b(6)
}
