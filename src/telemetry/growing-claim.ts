import type { RecordIndex } from './record-index.ts'
import { type Claim, claim, release } from './slab.ts'

/** Space of a slab for what a gate gathers: grows while records come, and gives back what they did not need. */
export class GrowingClaim {
  /** Bytes that hold records. */
  used = 0
  private room: Claim = none
  private size = 0
  /** What the last claims came to: the first size of the next one. */
  private usual = leastClaim

  get buffer(): Buffer {
    return this.room.buffer
  }

  get start(): number {
    return this.room.start
  }

  /** Makes room for `bytes` more; answers where they go. Growing moves what is there, and its index with it. */
  ensure(bytes: number, index: RecordIndex): number {
    const { room, used } = this
    if (used + bytes <= this.size) return room.start + used
    const size = Math.max(used + bytes + spare, room === none ? this.usual : this.size * 2)
    const next = claim(size)
    if (used > 0) {
      room.buffer.copy(next.buffer, next.start, room.start, room.start + used)
      index.shift(next.start - room.start)
    }
    this.room = next
    this.size = size
    return next.start + used
  }

  /** Ends this claim: answers where what it holds ends. */
  close(): number {
    const end = this.room.start + this.used
    release(this.room, this.size, end)
    this.usual = Math.min(mostClaim, Math.max(leastClaim, this.used + (this.used >> 1), this.usual >> 1))
    this.room = none
    this.size = this.used = 0
    return end
  }
}

const none: Claim = { buffer: Buffer.alloc(0), start: 0 }
/** So that the frame of a record never makes the next byte too many. */
const spare = 6
/** What a turn brings differs: from one envelope to ten batches of 100. Unused room goes back to the slab. */
const leastClaim = 4 << 10
const mostClaim = 64 << 10
