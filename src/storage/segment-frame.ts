import { get64, isSealed, put64, seal } from './bytes.ts'

/** Bytes before the first batch of a segment, and behind the last one of a finished segment. */
export const frameBytes = 64

const version = 1
const headMagic = Buffer.from('TRQS')
export const footMagic = Buffer.from('TRQF')

/** The front of a segment: `TRQS`, version, salt, then what the queue had taken before it. */
export interface SegmentHead {
  readonly first: number
  readonly salt: number
  /** Records in the queue's life before this segment. */
  readonly records: number
  /** Wall time of its making, milliseconds since 1970. */
  readonly at: number
}

/** The end of a segment that takes no more: `TRQF`, version, salt, then what is in it. */
export interface SegmentFoot {
  readonly salt: number
  readonly records: number
  readonly batches: number
  readonly first: number
  readonly last: number
  readonly firstAt: number
  readonly lastAt: number
  /** Where the batches end, which is where the footer begins. */
  readonly end: number
}

export function writeHead({ first, salt, records, at }: SegmentHead): Buffer {
  const bytes = Buffer.alloc(frameBytes)
  headMagic.copy(bytes)
  bytes[4] = version
  bytes.writeUInt32LE(salt, 8)
  put64(bytes, 16, first)
  put64(bytes, 24, records)
  put64(bytes, 32, at)
  seal(bytes, 0, frameBytes - 4)
  return bytes
}

/** Undefined when the bytes are no such front. */
export function readHead(bytes: Buffer, salt: number): SegmentHead | undefined {
  if (!isFrame(bytes, headMagic, salt)) return undefined
  return { salt, first: get64(bytes, 16), records: get64(bytes, 24), at: get64(bytes, 32) }
}

export function writeFoot(foot: SegmentFoot): Buffer {
  const bytes = Buffer.alloc(frameBytes)
  footMagic.copy(bytes)
  bytes[4] = version
  bytes.writeUInt32LE(foot.salt, 8)
  bytes.writeUInt32LE(foot.batches, 12)
  put64(bytes, 16, foot.records)
  put64(bytes, 24, foot.first)
  put64(bytes, 32, foot.last)
  put64(bytes, 40, foot.firstAt)
  put64(bytes, 48, foot.lastAt)
  bytes.writeUInt32LE(foot.end, 56)
  seal(bytes, 0, frameBytes - 4)
  return bytes
}

/** Undefined when the bytes are no such end. */
export function readFoot(bytes: Buffer, salt: number): SegmentFoot | undefined {
  if (!isFrame(bytes, footMagic, salt)) return undefined
  return {
    salt,
    batches: bytes.readUInt32LE(12),
    records: get64(bytes, 16),
    first: get64(bytes, 24),
    last: get64(bytes, 32),
    firstAt: get64(bytes, 40),
    lastAt: get64(bytes, 48),
    end: bytes.readUInt32LE(56),
  }
}

function isFrame(bytes: Buffer, magic: Buffer, salt: number): boolean {
  return (
    bytes.length === frameBytes &&
    bytes.indexOf(magic) === 0 &&
    bytes[4] === version &&
    bytes.readUInt32LE(8) === salt &&
    isSealed(bytes, 0, frameBytes - 4)
  )
}

const namePattern = /^(\d{16})-([0-9a-f]{8})\.batches$/

/** `0000000000000001-9f3c01aa.batches`: the first sequence and the salt. */
export function segmentName(first: number, salt: number): string {
  return `${String(first).padStart(16, '0')}-${salt.toString(16).padStart(8, '0')}.batches`
}

export function parseSegmentName(name: string): { first: number; salt: number } | undefined {
  const match = namePattern.exec(name)
  return match ? { first: Number(match[1]), salt: Number.parseInt(match[2]!, 16) } : undefined
}
