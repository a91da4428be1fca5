const buckets = 256
/** Watching begins when the ring is half full and ends when it is down to a quarter. */
const half = 0.5
const quarter = 0.25

/**
 * Keeps one application from filling the ring of a drain that all share. While the ring is half full, bytes are counted by
 * hash of the source id; who brought more than an even part of the ring of late is turned away. Costs nothing before.
 */
export class FloodGate {
  private readonly bytes = new Float64Array(buckets)
  private total = 0
  private active = 0
  private watching = false

  /** Whether `size` bytes of this source may enter a ring that is full to the part `fill` and then holds `capacity` bytes. */
  admits(source: Uint8Array, start: number, end: number, size: number, fill: number, capacity: number): boolean {
    if (this.watching ? fill < quarter : fill < half) {
      if (this.watching) this.clear()
      return true
    }
    this.watching = true
    const bucket = bucketOf(source, start, end)
    const held = this.bytes[bucket]!
    if (fill >= half && held > capacity / Math.max(1, this.active)) return false
    if (held === 0) this.active++
    this.bytes[bucket] = held + size
    this.total += size
    // What came long ago has left the ring: half a ring of newer bytes makes it count half.
    if (this.total > capacity / 2) this.fade()
    return true
  }

  private fade(): void {
    this.total = this.active = 0
    for (let i = 0; i < buckets; i++) {
      // Below a byte a source counts as gone.
      const left = this.bytes[i]! < 2 ? 0 : this.bytes[i]! / 2
      this.bytes[i] = left
      this.total += left
      if (left > 0) this.active++
    }
  }

  private clear(): void {
    this.bytes.fill(0)
    this.total = this.active = 0
    this.watching = false
  }
}

/** FNV-1a, folded to eight bits. */
function bucketOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  hash ^= hash >>> 16
  return (hash ^ (hash >>> 8)) & 255
}
