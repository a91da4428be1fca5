import { Reader } from '../wire/protobuf.ts'

/** What a v2 envelope holds; stands in the low bits of `info`. */
export const Kind = { none: 0, log: 1, counter: 2, gauge: 3, timer: 4, event: 5 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]
export const kindMask = 7
export const kindNames = ['none', 'log', 'counter', 'gauge', 'timer', 'event'] as const

/** Flags in `info`, above the kind. */
export const EnvelopeFlag = {
  /** Has `deprecated_tags`. */
  deprecated: 8,
  /** `source_id` is empty or absent. */
  noSource: 16,
  /** A string that is not valid UTF-8: must be repaired before it travels on. */
  badText: 32,
  /** One bit per kind, so that the or of a whole batch tells which kinds it has. */
  kinds: 6,
} as const

/** The `seen` bit of a kind. */
export const seenKind = (kind: number) => 1 << (EnvelopeFlag.kinds + kind)

/** Extent of the source id of the last scanned envelope. */
export const scanned = { sourceStart: 0, sourceEnd: 0 }

/** What `scanEnvelope` answers for bytes that are not an envelope. */
export const malformed = -1

const reader = new Reader()
const inner = new Reader()

/**
 * The one pass over an envelope's bytes: checks every message in it as a protobuf decoder would (loggregator-api,
 * v2/envelope.proto), and answers its kind and flags, or `malformed`. With `checkText` strings are checked for UTF-8 too.
 */
export function scanEnvelope(buf: Uint8Array, start: number, end: number, checkText: boolean): number {
  let info = 0
  let kind = 0
  let pos = start
  scanned.sourceStart = scanned.sourceEnd = start
  while (pos < end) {
    const tag = buf[pos]!
    if (tag === 0x4a) {
      // tags: the common shape is {0a len key 12 len value} with one-byte lengths; ten of them in most envelopes.
      const size = buf[pos + 1]!
      const entry = pos + 2
      const next = entry + size
      const key = buf[entry + 1]!
      const value = entry + 2 + key
      if (size < 0x80 && next <= end && buf[entry] === 0x0a && buf[value] === 0x12 && value + 2 + buf[value + 1]! === next) {
        if (checkText && !(isText(buf, entry + 2, value) && isText(buf, value + 2, next))) info |= EnvelopeFlag.badText
        pos = next
        continue
      }
    }
    reader.reset(buf, pos, end)
    if (!reader.next()) return malformed
    const field = reader.field
    if (reader.wire !== 2 || field === 1 || field > 10) {
      if (!reader.skip()) return malformed
    } else {
      if (!reader.span()) return malformed
      const bodyStart = reader.start
      const bodyEnd = reader.stop
      if (field === 2) {
        scanned.sourceStart = bodyStart
        scanned.sourceEnd = bodyEnd
        if (checkText && !isText(buf, bodyStart, bodyEnd)) info |= EnvelopeFlag.badText
      } else if (field === 8) {
        if (checkText && !isText(buf, bodyStart, bodyEnd)) info |= EnvelopeFlag.badText
      } else {
        const found = scanPart(buf, bodyStart, bodyEnd, field, checkText)
        if (found === malformed) return malformed
        info |= found
        if (field === 3) info |= EnvelopeFlag.deprecated
        else if (field !== 9) kind = kindOfField[field]!
      }
    }
    pos = reader.pos
  }
  if (scanned.sourceStart === scanned.sourceEnd) info |= EnvelopeFlag.noSource
  return info | kind | seenKind(kind)
}

/** Kinds by their field number in Envelope. */
const kindOfField: readonly number[] = [0, 0, 0, 0, Kind.log, Kind.counter, Kind.gauge, Kind.timer, 0, 0, Kind.event]

/** Field numbers of Envelope by kind. */
export const fieldOfKind: readonly number[] = [0, 4, 5, 6, 7, 10]

/** Bit n set: field n of the message is a string; strings of nested messages are listed with the message's own entry. */
const stringsOf: readonly number[] = [0, 0, 0, 1 << 1, 0, 1 << 1, 0, 1 << 1, 0, (1 << 1) | (1 << 2), (1 << 1) | (1 << 2)]

/** Checks a sub-message of the envelope, given by its field number: 0 or a flag, or `malformed`. */
function scanPart(buf: Uint8Array, start: number, end: number, field: number, checkText: boolean): number {
  const strings = stringsOf[field]!
  let found = 0
  inner.reset(buf, start, end)
  while (inner.next()) {
    if (inner.wire !== 2) {
      if (!inner.skip()) return malformed
      continue
    }
    if (!inner.span()) return malformed
    const from = inner.start
    const to = inner.stop
    if (checkText && inner.field < 32 && (strings >>> inner.field) & 1 && !isText(buf, from, to)) {
      found |= EnvelopeFlag.badText
    } else if (field === 3 && inner.field === 2) {
      const value = scanLeaf(buf, from, to, 1 << 1, checkText)
      if (value === malformed) return malformed
      found |= value
    } else if (field === 6 && inner.field === 1) {
      const entry = scanMetric(buf, from, to, checkText)
      if (entry === malformed) return malformed
      found |= entry
    }
  }
  return inner.ok ? found : malformed
}

const leaf = new Reader()
const entryReader = new Reader()

/** One entry of `Gauge.metrics`: {1 key string, 2 value {1 unit string, 2 double}}. */
function scanMetric(buf: Uint8Array, start: number, end: number, checkText: boolean): number {
  let found = 0
  entryReader.reset(buf, start, end)
  while (entryReader.next()) {
    if (entryReader.wire !== 2) {
      if (!entryReader.skip()) return malformed
      continue
    }
    if (!entryReader.span()) return malformed
    if (entryReader.field === 1) {
      if (checkText && !isText(buf, entryReader.start, entryReader.stop)) found |= EnvelopeFlag.badText
    } else if (entryReader.field === 2) {
      const value = scanLeaf(buf, entryReader.start, entryReader.stop, 1 << 1, checkText)
      if (value === malformed) return malformed
      found |= value
    }
  }
  return entryReader.ok ? found : malformed
}

/** A message whose only length-delimited fields are strings or bytes. */
function scanLeaf(buf: Uint8Array, start: number, end: number, strings: number, checkText: boolean): number {
  let found = 0
  leaf.reset(buf, start, end)
  while (leaf.next()) {
    if (!leaf.skip()) return malformed
    if (checkText && leaf.wire === 2 && leaf.field < 32 && (strings >>> leaf.field) & 1) {
      if (!isText(buf, leaf.start, leaf.stop)) found |= EnvelopeFlag.badText
    }
  }
  return leaf.ok ? found : malformed
}

/** Whether `[start, end)` is valid UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
export function isText(buf: Uint8Array, start: number, end: number): boolean {
  let pos = start
  while (pos < end) {
    const byte = buf[pos]!
    if (byte < 0x80) {
      pos++
      continue
    }
    const size = utf8SequenceLength(buf, pos, end)
    if (size === 0) return false
    pos += size
  }
  return true
}

/** Bytes of the valid multi-byte sequence at `pos`, or 0. */
function utf8SequenceLength(buf: Uint8Array, pos: number, end: number): number {
  const first = buf[pos]!
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  if (first < 0xc2 || first > 0xf4 || pos + size > end) return 0
  const second = buf[pos + 1]!
  if (first === 0xe0 && second < 0xa0) return 0
  if (first === 0xed && second > 0x9f) return 0
  if (first === 0xf0 && second < 0x90) return 0
  if (first === 0xf4 && second > 0x8f) return 0
  for (let i = 1; i < size; i++) if ((buf[pos + i]! & 0xc0) !== 0x80) return 0
  return size
}
