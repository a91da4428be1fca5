import { writeVarint } from '../../varint.ts'
import { copyShort } from '../copy-short.ts'
import { Item, itemSize, type SyslogMessage } from '../parse/message.ts'
import { copyValue } from '../parse/parse-5424.ts'

/** Whether `b[start, end)` begins with a word. */
export function startsWith(b: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start < word.length) return false
  for (let i = 0; i < word.length; i++) if (b[start + i] !== word[i]) return false
  return true
}

/** The item behind an element and its parameters. */
export function behindElement({ items, itemCount }: SyslogMessage, first: number): number {
  let i = first + 1
  while (i < itemCount && items[i * itemSize + Item.valueStart]! >= 0) i++
  return i
}

/** Place of the last parameter of that name, as in a map; -1: there is none. */
export function findParameter(b: Uint8Array, items: Int32Array, from: number, to: number, name: Uint8Array): number {
  for (let i = to - 1; i > from; i--) {
    const at = i * itemSize
    if (items[at + 1]! - items[at]! === name.length && startsWith(b, items[at]!, items[at + 1]!, name)) return at
  }
  return -1
}

/** Bytes of a parameter's value without its escapes. */
export const valueSize = (items: Int32Array, at: number): number =>
  items[at + Item.valueEnd]! - items[at + Item.valueStart]! - items[at + Item.extra]!

/** A field of protobuf with text, its tag byte given. */
export function putText(to: Buffer, pos: number, tag: number, b: Buffer, start: number, end: number): number {
  to[pos] = tag
  return copyShort(to, writeVarint(to, pos + 1, end - start), b, start, end)
}

/** A parameter's value without its escapes. */
export function putValue(to: Buffer, pos: number, tag: number, b: Buffer, items: Int32Array, at: number): number {
  to[pos] = tag
  const from = writeVarint(to, pos + 1, valueSize(items, at))
  const start = items[at + Item.valueStart]!
  const end = items[at + Item.valueEnd]!
  return items[at + Item.extra]! > 0 ? copyValue(to, from, b, start, end) : copyShort(to, from, b, start, end)
}
