import { get64, isSealed, put64, seal } from './bytes.ts'
import type { Disk } from './disk.ts'
import { codeOf } from './failures.ts'

export const finishedName = 'finished'

const version = 1
const magic = Buffer.from('TRQD')
const headBytes = 8
const entryBytes = 12

/**
 * Batches above the position that were finished all the same, by sequence, with their number of records. Written at an orderly
 * end, so that what was delivered out of turn does not come again; without it, or with damage in it, it comes again.
 *
 * | 0 | `TRQD` | 4 | version 1, u8 | 8 | for each batch its sequence, u64, and its records, u32; at the end the CRC-32 of all |
 */
export class Finished {
  private readonly counts: Map<number, number>

  constructor(counts: Map<number, number> = new Map()) {
    this.counts = counts
  }

  /** What the file says of batches from `position` on. */
  static read(disk: Disk, path: string, position: number): Finished {
    let fd: number
    try {
      fd = disk.open(path)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new Finished()
      throw error
    }
    try {
      const bytes = Buffer.alloc(disk.size(fd))
      return new Finished(parse(bytes.subarray(0, disk.readNow(fd, bytes, 0)), position))
    } finally {
      disk.close(fd)
    }
  }

  get size(): number {
    return this.counts.size
  }

  get records(): number {
    return this.recordsBetween(0, Number.POSITIVE_INFINITY)
  }

  /** Takes a batch out: whether it was finished. */
  take(sequence: number): boolean {
    return this.counts.delete(sequence)
  }

  has(sequence: number): boolean {
    return this.counts.has(sequence)
  }

  /** Takes out the batches of `[from, to)`, and answers their records. */
  takeBetween(from: number, to: number): number {
    const records = this.recordsBetween(from, to)
    if (records > 0)
      for (const sequence of [...this.counts.keys()]) if (sequence >= from && sequence < to) this.take(sequence)
    return records
  }

  private recordsBetween(from: number, to: number): number {
    let records = 0
    for (const [sequence, count] of this.counts) if (sequence >= from && sequence < to) records += count
    return records
  }

  /** With the batches of `done`, as a file. Throws what the disk throws. */
  async write(disk: Disk, path: string, done: ReadonlyMap<number, number>): Promise<void> {
    const all = [...this.counts, ...done]
    try {
      disk.removeNow(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
    if (all.length === 0) return
    const end = headBytes + all.length * entryBytes
    const bytes = Buffer.alloc(end + 4)
    magic.copy(bytes)
    bytes[4] = version
    for (const [i, [sequence, count]] of all.entries()) {
      put64(bytes, headBytes + i * entryBytes, sequence)
      bytes.writeUInt32LE(count, headBytes + i * entryBytes + 8)
    }
    seal(bytes, 0, end)
    const fd = disk.create(path)
    try {
      disk.write(fd, [bytes], 0)
      await disk.sync(fd)
    } finally {
      disk.close(fd)
    }
  }
}

function parse(bytes: Buffer, position: number): Map<number, number> {
  const counts = new Map<number, number>()
  const end = bytes.length - 4
  if (end < headBytes || (end - headBytes) % entryBytes !== 0) return counts
  if (bytes.indexOf(magic) !== 0 || bytes[4] !== version || !isSealed(bytes, 0, end)) return counts
  for (let at = headBytes; at < end; at += entryBytes) {
    const sequence = get64(bytes, at)
    if (sequence >= position) counts.set(sequence, bytes.readUInt32LE(at + 8))
  }
  return counts
}
