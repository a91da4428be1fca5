import { isWord } from '../byte-runs.ts'
import { entry, readEntry } from '../convert/map-entry.ts'
import type { ForwardWriter } from '../forward-writer.ts'
import { isUtf8 } from '../utf8.ts'
import type { EnvelopeFields } from './envelope-fields.ts'
import { isVisible, writeHostPart, writeSourceType } from './sanitize.ts'

/** What the last `renderTags` made: host name, `[` and source type, tags element, one behind the other in `out`. */
export const rendered = { hostEnd: 0, typeEnd: 0, flags: 0 }

export const TagsFlag = {
  /** There is a host name: some tag names an organization, a space or an app. */
  host: 1,
  /** Some key is no SD-NAME. */
  badName: 2,
  /** Some value is no UTF-8. */
  badValue: 4,
  /** Two entries have the same key: the last one counts, so their order matters. */
  repeated: 8,
} as const

/** Longest source type that is of use: PROCID has 128 bytes at most. */
const maxType = 128
const open = Buffer.from('[tags@47450')
const hostKeys = ['organization_name', 'space_name', 'app_name'] as const

/** Key and value extents of the entries. */
let cells = new Int32Array(4 * 64)
let bytes: Buffer = Buffer.alloc(0)

/** Writes the parts of a message that depend on nothing but the tags behind `out.pos`. False when a tag does not parse. */
export function renderTags(envelope: EnvelopeFields, out: ForwardWriter): boolean {
  bytes = envelope.bytes
  if (!readTags(envelope)) return false
  const order = sortedTags(envelope.tagCount)
  rendered.flags = order.length < envelope.tagCount ? TagsFlag.repeated : 0
  let size = 0
  for (const i of order) size += cells[i + 3]! - cells[i]!
  // Every byte of a value may need an escape, host and type come on top; fixed texts take 6 bytes a tag and 20 in all.
  out.reserve(size * 4 + order.length * 6 + 20)
  writeHost(order, out)
  rendered.hostEnd = out.pos
  writeType(order, out)
  rendered.typeEnd = out.pos
  if (order.length > 0) writeElement(order, out)
  return true
}

function readTags({ entries, tagCount }: EnvelopeFields): boolean {
  if (tagCount * 4 > cells.length) cells = new Int32Array(tagCount * 8)
  for (let i = 0; i < tagCount; i++) {
    if (!readEntry(bytes, entries[i * 2]!, entries[i * 2 + 1]!)) return false
    cells[i * 4] = entry.keyStart
    cells[i * 4 + 1] = entry.keyEnd
    cells[i * 4 + 2] = entry.valueStart
    cells[i * 4 + 3] = entry.valueEnd
  }
  return true
}

/** Positions in `cells`, by the bytes of the keys; of equal keys only the last entry. */
function sortedTags(count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i * 4)
  order.sort((a, b) => compareKeys(a, b) || a - b)
  return order.filter((at, i) => i === count - 1 || compareKeys(at, order[i + 1]!) !== 0)
}

function compareKeys(a: number, b: number): number {
  const start = cells[a]!
  const other = cells[b]!
  const sizes = cells[a + 1]! - start - (cells[b + 1]! - other)
  const size = sizes < 0 ? cells[a + 1]! - start : cells[b + 1]! - other
  for (let i = 0; i < size; i++) {
    const difference = bytes[start + i]! - bytes[other + i]!
    if (difference !== 0) return difference
  }
  return sizes
}

/** Position in `cells` of the tag with this key, or -1. */
function find(order: readonly number[], key: string): number {
  for (const at of order) if (isWord(bytes, cells[at]!, cells[at + 1]!, key)) return at
  return -1
}

function writeHost(order: readonly number[], out: ForwardWriter): void {
  const found = hostKeys.map((key) => find(order, key))
  if (found.every((at) => at < 0)) return
  rendered.flags |= TagsFlag.host
  found.forEach((at, i) => {
    if (i > 0) out.buf[out.pos++] = 0x2e
    if (at >= 0) writeHostPart(out, bytes, cells[at + 2]!, cells[at + 3]!)
  })
}

function writeType(order: readonly number[], out: ForwardWriter): void {
  out.buf[out.pos++] = 0x5b
  const from = out.pos
  const at = find(order, 'source_type')
  if (at >= 0) writeSourceType(out, bytes, cells[at + 2]!, cells[at + 3]!)
  out.pos = Math.min(out.pos, from + maxType)
}

function writeElement(order: readonly number[], out: ForwardWriter): void {
  out.raw(open)
  for (const at of order) {
    const keyEnd = cells[at + 1]!
    const valueStart = cells[at + 2]!
    const valueEnd = cells[at + 3]!
    out.buf[out.pos++] = 0x20
    if (!isName(cells[at]!, keyEnd)) rendered.flags |= TagsFlag.badName
    if (!isUtf8(bytes, valueStart, valueEnd)) rendered.flags |= TagsFlag.badValue
    out.raw(bytes, cells[at]!, keyEnd)
    writeQuoted(out, bytes, valueStart, valueEnd)
  }
  out.buf[out.pos++] = 0x5d
}

/** SD-NAME (RFC 5424, 6.3.2), but of any length. */
function isName(start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (!isVisible(byte) || byte === 0x22 || byte === 0x3d || byte === 0x5d) return false
  }
  return true
}

/** Writes `="value"` with a backslash before quotes, backslashes and closing brackets. */
export function writeQuoted(out: ForwardWriter, source: Uint8Array, start: number, end: number): void {
  out.reserve((end - start) * 2 + 3)
  const { buf } = out
  let { pos } = out
  buf[pos++] = 0x3d
  buf[pos++] = 0x22
  for (let i = start; i < end; i++) {
    const byte = source[i]!
    if (byte === 0x22 || byte === 0x5c || byte === 0x5d) buf[pos++] = 0x5c
    buf[pos++] = byte
  }
  buf[pos++] = 0x22
  out.pos = pos
}
