import { Reader } from '../protobuf.ts'

/** Extents found by the last `readEntry`; an absent key or value is empty. */
export const entry = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 }

const reader = new Reader()

/** Reads a map entry `{1 key, 2 value}` with a length-delimited value. False when it does not parse. */
export function readEntry(bytes: Uint8Array, start: number, end: number): boolean {
  // The common shape is {0a len key 12 len value} with lengths of one byte.
  if (end - start >= 4 && bytes[start] === 0x0a) {
    const keySize = bytes[start + 1]!
    const mid = start + 2 + keySize
    if (
      keySize < 0x80 &&
      mid + 2 <= end &&
      bytes[mid] === 0x12 &&
      bytes[mid + 1]! < 0x80 &&
      mid + 2 + bytes[mid + 1]! === end
    ) {
      entry.keyStart = start + 2
      entry.keyEnd = mid
      entry.valueStart = mid + 2
      entry.valueEnd = end
      return true
    }
  }
  entry.keyStart = entry.keyEnd = entry.valueStart = entry.valueEnd = start
  reader.reset(bytes, start, end)
  while (reader.next()) {
    if (!reader.skip()) return false
    if (reader.wire !== 2) continue
    if (reader.field === 1) {
      entry.keyStart = reader.start
      entry.keyEnd = reader.stop
    } else if (reader.field === 2) {
      entry.valueStart = reader.start
      entry.valueEnd = reader.stop
    }
  }
  return reader.ok
}
