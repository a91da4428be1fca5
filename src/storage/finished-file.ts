import { get64, isSealed, put64, seal } from './bytes.ts'
import type { Disk } from './disk.ts'
import { codeOf } from './failures.ts'
import type { Recovered } from './recover.ts'

export const finishedName = 'finished'

const version = 1
const magic = Buffer.from('TRQD')
const headBytes = 8
const entryBytes = 20

/** A batch that was finished. */
export interface Done {
  /** Records in the queue's life before it. */
  readonly before: number
  readonly count: number
}

/** What is done above the lowest unfinished batch. */
export interface DoneAbove {
  /** By sequence. */
  readonly batches: ReadonlyMap<number, Done>
  /** Records that are lost, by the sequence of the batch right behind them: told once, whoever passes there again. */
  readonly gaps: ReadonlyMap<number, number>
}

/**
 * Batches above the position that were finished all the same, by sequence, with their number of records. Written at an orderly
 * end, and when batches were taken out, so that what was delivered out of turn does not come again; without it, or with damage in it,
 * it comes again.
 *
 * | 0 | `TRQD` | 4 | version 1, u8 | 8 | for each batch: sequence, u64; records before it, u64; its records, u32 | CRC-32 of all before |
 */
export class Finished {
  private readonly batches: Map<number, Done>
  private readonly gaps = new Map<number, number>()

  constructor(batches: Map<number, Done> = new Map()) {
    this.batches = batches
  }

  /** What the file says of the batches that a queue has from here on. */
  static read(disk: Disk, path: string, { sequence, records, total }: Recovered): Finished {
    let fd: number
    try {
      fd = disk.open(path)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return new Finished()
      throw error
    }
    try {
      const bytes = Buffer.alloc(disk.size(fd))
      const batches = parse(bytes.subarray(0, disk.readNow(fd, bytes, 0)))
      // A power cut may have taken what comes after the position, and the batch with it.
      for (const [number, { before, count }] of batches) {
        if (number < sequence || before < records || before + count > total) batches.delete(number)
      }
      return new Finished(batches)
    } finally {
      disk.close(fd)
    }
  }

  get size(): number {
    return this.batches.size
  }

  get records(): number {
    return this.recordsBetween(0, Number.POSITIVE_INFINITY)
  }

  add({ batches, gaps }: DoneAbove): void {
    for (const [sequence, batch] of batches) this.batches.set(sequence, batch)
    for (const [sequence, records] of gaps) this.gaps.set(sequence, (this.gaps.get(sequence) ?? 0) + records)
  }

  /** Takes a batch out: whether it was finished. */
  take(sequence: number): boolean {
    return this.batches.delete(sequence)
  }

  has(sequence: number): boolean {
    return this.batches.has(sequence)
  }

  /** Takes out the batches of `[from, to)` and what is lost before them and before `to`, and answers their records. */
  takeBetween(from: number, to: number): number {
    const records = this.recordsBetween(from, to)
    if (records === 0) return 0
    for (const sequence of [...this.batches.keys()]) if (sequence >= from && sequence < to) this.take(sequence)
    for (const sequence of [...this.gaps.keys()]) if (sequence >= from && sequence <= to) this.gaps.delete(sequence)
    return records
  }

  private recordsBetween(from: number, to: number): number {
    let sum = 0
    for (const [sequence, { count }] of this.batches) if (sequence >= from && sequence < to) sum += count
    for (const [sequence, records] of this.gaps) if (sequence >= from && sequence <= to) sum += records
    return sum
  }

  /** With the batches of `done`, those up to a sequence, as a file. Throws what the disk throws. */
  async write(disk: Disk, path: string, done: DoneAbove['batches'], upTo: number): Promise<void> {
    const all = [...this.batches, ...done].filter(([sequence]) => sequence <= upTo)
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
    for (const [i, [sequence, { before, count }]] of all.entries()) {
      const at = headBytes + i * entryBytes
      put64(bytes, at, sequence)
      put64(bytes, at + 8, before)
      bytes.writeUInt32LE(count, at + 16)
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

function parse(bytes: Buffer): Map<number, Done> {
  const batches = new Map<number, Done>()
  const end = bytes.length - 4
  if (end < headBytes || (end - headBytes) % entryBytes !== 0) return batches
  if (bytes.indexOf(magic) !== 0 || bytes[4] !== version || !isSealed(bytes, 0, end)) return batches
  for (let at = headBytes; at < end; at += entryBytes) {
    batches.set(get64(bytes, at), { before: get64(bytes, at + 8), count: bytes.readUInt32LE(at + 16) })
  }
  return batches
}
