/** Bytes read four at a time. Positions are those of the bytes; nothing outside the asked extent is read. */

let viewed: Uint8Array = new Uint8Array(0)
let view = viewOf(viewed)

/** A view over `bytes`, kept until other bytes are asked for: batches share large buffers. */
export function wordsOf(bytes: Uint8Array): DataView {
  if (bytes !== viewed) {
    viewed = bytes
    view = viewOf(bytes)
  }
  return view
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Whether `a[from, from + size)` equals `b[start, start + size)`; `size` is four at least. */
export function sameWords(a: DataView, from: number, b: DataView, start: number, size: number): boolean {
  const last = size - 4
  for (let i = 0; i < last; i += 4) if (a.getInt32(from + i, true) !== b.getInt32(start + i, true)) return false
  return a.getInt32(from + last, true) === b.getInt32(start + last, true)
}

let alignedOf: ArrayBufferLike | undefined
let aligned: Int32Array<ArrayBufferLike> = new Int32Array(0)

/** Whether one of the bytes is zero. */
export function hasZero(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes.buffer !== alignedOf) {
    alignedOf = bytes.buffer
    aligned = new Int32Array(alignedOf, 0, alignedOf.byteLength >>> 2)
  }
  const offset = bytes.byteOffset
  const first = (offset + start + 3) >>> 2
  const last = (offset + end) >>> 2
  if (first >= last) return hasZeroByte(bytes, start, end)
  let found = 0
  for (let i = first; i < last; i++) {
    const word = aligned[i]!
    found |= (word - 0x01010101) & ~word
  }
  if (found & 0x80808080) return true
  return hasZeroByte(bytes, start, (first << 2) - offset) || hasZeroByte(bytes, (last << 2) - offset, end)
}

function hasZeroByte(bytes: Uint8Array, start: number, end: number): boolean {
  let found = 0
  for (let pos = start; pos < end; pos++) found |= bytes[pos]! - 1
  return found < 0
}
