import { varintSize, writeVarint } from '../../varint.ts'
import { copyShort } from '../copy-short.ts'
import { Item, itemSize, type SyslogMessage } from '../parse/message.ts'
import { putText, putValue, valueSize } from './parameters.ts'

const hostKey = Buffer.from('hostname')
const msgIdKey = Buffer.from('msg_id')
const priorityKey = Buffer.from('priority')
const priorities = Array.from({ length: 192 }, (_, i) => Buffer.from(String(i)))

/** In `Item.extra` of an element: it gives no tags. */
export const skipped = -1

/** Size of a tag made of a parameter, whose name is preceded by `prefix` bytes of its element's id and a dot. */
export function tagSize(items: Int32Array, at: number, prefix: number): number {
  const keySize = items[at + 1]! - items[at]! + prefix
  const size = valueSize(items, at)
  const entry = 2 + varintSize(keySize) + keySize + varintSize(size) + size
  return 1 + varintSize(entry) + entry
}

/** Writes the tags of all elements but those that are marked as skipped; `Item.extra` of an element is its prefix. */
export function writeTags(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
  const { items, itemCount } = message
  let at = pos
  let id = 0
  let prefix = 0
  for (let i = 0; i < itemCount; i++) {
    const item = i * itemSize
    if (items[item + Item.valueStart]! < 0) {
      id = item
      prefix = items[item + Item.extra]!
      continue
    }
    if (prefix === skipped) continue
    const keySize = items[item + 1]! - items[item]! + prefix
    const size = valueSize(items, item)
    to[at] = 0x4a
    at = writeVarint(to, at + 1, 2 + varintSize(keySize) + keySize + varintSize(size) + size)
    to[at] = 0x0a
    at = writeVarint(to, at + 1, keySize)
    if (prefix > 0) {
      at = copyShort(to, at, b, items[id]!, items[id + 1]!)
      to[at++] = 0x2e
    }
    at = copyShort(to, at, b, items[item]!, items[item + 1]!)
    at = putValue(to, at, 0x12, b, items, item)
  }
  return at
}

/** Size of the tags of what has no place in an envelope: host name, message id, priority. */
export function extraSize(message: SyslogMessage): number {
  const { priority } = message
  let size = extraTagSize(hostKey, message.hostEnd - message.hostStart)
  size += extraTagSize(msgIdKey, message.msgIdEnd - message.msgIdStart)
  return size + extraTagSize(priorityKey, priority < 0 ? 0 : priorities[priority]!.length)
}

/** Writes these. */
export function writeExtra(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
  const { priority } = message
  let at = putTag(to, pos, hostKey, b, message.hostStart, message.hostEnd)
  at = putTag(to, at, msgIdKey, b, message.msgIdStart, message.msgIdEnd)
  if (priority < 0) return at
  const text = priorities[priority]!
  return putTag(to, at, priorityKey, text, 0, text.length)
}

function extraTagSize(key: Buffer, size: number): number {
  if (size === 0) return 0
  const entry = 3 + key.length + varintSize(size) + size
  return 1 + varintSize(entry) + entry
}

function putTag(to: Buffer, pos: number, key: Buffer, b: Buffer, start: number, end: number): number {
  const size = end - start
  if (size === 0) return pos
  to[pos] = 0x4a
  const at = writeVarint(to, pos + 1, 3 + key.length + varintSize(size) + size)
  return putText(to, putText(to, at, 0x0a, key, 0, key.length), 0x12, b, start, end)
}
