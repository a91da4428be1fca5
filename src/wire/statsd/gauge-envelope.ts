/** One loggregator.v2 gauge envelope as the StatsD injector sends it, straight into a batch. */
import { copyBytes } from '../byte-runs.ts'
import type { ForwardWriter } from '../forward-writer.ts'
import { varintSize, varintSize64, writeVarint, writeVarint64 } from '../protobuf.ts'
import type { TagPairs } from './tag-pairs.ts'

const ORIGIN = Buffer.from('origin')

/**
 * Appends `{ timestamp, source_id: origin, tags: { origin, ...pairs }, gauge: { name: { unit, value } } }` as an element of
 * a batch. `names` holds the origin in `[start, dot)` and the name in `[dot + 1, end)`; the pairs are spans of `tags`.
 */
export function writeGaugeEnvelope(
  out: ForwardWriter,
  timeLo: number,
  timeHi: number,
  names: Uint8Array,
  start: number,
  dot: number,
  end: number,
  unit: Uint8Array,
  value: number,
  tags: Uint8Array,
  pairs: TagPairs,
): void {
  const origin = dot - start
  const name = end - dot - 1
  const gaugeValue = 10 + varintSize(unit.length) + unit.length
  const entry = 2 + varintSize(name) + name + varintSize(gaugeValue) + gaugeValue
  const gauge = 1 + varintSize(entry) + entry
  const size =
    1 +
    varintSize64(timeLo, timeHi) +
    (1 + varintSize(origin) + origin) +
    tagsSize(origin, pairs) +
    (1 + varintSize(gauge) + gauge)
  out.reserve(size + 6)
  const { buf } = out
  let pos = out.pos
  buf[pos++] = 0x0a
  pos = writeVarint(buf, pos, size)
  buf[pos++] = 0x08
  pos = writeVarint64(buf, pos, timeLo, timeHi)
  pos = writeSpan(buf, pos, 0x12, names, start, dot)
  pos = writeTags(buf, pos, names, start, dot, tags, pairs)
  buf[pos++] = 0x32
  pos = writeVarint(buf, pos, gauge)
  buf[pos++] = 0x0a
  pos = writeVarint(buf, pos, entry)
  pos = writeSpan(buf, pos, 0x0a, names, dot + 1, end)
  buf[pos++] = 0x12
  pos = writeVarint(buf, pos, gaugeValue)
  pos = writeSpan(buf, pos, 0x0a, unit, 0, unit.length)
  buf[pos++] = 0x11
  out.pos = buf.writeDoubleLE(value, pos)
}

function tagsSize(origin: number, pairs: TagPairs): number {
  let size = pairs.hasOrigin ? 0 : fieldSize(ORIGIN.length, origin)
  const { count, keyStart, keyEnd, valueStart, valueEnd } = pairs
  for (let i = 0; i < count; i++) size += fieldSize(keyEnd[i]! - keyStart[i]!, valueEnd[i]! - valueStart[i]!)
  return size
}

function entrySize(key: number, value: number): number {
  return 2 + varintSize(key) + key + varintSize(value) + value
}

function fieldSize(key: number, value: number): number {
  const entry = entrySize(key, value)
  return 1 + varintSize(entry) + entry
}

function writeTags(
  buf: Buffer,
  at: number,
  names: Uint8Array,
  start: number,
  dot: number,
  tags: Uint8Array,
  pairs: TagPairs,
): number {
  let pos = at
  if (!pairs.hasOrigin) {
    pos = beginTag(buf, pos, ORIGIN.length, dot - start)
    pos = writeSpan(buf, pos, 0x0a, ORIGIN, 0, ORIGIN.length)
    pos = writeSpan(buf, pos, 0x12, names, start, dot)
  }
  const { count, keyStart, keyEnd, valueStart, valueEnd } = pairs
  for (let i = 0; i < count; i++) {
    pos = beginTag(buf, pos, keyEnd[i]! - keyStart[i]!, valueEnd[i]! - valueStart[i]!)
    pos = writeSpan(buf, pos, 0x0a, tags, keyStart[i]!, keyEnd[i]!)
    pos = writeSpan(buf, pos, 0x12, tags, valueStart[i]!, valueEnd[i]!)
  }
  return pos
}

function beginTag(buf: Buffer, pos: number, key: number, value: number): number {
  buf[pos] = 0x4a
  return writeVarint(buf, pos + 1, entrySize(key, value))
}

function writeSpan(buf: Buffer, at: number, tag: number, from: Uint8Array, start: number, end: number): number {
  buf[at] = tag
  const pos = writeVarint(buf, at + 1, end - start)
  return copyBytes(buf, pos, from, start, end)
}
