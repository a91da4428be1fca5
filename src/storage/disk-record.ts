import { crc32 } from 'node:zlib'
import type { Format } from '../telemetry/format.ts'
import { get64, isSealed, put64, seal } from './bytes.ts'

/**
 * One batch on disk: this header, the note, the payload.
 *
 * |  0 | magic f5 54 51 52 (f5 is in no UTF-8 text) | 24 | records in the queue's life before this batch, u64 |
 * |  4 | version 1, u8                              | 32 | wall time of the append in ms, u64                 |
 * |  5 | format, u8                                 | 40 | length of the note, u32                            |
 * |  6 | 0, u16                                     | 44 | length of the payload, u32                         |
 * |  8 | salt of the segment, u32                   | 48 | place of the header in its segment, u32            |
 * | 12 | records in the batch, u32                  | 52 | CRC-32 of note and payload                         |
 * | 16 | sequence, u64                              | 56 | CRC-32 of the 56 bytes before                      |
 *
 * All numbers little end first. Salt and place keep bytes of a payload that look like a header, as those of a copied queue would,
 * from being taken for one when a reader looks for the next header behind damage.
 */
export const headerBytes = 60

/** Longest note and payload of one batch. */
export const mostBytes = 2 ** 31 - 1 - 2 * headerBytes

const version = 1
export const recordMagic = Buffer.from([0xf5, 0x54, 0x51, 0x52])
const magicNumber = recordMagic.readUInt32LE(0)

/** Numbers of the formats on disk: never to be changed. */
const formatNumbers: Record<Format, number> = { envelopes: 1, dropsonde: 2, logs: 3, metrics: 4, traces: 5 }
const formatNames = Object.fromEntries(Object.entries(formatNumbers).map(([name, number]) => [number, name]))

/** The header of one batch: filled by `readFrom`, or by hand for `writeTo`. */
export class RecordHeader {
  sequence = 0
  /** Records that the queue had taken before this batch. */
  before = 0
  at = 0
  count = 0
  format: Format = 'logs'
  noteBytes = 0
  payloadBytes = 0
  bodyCrc = 0

  /** Header, note and payload. */
  get size(): number {
    return headerBytes + this.noteBytes + this.payloadBytes
  }

  /** `place`: where in the segment it will stand. */
  writeTo(target: Buffer, salt: number, place: number): void {
    recordMagic.copy(target, 0)
    target[4] = version
    target[5] = formatNumbers[this.format]
    target.writeUInt16LE(0, 6)
    target.writeUInt32LE(salt, 8)
    target.writeUInt32LE(this.count, 12)
    put64(target, 16, this.sequence)
    put64(target, 24, this.before)
    put64(target, 32, this.at)
    target.writeUInt32LE(this.noteBytes, 40)
    target.writeUInt32LE(this.payloadBytes, 44)
    target.writeUInt32LE(place, 48)
    target.writeUInt32LE(this.bodyCrc, 52)
    seal(target, 0, 56)
  }

  /** False when no header of this segment and place is at `at`; `source` must have `headerBytes` from there on. */
  readFrom(source: Buffer, at: number, salt: number, place: number): boolean {
    if (source.readUInt32LE(at) !== magicNumber || source.readUInt32LE(at + 8) !== salt) return false
    if (source.readUInt32LE(at + 48) !== place || source[at + 4] !== version) return false
    if (!isSealed(source, at, at + 56)) return false
    const format = formatNames[source[at + 5]!]
    if (format === undefined) return false
    this.format = format as Format
    this.count = source.readUInt32LE(at + 12)
    this.sequence = get64(source, at + 16)
    this.before = get64(source, at + 24)
    this.at = get64(source, at + 32)
    this.noteBytes = source.readUInt32LE(at + 40)
    this.payloadBytes = source.readUInt32LE(at + 44)
    this.bodyCrc = source.readUInt32LE(at + 52)
    return true
  }
}

/** CRC-32 of a batch's note and payload together. */
export function bodyCrc(note: Uint8Array | undefined, payload: Uint8Array): number {
  return note ? crc32(payload, crc32(note)) : crc32(payload)
}
