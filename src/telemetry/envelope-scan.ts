import { isUtf8 } from '../wire/utf8.ts'
import { hasHighByte, readSmall, skipValue, small } from './wire-walk.ts'

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

/** Kinds by their field number in Envelope. */
const kindOfField: readonly number[] = [0, 0, 0, 0, Kind.log, Kind.counter, Kind.gauge, Kind.timer, 0, 0, Kind.event]

/** Field numbers of Envelope by kind. */
export const fieldOfKind: readonly number[] = [0, 4, 5, 6, 7, 10]

/**
 * The one pass over an envelope's bytes: checks every message in it as a protobuf decoder would (loggregator-api,
 * v2/envelope.proto), and answers its kind and flags, or `malformed`. With `checkText` strings are checked for UTF-8 too.
 */
export function scanEnvelope(buf: Uint8Array, start: number, end: number, checkText: boolean): number {
  const info = scanFast(buf, start, end, checkText)
  // Text beyond ASCII somewhere in the strings: look at each of them.
  return info >= 0 && info & EnvelopeFlag.badText
    ? scanMessage(buf, start, end, envelope, true) | (info & ~EnvelopeFlag.badText)
    : info
}

/** The pass itself. `badText` in its answer only means that there is a byte above 0x7f where strings stand. */
function scanFast(buf: Uint8Array, start: number, end: number, checkText: boolean): number {
  let info = 0
  let kind = 0
  let pos = start
  let sourceStart = start
  let sourceEnd = start
  // Start of the strings read since the last field that is none: they stand side by side and are looked at in one go.
  let run = -1
  while (pos < end) {
    const tag = buf[pos]!
    if (tag === 0x4a && pos + 1 < end) {
      // tags: the common shape is {0a len key 12 len value} with one-byte lengths; ten of them in most envelopes.
      const size = buf[pos + 1]!
      const entry = pos + 2
      const next = entry + size
      if (size >= 4 && size < 0x80 && next <= end && buf[entry] === 0x0a) {
        const value = entry + 2 + buf[entry + 1]!
        if (value + 1 < next && buf[value] === 0x12 && value + 2 + buf[value + 1]! === next) {
          if (run < 0) run = pos
          pos = next
          continue
        }
      }
    } else if ((tag === 0x12 || tag === 0x42) && pos + 1 < end) {
      const size = buf[pos + 1]!
      const next = pos + 2 + size
      if (size < 0x80 && next <= end) {
        if (run < 0) run = pos
        if (tag === 0x12) {
          sourceStart = pos + 2
          sourceEnd = next
        }
        pos = next
        continue
      }
    }
    if (run >= 0) {
      if (checkText && hasHighByte(buf, run, pos)) info |= EnvelopeFlag.badText
      run = -1
    }
    const at = tag < 0x80 ? pos + 1 : readSmall(buf, pos, end)
    if (at < 0) return malformed
    const full = tag < 0x80 ? tag : small.value
    const field = full >>> 3
    if (field === 0) return malformed
    pos = skipValue(buf, at, end, full & 7)
    if (pos < 0) return malformed
    if ((full & 7) !== 2 || field === 1 || field > 10) continue
    const bodyStart = pos - small.value
    if (field === 2) {
      sourceStart = bodyStart
      sourceEnd = pos
      if (checkText && hasHighByte(buf, bodyStart, pos)) info |= EnvelopeFlag.badText
    } else if (field === 8) {
      if (checkText && hasHighByte(buf, bodyStart, pos)) info |= EnvelopeFlag.badText
    } else {
      const found = scanMessage(buf, bodyStart, pos, parts[field]!, checkText)
      if (found === malformed) return malformed
      info |= found
      if (field === 3) info |= EnvelopeFlag.deprecated
      else if (field !== 9) kind = kindOfField[field]!
    }
  }
  if (run >= 0 && checkText && hasHighByte(buf, run, end)) info |= EnvelopeFlag.badText
  scanned.sourceStart = sourceStart
  scanned.sourceEnd = sourceEnd
  if (sourceStart === sourceEnd) info |= EnvelopeFlag.noSource
  return info | kind | seenKind(kind)
}

/**
 * Which fields of a message are strings (bit n: field n), and which are messages of their own: enough to check, find
 * and mend its text without a decoder.
 */
export interface TextShape {
  readonly strings: number
  readonly messages: readonly (TextShape | undefined)[]
}

const leaf = (...fields: number[]): TextShape => ({
  strings: fields.reduce((bits, n) => bits | (1 << n), 0),
  messages: [],
})
const withValue = (value: TextShape): TextShape => ({ strings: 1 << 1, messages: [undefined, undefined, value] })

/** The messages of loggregator.v2.Envelope by field number. A log's payload is bytes and stays as it is. */
const parts: readonly (TextShape | undefined)[] = [
  undefined,
  undefined,
  undefined,
  withValue(leaf(1)), // deprecated_tags: {1 key, 2 Value {1 text}}
  leaf(), // log
  leaf(1), // counter
  { strings: 0, messages: [undefined, withValue(leaf(1))] }, // gauge: 1 metrics {1 key, 2 GaugeValue {1 unit}}
  leaf(1), // timer
  undefined,
  leaf(1, 2), // tags
  leaf(1, 2), // event
]

/** loggregator.v2.Envelope (loggregator-api, v2/envelope.proto). */
export const envelope: TextShape = { strings: (1 << 2) | (1 << 8), messages: parts }

/** Checks a message by its shape: 0 or `EnvelopeFlag.badText`, or `malformed`. */
function scanMessage(buf: Uint8Array, start: number, end: number, shape: TextShape, checkText: boolean): number {
  const { strings, messages } = shape
  let found = 0
  let pos = start
  while (pos < end) {
    const at = readSmall(buf, pos, end)
    if (at < 0) return malformed
    const tag = small.value
    const field = tag >>> 3
    if (field === 0) return malformed
    pos = skipValue(buf, at, end, tag & 7)
    if (pos < 0) return malformed
    if ((tag & 7) !== 2 || field > 31) continue
    const bodyStart = pos - small.value
    if ((strings >>> field) & 1) {
      if (checkText && !isUtf8(buf, bodyStart, pos)) found |= EnvelopeFlag.badText
    } else if (field < messages.length && messages[field] !== undefined) {
      const inner = scanMessage(buf, bodyStart, pos, messages[field], checkText)
      if (inner === malformed) return malformed
      found |= inner
    }
  }
  return found
}
