import { crc32 } from 'node:zlib'

const high = 2 ** 32

/** Writes a whole number below 2^53 as 8 bytes, little end first. */
export function put64(target: Buffer, at: number, value: number): void {
  target.writeUInt32LE(value % high, at)
  target.writeUInt32LE(Math.floor(value / high), at + 4)
}

/** Reads what `put64` wrote. What is above 2^53 comes out inexact. */
export function get64(source: Buffer, at: number): number {
  return source.readUInt32LE(at) + source.readUInt32LE(at + 4) * high
}

/** Writes the CRC-32 of `[from, to)` of the buffer at `to`. */
export function seal(target: Buffer, from: number, to: number): void {
  target.writeUInt32LE(crc32(target.subarray(from, to)), to)
}

/** Whether the CRC-32 at `to` is that of `[from, to)`. */
export function isSealed(source: Buffer, from: number, to: number): boolean {
  return crc32(source.subarray(from, to)) === source.readUInt32LE(to)
}
