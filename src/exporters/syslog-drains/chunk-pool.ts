import type { Budget } from '../../delivery/budget.ts'

/** A piece of memory that belongs to one drain: whole frames stand in `bytes[start, end)`. */
export interface Chunk {
  readonly bytes: Buffer
  /** First frame that is neither taken nor dropped. */
  start: number
  /** Behind the last frame. */
  end: number
  /** Frames in `[start, end)`. */
  count: number
  /** Runs of frames that were taken from it and may still be read. */
  pins: number
  /** Whether it stands in its ring's list. */
  listed: boolean
  /** Whether its ring could give it back just now. */
  givable: boolean
  next: Chunk | undefined
}

/** Sizes of chunks: a quiet drain has a small one, a busy one needs few. */
const sizes = [4096, 16_384, 65_536] as const
export const largestChunk = 65_536
/** Free chunks kept per size: 1, 2 and 4 MiB. */
const keep = [256, 128, 64] as const
/** What a chunk costs beside its bytes. */
const overhead = 256

const mostHeadroom = 32 << 20

export const chunkCost = (size: number): number => size + overhead

/** The size of a chunk for `bytes`; what is larger than the largest gets one made to measure. */
export function chunkSize(bytes: number): number {
  for (const size of sizes) if (bytes <= size) return size
  return bytes
}

/** Chunks for all drains of an exporter. What is handed out is charged to the budget; what is kept for reuse is not. */
export class ChunkPool {
  private readonly budget: Budget
  /** Left to others where the memory of the whole process is the tighter bound: receivers need some to go on. */
  private headroom = 0
  private readonly free: Chunk[][] = sizes.map(() => [])
  private parked: Chunk[] = []
  private parking = false

  constructor(memory: Budget, name: string, maxBytes: number) {
    this.budget = memory.child(name)
    this.bound(maxBytes)
  }

  bound(maxBytes: number): void {
    this.headroom = Math.min(mostHeadroom, maxBytes >> 3)
    this.budget.maxBytes = this.budget.softBytes = maxBytes + this.headroom
  }

  /** Bytes handed out. */
  get used(): number {
    return this.budget.used
  }

  fits(size: number): boolean {
    return this.budget.fits(chunkCost(size) + this.headroom)
  }

  take(size: number): Chunk {
    this.budget.take(chunkCost(size))
    const found = this.free[sizeNumber(size)]?.pop()
    if (!found) return newChunk(size)
    found.listed = true
    return found
  }

  give(chunk: Chunk): void {
    this.budget.give(chunkCost(chunk.bytes.length))
    chunk.start = chunk.end = chunk.count = 0
    chunk.listed = false
    chunk.next = undefined
    if (this.parking) this.parked.push(chunk)
    else this.reuse(chunk)
  }

  /** What is given back from now on is not handed out before `settle`: frames are being copied from drain to drain. */
  park(): void {
    this.parking = true
  }

  settle(): void {
    this.parking = false
    if (this.parked.length === 0) return
    for (const chunk of this.parked) this.reuse(chunk)
    this.parked = []
  }

  private reuse(chunk: Chunk): void {
    const number = sizeNumber(chunk.bytes.length)
    if (number >= 0 && this.free[number]!.length < keep[number]!) this.free[number]!.push(chunk)
  }
}

const sizeNumber = (size: number): number =>
  size === sizes[0] ? 0 : size === sizes[1] ? 1 : size === sizes[2] ? 2 : -1

function newChunk(size: number): Chunk {
  return {
    bytes: Buffer.allocUnsafeSlow(size),
    start: 0,
    end: 0,
    count: 0,
    pins: 0,
    listed: true,
    givable: false,
    next: undefined,
  }
}
