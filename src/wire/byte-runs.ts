/** Runs of bytes inside larger buffers: hashed, compared and copied without making views or strings of them. */

/** Random, so that nobody can write a page whose names all fall into one slot. */
const SEED = (Math.random() * 0x7fffffff) | 1

/** Hash of `text[start, end)`. `seed` chains several runs into one hash. */
export function hashBytes(text: Uint8Array, start: number, end: number, seed = SEED): number {
  let hash = seed
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text[i]!, 0x01000193)
  return hash ^ (hash >>> 15)
}

export function sameBytes(a: Uint8Array, from: number, to: number, b: Uint8Array, start: number, end: number): boolean {
  if (to - from !== end - start) return false
  for (let i = from, j = start; i < to; i++, j++) if (a[i] !== b[j]) return false
  return true
}

/** Whether `text[start, end)` is the ASCII `word`. */
export function isWord(text: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false
  for (let i = 0; i < word.length; i++) if (text[start + i] !== word.charCodeAt(i)) return false
  return true
}

/** Copies `source[start, end)` to `target` at `pos`, where there is room; returns the position behind it. */
export function copyBytes(target: Uint8Array, pos: number, source: Uint8Array, start: number, end: number): number {
  const size = end - start
  // A call into the runtime costs as much as a loop over 24 bytes; `set` with a subarray costs half as much again.
  if (size < 24) for (let i = 0; i < size; i++) target[pos + i] = source[start + i]!
  else copy.call(source, target, pos, start, end)
  return pos + size
}

const { copy } = Buffer.prototype
