import { isWord } from '../../byte-runs.ts'
import { entry } from '../../convert/map-entry.ts'
import type { ForwardWriter } from '../../forward-writer.ts'
import { isUtf8 } from '../../utf8.ts'
import { isVisible, writeHostPart, writeSourceType } from '../sanitize.ts'
import { type EnvelopeFields, readTag } from './envelope-fields.ts'

/** What the last `renderHead` made: host name, ` APP-NAME PROCID - ` and tags element, one behind the other in `out`. */
export const rendered = { hostEnd: 0, idsEnd: 0, flags: 0 }

export const HeadFlag = {
  /** There is a host name: some tag names an organization, a space or an app. */
  host: 1,
  /** Parts that cannot be written (RFC 5424): APP-NAME, PROCID, the key of a tag, the value of a tag. */
  badApp: 2,
  badProcess: 4,
  badName: 8,
  badValue: 16,
  /** Two tags have the same key: the last one counts, so their order matters. */
  repeated: 32,
} as const

/** RFC 5424, 6.2.5 and 6.2.6. */
const maxAppName = 48
const maxProcessId = 128
/** Source type of a log with an instance: `[`, `/` and `]` take the rest. */
const maxType = maxProcessId - 3
/** What stays of an instance behind a longer source type. Instance ids of Diego are UUIDs; the original ends here. */
const instanceOfLongType = 36
const noMessageId = Buffer.from(' - ')
const open = Buffer.from('[tags@47450')
const hostKeys = ['organization_name', 'space_name', 'app_name'] as const

/** Key and value extents of the entries. */
let cells = new Int32Array(4 * 64)
let bytes: Buffer = Buffer.alloc(0)

/**
 * Writes the parts of a message that depend on source id, instance id, tags and on whether it is a log behind `out.pos`.
 * False when a tag does not parse.
 */
export function renderHead(envelope: EnvelopeFields, out: ForwardWriter): boolean {
  bytes = envelope.bytes
  if (!readTags(envelope)) return false
  const order = sortedTags(envelope.tagCount)
  rendered.flags = order.length < envelope.tagCount ? HeadFlag.repeated : 0
  let size = 0
  for (const i of order) size += cells[i + 3]! - cells[i]!
  // Every byte of a value may need an escape, host and type come on top; fixed texts take 6 bytes a tag and 230 in all.
  out.reserve(size * 4 + order.length * 6 + 256)
  writeHost(order, out)
  rendered.hostEnd = out.pos
  writeAppName(envelope, out)
  writeProcessId(envelope, order, out)
  rendered.idsEnd = out.pos
  if (order.length > 0) writeElement(order, out)
  return true
}

function readTags(envelope: EnvelopeFields): boolean {
  const { tagCount } = envelope
  if (tagCount * 4 > cells.length) cells = new Int32Array(tagCount * 8)
  for (let i = 0; i < tagCount; i++) {
    if (!readTag(envelope, i)) return false
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
  rendered.flags |= HeadFlag.host
  found.forEach((at, i) => {
    if (i > 0) out.buf[out.pos++] = 0x2e
    if (at >= 0) writeHostPart(out, bytes, cells[at + 2]!, cells[at + 3]!)
  })
}

function writeAppName({ sourceStart, sourceEnd }: EnvelopeFields, out: ForwardWriter): void {
  out.buf[out.pos++] = 0x20
  const end = Math.min(sourceEnd, sourceStart + maxAppName)
  if (end === sourceStart) out.buf[out.pos++] = 0x2d
  else if (writeVisible(out, sourceStart, end)) return
  else rendered.flags |= HeadFlag.badApp
}

/** ` [APP/PROC/WEB/0] - ` of a log, ` [0] - ` of all else. */
function writeProcessId(envelope: EnvelopeFields, order: readonly number[], out: ForwardWriter): void {
  out.buf[out.pos++] = 0x20
  const from = out.pos
  out.buf[out.pos++] = 0x5b
  const instance = envelope.instanceEnd - envelope.instanceStart
  let keep = Math.min(instance, maxProcessId)
  if (envelope.kind === 1) {
    const at = find(order, 'source_type')
    if (at >= 0) writeSourceType(out, bytes, cells[at + 2]!, cells[at + 3]!)
    const type = out.pos - from - 1
    keep = Math.min(instance, type <= maxType ? maxType - type : instanceOfLongType)
    if (instance > 0) {
      out.pos = from + 1 + Math.min(type, maxType - (type <= maxType ? 0 : keep))
      out.buf[out.pos++] = 0x2f
    }
  }
  if (!writeVisible(out, envelope.instanceStart, envelope.instanceStart + keep)) rendered.flags |= HeadFlag.badProcess
  out.buf[out.pos++] = 0x5d
  out.pos = Math.min(out.pos, from + maxProcessId)
  out.raw(noMessageId)
}

/** Writes bytes of the envelope as they are; false when some are not PRINTUSASCII (RFC 5424). */
function writeVisible(out: ForwardWriter, start: number, end: number): boolean {
  let visible = true
  for (let i = start; i < end; i++) {
    if (!isVisible(bytes[i]!)) visible = false
    out.buf[out.pos++] = bytes[i]!
  }
  return visible
}

function writeElement(order: readonly number[], out: ForwardWriter): void {
  out.raw(open)
  for (const at of order) {
    const keyEnd = cells[at + 1]!
    const valueStart = cells[at + 2]!
    const valueEnd = cells[at + 3]!
    out.buf[out.pos++] = 0x20
    if (!isName(cells[at]!, keyEnd)) rendered.flags |= HeadFlag.badName
    if (!isUtf8(bytes, valueStart, valueEnd)) rendered.flags |= HeadFlag.badValue
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
