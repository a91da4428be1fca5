import { Reader } from '../protobuf.ts'
import { enumText, eventTypeNames, payloadField } from './v1-names.ts'
import { V1Field, V1View } from './v1-view.ts'

/** A proto2 message: its full name and its required fields as number, wire type and name. */
interface Required {
  name: string
  fields: readonly (readonly [field: number, wire: number, name: string])[]
}

const uuid: Required = {
  name: 'events.UUID',
  fields: [
    [1, 0, 'low'],
    [2, 0, 'high'],
  ],
}

/** Required fields of the payloads, by field number in the envelope (dropsonde-protocol, events/*.proto). */
const required: Readonly<Record<number, Required>> = {
  7: {
    name: 'events.HttpStartStop',
    fields: [
      [1, 0, 'startTimestamp'],
      [2, 0, 'stopTimestamp'],
      [3, 2, 'requestId'],
      [4, 0, 'peerType'],
      [5, 0, 'method'],
      [6, 2, 'uri'],
      [7, 2, 'remoteAddress'],
      [8, 2, 'userAgent'],
      [9, 0, 'statusCode'],
      [10, 0, 'contentLength'],
    ],
  },
  8: {
    name: 'events.LogMessage',
    fields: [
      [1, 2, 'message'],
      [2, 0, 'message_type'],
      [3, 0, 'timestamp'],
    ],
  },
  9: {
    name: 'events.ValueMetric',
    fields: [
      [1, 2, 'name'],
      [2, 1, 'value'],
      [3, 2, 'unit'],
    ],
  },
  10: {
    name: 'events.CounterEvent',
    fields: [
      [1, 2, 'name'],
      [2, 0, 'delta'],
    ],
  },
  11: {
    name: 'events.Error',
    fields: [
      [1, 2, 'source'],
      [2, 0, 'code'],
      [3, 2, 'message'],
    ],
  },
  12: {
    name: 'events.ContainerMetric',
    fields: [
      [1, 2, 'applicationId'],
      [2, 0, 'instanceIndex'],
      [3, 1, 'cpuPercentage'],
      [4, 0, 'memoryBytes'],
      [5, 0, 'diskBytes'],
    ],
  },
}

/** What `checkV1` answers. */
export const V1Verdict = { accepted: 0, malformed: 1, missing: 2, invalid: 3 } as const
export type V1Verdict = (typeof V1Verdict)[keyof typeof V1Verdict]

/** The header of the envelope that was last checked; it has no tags. */
export const checkedV1 = new V1View()
const reader = new Reader()
let missing = ''

/**
 * The acceptance rule of the UDP port: parses with all required fields, has an event type from 4 to 9, and the payload of
 * that type. `v1Reason()` tells in words why the last one was not accepted.
 */
export function checkV1(bytes: Uint8Array, start: number, end: number): V1Verdict {
  const parses = checkedV1.readHeader(bytes, start, end)
  const verdict = parses ? checkRead(checkedV1, bytes, start, end) : V1Verdict.malformed
  if (verdict !== V1Verdict.accepted) return verdict
  const field = payloadField[checkedV1.eventType]
  return field && checkedV1.has(field) ? V1Verdict.accepted : V1Verdict.invalid
}

/** Why the last checked envelope was not accepted, in the words of the original agent's log. */
export function v1Reason(verdict: V1Verdict): string {
  if (verdict === V1Verdict.malformed) return 'proto: cannot parse invalid wire-format data'
  if (verdict === V1Verdict.missing) return `proto: required field ${missing} not set`
  if (verdict === V1Verdict.invalid)
    return `validation failed for message ${enumText(eventTypeNames, checkedV1.eventType)}`
  return ''
}

/** Reads an envelope into `into` and checks that it parses as proto2: every required field there, payloads included. */
export function checkRequired(into: V1View, bytes: Uint8Array, start: number, end: number): V1Verdict {
  return into.read(bytes, start, end) ? checkRead(into, bytes, start, end) : V1Verdict.malformed
}

function checkRead(into: V1View, bytes: Uint8Array, start: number, end: number): V1Verdict {
  let lacks = ''
  if (!into.has(V1Field.origin)) lacks = 'events.Envelope.origin'
  else if (into.eventType === -1 && !hasEventType(bytes, start, end)) lacks = 'events.Envelope.eventType'
  for (let field = 7; field <= 12; field++) {
    if (!into.has(field)) continue
    const message = required[field]!
    const verdict = checkMessage(message, bytes, into.start(field), into.end(field))
    if (verdict === V1Verdict.malformed) return verdict
    if (verdict === V1Verdict.missing) lacks ||= missing
    if (field === 7 && !checkUuids(bytes, into.start(7), into.end(7))) return V1Verdict.malformed
    if (field === 7 && uuidLacks !== '') lacks ||= uuidLacks
  }
  missing = lacks
  return lacks === '' ? V1Verdict.accepted : V1Verdict.missing
}

/** An event type of -1 is legal on the wire (proto2 enums are open in Go) and must not pass for an absent one. */
function hasEventType(bytes: Uint8Array, start: number, end: number): boolean {
  reader.reset(bytes, start, end)
  while (reader.next()) {
    if (reader.field === 2 && reader.wire === 0) return true
    if (!reader.skip()) return false
  }
  return false
}

function checkMessage(message: Required, bytes: Uint8Array, start: number, end: number): V1Verdict {
  const { fields } = message
  let seen = 0
  reader.reset(bytes, start, end)
  while (reader.next()) {
    const { field, wire } = reader
    if (!reader.skip()) return V1Verdict.malformed
    // Required fields are numbered from 1 without a gap. A known number with another wire type is an unknown field.
    if (field <= fields.length && fields[field - 1]![1] === wire) seen |= 1 << field
  }
  if (!reader.ok) return V1Verdict.malformed
  for (let i = 0; i < fields.length; i++) {
    if (seen & (1 << (i + 1))) continue
    missing = `${message.name}.${fields[i]![2]}`
    return V1Verdict.missing
  }
  return V1Verdict.accepted
}

let uuidLacks = ''
const outer = new Reader()

/** The UUIDs inside an HttpStartStop: false when one does not parse; `uuidLacks` names a missing field. */
function checkUuids(bytes: Uint8Array, start: number, end: number): boolean {
  uuidLacks = ''
  outer.reset(bytes, start, end)
  while (outer.next()) {
    const { field, wire } = outer
    if (!outer.skip()) return false
    if (wire !== 2 || (field !== 3 && field !== 12)) continue
    const verdict = checkMessage(uuid, bytes, outer.start, outer.stop)
    if (verdict === V1Verdict.malformed) return false
    if (verdict === V1Verdict.missing) uuidLacks ||= missing
  }
  return outer.ok
}
