import { get64, isSealed, put64, seal } from './bytes.ts'
import type { Disk } from './disk.ts'

/** How far a queue was finished when it was last written. */
export interface Position {
  /** Lowest sequence that is not finished. */
  readonly sequence: number
  /** Records in the queue's life before that one. */
  readonly records: number
  /** The next sequence to be given: nothing may be numbered below it, even if what was numbered is lost. */
  readonly next: number
  /** Up to here a sync had made the batches durable. */
  readonly synced: number
}

const version = 1
const magic = 0x50515254
const slotBytes = 64
/** Two slots, written in turn, in two blocks of the device: one of them is always whole. */
const slotAt = [0, 4096] as const
const fileBytes = 8192

/**
 * The position of a queue on disk, written in place: it needs no room on a disk that is full.
 *
 * |  0 | `TRQP`        |  8 | generation, u64 | 24 | records, u64 | 40 | synced, u64              |
 * |  4 | version 1, u8 | 16 | sequence, u64   | 32 | next, u64    | 60 | CRC-32 of what is before |
 */
export class PositionFile {
  readonly fd: number
  /** What the file said when it was opened. */
  readonly found: Position | undefined
  private readonly disk: Disk
  private generation: number
  private readonly slot = Buffer.alloc(slotBytes)

  /** `isNew`: the file is made; it is an error if it exists. */
  constructor(disk: Disk, path: string, isNew: boolean) {
    this.disk = disk
    this.fd = isNew ? disk.create(path) : disk.open(path)
    const newest = readPosition(disk, this.fd)
    this.generation = newest?.generation ?? 0
    this.found = newest?.position
    // Both of its blocks exist from now on.
    if (disk.size(this.fd) < fileBytes) disk.write(this.fd, [Buffer.alloc(slotBytes)], fileBytes - slotBytes)
  }

  write({ sequence, records, next, synced }: Position): void {
    const { slot } = this
    this.generation++
    slot.writeUInt32LE(magic, 0)
    slot[4] = version
    put64(slot, 8, this.generation)
    put64(slot, 16, sequence)
    put64(slot, 24, records)
    put64(slot, 32, next)
    put64(slot, 40, synced)
    seal(slot, 0, slotBytes - 4)
    this.disk.write(this.fd, [slot], slotAt[this.generation % 2]!)
  }
}

interface Slot {
  readonly generation: number
  readonly position: Position
}

/** The newest whole slot of an open file. */
export function readPosition(disk: Disk, fd: number): Slot | undefined {
  const slots = slotAt.map((at) => readSlot(disk, fd, at)).filter((slot) => slot !== undefined)
  return slots.sort((a, b) => b.generation - a.generation)[0]
}

function readSlot(disk: Disk, fd: number, at: number): Slot | undefined {
  const bytes = Buffer.alloc(slotBytes)
  if (disk.readNow(fd, bytes, at) < slotBytes) return undefined
  if (bytes.readUInt32LE(0) !== magic || bytes[4] !== version || !isSealed(bytes, 0, slotBytes - 4)) return undefined
  const position = {
    sequence: get64(bytes, 16),
    records: get64(bytes, 24),
    next: get64(bytes, 32),
    synced: get64(bytes, 40),
  }
  return { generation: get64(bytes, 8), position }
}
