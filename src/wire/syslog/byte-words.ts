/** Bytes read four at a time. Positions are those of the bytes; nothing outside the asked extent is read. */

let viewed: Uint8Array = new Uint8Array(0)
let view = new DataView(viewed.buffer)

/** A view over `bytes`, kept until other bytes are asked for: batches share large buffers. */
export function wordsOf(bytes: Uint8Array): DataView {
  if (bytes !== viewed) {
    viewed = bytes
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  return view
}

/** Whether `a[from, from + size)` equals `b[start, start + size)`. */
export function sameWords(a: DataView, from: number, b: DataView, start: number, size: number): boolean {
  if (size < 4) {
    for (let i = 0; i < size; i++) if (a.getUint8(from + i) !== b.getUint8(start + i)) return false
    return true
  }
  const last = size - 4
  for (let i = 0; i < last; i += 4) if (a.getInt32(from + i, true) !== b.getInt32(start + i, true)) return false
  return a.getInt32(from + last, true) === b.getInt32(start + last, true)
}

/** Hash of up to 16 bytes at both ends and of the size. Equal hashes prove nothing. */
export function hashWords(view: DataView, start: number, end: number): number {
  let head = Math.imul(end - start, 0x9e3779b1)
  if (end - start < 16) {
    for (let pos = start; pos < end; pos++) head = Math.imul(head ^ view.getUint8(pos), 0x01000193)
    return head ^ (head >>> 15)
  }
  let tail = Math.imul(view.getInt32(end - 4, true), 0x85ebca6b) ^ view.getInt32(end - 8, true)
  head = Math.imul(head ^ view.getInt32(start, true), 0x85ebca6b) ^ view.getInt32(start + 4, true)
  tail = Math.imul(tail, 0xc2b2ae35) ^ view.getInt32(end - 12, true)
  head = Math.imul(head ^ (head >>> 13), 0xc2b2ae35) ^ view.getInt32(start + 8, true)
  tail = Math.imul(tail ^ (tail >>> 13), 0x27d4eb2f) ^ view.getInt32(end - 16, true)
  head = Math.imul(head, 0x27d4eb2f) ^ view.getInt32(start + 12, true)
  const hash = Math.imul(head ^ (tail >>> 16), 0x165667b1) ^ Math.imul(tail, 0x9e3779b1)
  return hash ^ (hash >>> 15)
}

/** Whether one of the bytes is zero. */
export function hasZero(view: DataView, start: number, end: number): boolean {
  let pos = start
  let found = 0
  for (; pos + 4 <= end; pos += 4) {
    const word = view.getInt32(pos, true)
    found |= (word - 0x01010101) & ~word
  }
  for (; pos < end; pos++) found |= view.getUint8(pos) - 1
  return (found & 0x80808080) !== 0
}
