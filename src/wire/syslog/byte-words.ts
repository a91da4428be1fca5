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

/** Whether one of the bytes is zero. */
export function hasZero(words: DataView, start: number, end: number): boolean {
  let pos = start
  let found = 0
  for (; pos + 4 <= end; pos += 4) {
    const word = words.getInt32(pos, true)
    found |= (word - 0x01010101) & ~word
  }
  for (; pos < end; pos++) found |= words.getUint8(pos) - 1
  return (found & 0x80808080) !== 0
}
