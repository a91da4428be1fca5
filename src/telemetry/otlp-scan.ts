import { type MessageShape, Step } from '../wire/otlp/shapes.ts'
import { isUtf8 } from '../wire/utf8.ts'
import type { RecordIndex } from './record-index.ts'
import { hasHighByte, readSmall, skipValue, skipVarint, small } from './wire-walk.ts'

/** What a pass over a request found beside records; or-ed. */
export const Found = {
  /** A string that is not UTF-8. */
  badText: 1,
  /** A group (wire types 3 and 4) in an unknown field: many readers know none. */
  groups: 2,
  /** Records under field 1000, and none under field 2. */
  legacy: 4,
} as const

/** Messages inside messages: the limit of the decoders of C++ and Java. */
const mostDepth = 100
/** An empty record takes two bytes on the wire and 24 in the index: here a request stops being telemetry. */
const mostRecords = 1 << 20

/** Where and why the last scan that answered -1 gave up. */
export const fault = { text: '', at: 0 }

/**
 * The one pass over an OTLP message: checks it as a strict decoder would (framing, wire types, lengths of ids), notes
 * records and what encloses them in `index`, and answers `Found` flags, or -1 with `fault` set. `parent` is the group
 * around it.
 */
export function scanOtlp(
  buf: Uint8Array,
  start: number,
  end: number,
  shape: MessageShape,
  index: RecordIndex,
  parent: number,
  depth = 0,
): number {
  const { steps } = shape
  let found = 0
  let pos = start
  // Start of the short strings and attributes read since the last other field: looked at for text in one go.
  let run = -1
  let hasScopes = false
  let hasLegacy = false
  while (pos < end) {
    const first = buf[pos]!
    if (first < 0x80 && steps[first >>> 3] === Step.attribute && pos + 1 < end) {
      // {0a len key 12 len value} with one-byte lengths and a scalar value: nine in ten of all attributes.
      const entry = pos + 2
      const next = entry + buf[pos + 1]!
      if (buf[pos + 1]! < 0x80 && next <= end && (first & 7) === 2 && next - entry >= 4 && buf[entry] === 0x0a) {
        const value = entry + 2 + buf[entry + 1]!
        if (value + 1 < next && buf[value] === 0x12 && value + 2 + buf[value + 1]! === next) {
          const kind = next - value > 3 ? buf[value + 2]! : 0
          if (kind === 0x0a && value + 4 + buf[value + 3]! === next) {
            if (run < 0) run = pos
            pos = next
            continue
          }
          const isInt = kind === 0x18 && skipVarint(buf, value + 3, next) === next
          if (
            isInt ||
            (kind === 0x21 && next - value === 11) ||
            (kind === 0x10 && next - value === 4 && buf[value + 3]! < 2)
          ) {
            if (hasHighByte(buf, run < 0 ? entry + 2 : run, value))
              found |= mixedText(buf, run < 0 ? pos : run, next, shape)
            run = -1
            pos = next
            continue
          }
        }
      }
    }
    if (run >= 0) {
      if (hasHighByte(buf, run, pos)) found |= mixedText(buf, run, pos, shape)
      run = -1
    }
    const frame = pos
    const at = first < 0x80 ? pos + 1 : readSmall(buf, pos, end)
    if (at < 0) return fail(shape, frame, 'the tag of a field does not parse')
    const tag = first < 0x80 ? first : small.value
    const number = tag >>> 3
    const wire = tag & 7
    if (number === 0) return fail(shape, frame, `illegal tag ${tag}`)
    const step = number < 32 ? steps[number]! : Step.unknown
    if (step >= Step.scalar) {
      const wanted = step & 7
      if (wire === wanted) pos = skipValue(buf, at, end, wire)
      else if (wire === 2 && step >= Step.packed) pos = skipPacked(buf, at, end, wanted)
      else return wrongWire(shape, frame, number, wire)
      if (pos < 0) return cutOff(shape, frame, number)
      continue
    }
    if (step === Step.unknown) {
      if (number === 1000 && wire === 2 && shape.legacy) hasLegacy = true
      if (wire === 3) {
        pos = skipGroup(buf, at, end, number, depth)
        found |= Found.groups
      } else if (wire === 4 || wire > 5) return fail(shape, frame, `illegal wireType ${wire}`)
      else pos = skipValue(buf, at, end, wire)
      if (pos < 0) return cutOff(shape, frame, number)
      continue
    }
    if (wire !== 2) return wrongWire(shape, frame, number, wire)
    const length = at < end ? buf[at]! : 0x80
    const body = length < 0x80 ? at + 1 : readSmall(buf, at, end)
    if (body < 0) return cutOff(shape, frame, number)
    const size = length < 0x80 ? length : small.value
    if (size > end - body) return cutOff(shape, frame, number)
    pos = body + size
    if (step === Step.text) {
      if (hasHighByte(buf, body, pos) && !isUtf8(buf, body, pos)) found |= Found.badText
    } else if (step < Step.message) {
      const wanted = step === Step.traceId ? 16 : step === Step.spanId ? 8 : size
      if (size !== 0 && size !== wanted)
        return fail(shape, frame, `invalid length for ${nameOf(shape, number)}: ${size} bytes instead of ${wanted}`)
    } else {
      if (depth >= mostDepth) return fail(shape, frame, `messages are nested more than ${mostDepth} deep`)
      const inner = shape.byNumber[number]!.message!
      let group = parent
      if (step === Step.group) {
        if (number === 2) hasScopes = true
        group = index.addGroup(frame, body, pos, parent)
      } else if (step === Step.record) index.add(frame, body, pos, parent, 0, 0)
      const within = scanOtlp(buf, body, pos, inner, index, group, depth + 1)
      if (within < 0) return within
      found |= within
      if (index.count + index.groupCount > mostRecords) return fail(shape, frame, `more than ${mostRecords} records`)
    }
  }
  if (run >= 0 && hasHighByte(buf, run, end)) found |= mixedText(buf, run, end, shape)
  return hasLegacy && !hasScopes ? found | Found.legacy : found
}

/** Whether the strings among sound fields `[start, end)` of a message are UTF-8: 0 or `Found.badText`. */
function mixedText(buf: Uint8Array, start: number, end: number, shape: MessageShape): number {
  let pos = start
  while (pos < end) {
    const at = readSmall(buf, pos, end)
    const tag = small.value
    pos = at < 0 ? -1 : skipValue(buf, at, end, tag & 7)
    if (pos < 0) return 0
    const step = tag >>> 3 < 32 ? shape.steps[tag >>> 3]! : Step.unknown
    const body = pos - small.value
    if (step === Step.text && !isUtf8(buf, body, pos)) return Found.badText
    if (step >= Step.message && step < Step.scalar && mixedText(buf, body, pos, shape.byNumber[tag >>> 3]!.message!))
      return Found.badText
  }
  return 0
}

/** Steps over repeated scalars in one field: their extent must be made of whole ones. */
function skipPacked(buf: Uint8Array, at: number, end: number, wire: number): number {
  const stop = skipValue(buf, at, end, 2)
  if (stop < 0) return -1
  let pos = stop - small.value
  if (wire !== 0) return (stop - pos) % (wire === 1 ? 8 : 4) === 0 ? stop : -1
  while (pos < stop) {
    pos = skipVarint(buf, pos, stop)
    if (pos < 0) return -1
  }
  return stop
}

/** Steps over a group up to its end tag. */
export function skipGroup(buf: Uint8Array, at: number, end: number, number: number, depth: number): number {
  let pos = at
  while (depth < mostDepth && pos < end) {
    const next = readSmall(buf, pos, end)
    const tag = small.value
    if (next < 0 || tag < 8) return -1
    if ((tag & 7) === 4) return tag >>> 3 === number ? next : -1
    pos = (tag & 7) === 3 ? skipGroup(buf, next, end, tag >>> 3, depth + 1) : skipValue(buf, next, end, tag & 7)
    if (pos < 0) return -1
  }
  return -1
}

const nameOf = (shape: MessageShape, number: number) => {
  const name = shape.byNumber[number]?.name ?? String(number)
  return name[0]!.toUpperCase() + name.slice(1)
}

function fail(shape: MessageShape, at: number, text: string): -1 {
  fault.text = `proto: ${shape.name}: ${text}`
  fault.at = at
  return -1
}

const wrongWire = (shape: MessageShape, at: number, number: number, wire: number): -1 =>
  fail(shape, at, `wrong wireType = ${wire} for field ${nameOf(shape, number)}`)

const cutOff = (shape: MessageShape, at: number, number: number): -1 =>
  fail(shape, at, `the value of field ${nameOf(shape, number)} does not parse or is cut off (unexpected EOF)`)
