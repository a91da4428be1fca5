import type { Format } from '../telemetry/format.ts'
import type { Disk } from './disk.ts'
import { bodyCrc, headerBytes, RecordHeader, recordMagic } from './disk-record.ts'
import { footMagic, frameBytes } from './segment-frame.ts'

/** A stretch of a segment, and what it is. */
export type Found =
  | FoundBatch
  /** The header is sound, note or payload are not. */
  | (Omit<FoundBatch, 'kind'> & { readonly kind: 'damaged' })
  /** Bytes that belong to no sound header, up to the next one. */
  | { readonly kind: 'gap'; readonly from: number; readonly to: number }
  /** The end of a write that was cut off, or blocks that were never written: nothing that could be kept. */
  | { readonly kind: 'torn'; readonly from: number; readonly to: number }

export interface FoundBatch {
  readonly kind: 'batch'
  readonly from: number
  readonly to: number
  readonly sequence: number
  /** Records that the queue had taken before this batch. */
  readonly before: number
  readonly count: number
  readonly format: Format
  readonly at: number
  /** Header, note and payload as they stand on disk; empty when payloads are not wanted. */
  readonly bytes: Buffer
  readonly noteBytes: number
}

/** What a scan goes over: `[offset, end)` of an open segment. */
export interface ScanRange {
  readonly fd: number
  readonly salt: number
  offset: number
  readonly end: number
}

const leastChunk = 4096
/** Chunks in which the next header is looked for. */
const searchChunk = 1 << 20

/**
 * What stands at `range.offset`, in about `most` bytes: at least one thing, none at the end of the range. Moves the offset behind it.
 * With `payloads: false` only headers are looked at. Rejects when the disk does; the offset stays then.
 */
export async function scan(disk: Disk, range: ScanRange, most: number, payloads = true): Promise<Found[]> {
  const { fd, salt, end } = range
  let base = range.offset
  if (base >= end) return []
  const found: Found[] = []
  let chunk = await load(disk, fd, base, Math.min(end - base, Math.max(most, leastChunk)))
  // The file is shorter than it should be.
  if (chunk.length === 0) found.push({ kind: 'torn', from: base, to: end })
  let pos = 0
  while (pos < chunk.length) {
    const from = base + pos
    const left = chunk.length - pos
    if (left < headerBytes) {
      if (from + left < end && found.length > 0) break
      if (from + left < end) {
        chunk = await load(disk, fd, from, Math.min(end - from, Math.max(most, leastChunk)))
        base = from
        pos = 0
        if (chunk.length >= headerBytes) continue
      }
      found.push({ kind: 'torn', from, to: end })
      break
    }
    const header = new RecordHeader()
    if (!header.readFrom(chunk, pos, salt, base + pos)) {
      if (found.length > 0) break
      found.push(await gapFrom(disk, range, from))
      break
    }
    const { size } = header
    if (from + size > end) {
      found.push({ kind: 'torn', from, to: end })
      break
    }
    if (!payloads) {
      found.push(batchOf('batch', header, from, none))
      pos += size
      continue
    }
    if (pos + size > chunk.length) {
      if (found.length > 0) break
      chunk = await load(disk, fd, from, size)
      base = from
      pos = 0
      if (chunk.length < size) {
        found.push({ kind: 'torn', from, to: end })
        break
      }
    }
    const bytes = chunk.subarray(pos, pos + size)
    found.push(batchOf(isWhole(header, bytes) ? 'batch' : 'damaged', header, from, bytes))
    pos += size
  }
  range.offset = found.at(-1)?.to ?? end
  return found
}

const none = Buffer.alloc(0)

function batchOf<K extends 'batch' | 'damaged'>(kind: K, header: RecordHeader, from: number, bytes: Buffer) {
  const { sequence, before, count, format, at, noteBytes, size } = header
  return { kind, from, to: from + size, sequence, before, count, format, at, bytes, noteBytes }
}

function isWhole({ bodyCrc: written, noteBytes }: RecordHeader, bytes: Buffer): boolean {
  return bodyCrc(undefined, bytes.subarray(headerBytes)) === written && noteBytes <= bytes.length - headerBytes
}

/** From a place without a sound header to the next one. */
async function gapFrom(disk: Disk, { fd, salt, end }: ScanRange, from: number): Promise<Found> {
  const header = new RecordHeader()
  let zeros = true
  let cutFooter = false
  for (let base = from; base < end; base += searchChunk - headerBytes) {
    const chunk = await load(disk, fd, base, Math.min(end - base, searchChunk))
    zeros &&= isZero(chunk)
    if (base === from) cutFooter = end - from < frameBytes && chunk.indexOf(footMagic) === 0
    let pos = chunk.indexOf(recordMagic, base === from ? 1 : 0)
    while (pos >= 0 && pos + headerBytes <= chunk.length) {
      if (header.readFrom(chunk, pos, salt, base + pos)) return { kind: 'gap', from, to: base + pos }
      pos = chunk.indexOf(recordMagic, pos + 1)
    }
    if (base + chunk.length >= end || chunk.length < searchChunk) break
  }
  return { kind: zeros || cutFooter ? 'torn' : 'gap', from, to: end }
}

const isZero = (bytes: Buffer) =>
  bytes.length === 0 || (bytes[0] === 0 && bytes.compare(bytes, 1, bytes.length, 0, bytes.length - 1) === 0)

/** `[at, at + bytes)` of a file, less only where the file ends. */
async function load(disk: Disk, fd: number, at: number, bytes: number): Promise<Buffer> {
  const into = Buffer.allocUnsafeSlow(bytes)
  let got = 0
  while (got < bytes) {
    const more = await disk.read(fd, into.subarray(got), at + got)
    if (more === 0) break
    got += more
  }
  return got === bytes ? into : into.subarray(0, got)
}
