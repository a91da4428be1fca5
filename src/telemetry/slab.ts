/**
 * Large shared buffers that batches are carved from: thousands of medium Buffers are what makes the collector of
 * garbage expensive, a few of 1 MiB are not. A slab lives as long as anything points into it.
 */
const slabBytes = 1 << 20

/** Room in front of every claim for the five-byte prefix of a gRPC message, so that sending needs no second copy. */
export const headroom = 5

export interface Claim {
  readonly buffer: Buffer
  /** First byte that may be written; the `headroom` bytes before it belong to the claim too. */
  readonly start: number
}

let slab = Buffer.alloc(0)
let used = 0

/** Claims `bytes` of shared space. Give unused bytes at the end back with `release`. */
export function claim(bytes: number): Claim {
  const needed = bytes + headroom
  if (needed > slabBytes >> 2) return { buffer: Buffer.allocUnsafeSlow(needed), start: headroom }
  if (used + needed > slab.length) {
    slab = Buffer.allocUnsafeSlow(slabBytes)
    used = 0
  }
  const start = used + headroom
  used += needed
  return { buffer: slab, start }
}

/** Gives back what the newest claim did not need: everything from `end` on. Older claims are left alone. */
export function release(from: Claim, claimed: number, end: number): void {
  if (from.buffer === slab && from.start + claimed === used) used = end
}
