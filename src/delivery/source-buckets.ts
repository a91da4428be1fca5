import type { Batch } from '../telemetry/batch.ts'
import { findEntry, findSpan, found } from '../telemetry/find-field.ts'
import { Group, groupSize, noGroup, Row } from '../telemetry/record-index.ts'
import { entry, readEntry } from '../wire/convert/map-entry.ts'
import { uuidText } from '../wire/convert/uuid.ts'
import { EventType, payloadField } from '../wire/convert/v1-names.ts'
import { Reader } from '../wire/protobuf.ts'

/** How many there are. */
export const buckets = 256

/** Answers the bucket of the record at a row of the index, 0 to 255. */
export type BucketOf = (row: number) => number

/**
 * Whom the records of a batch come from, in every format the source id that a conversion to v2 envelopes would give them,
 * so that an app is one source whatever it speaks:
 *
 * - envelopes: `source_id`;
 * - dropsonde: the app of a log line, HTTP request or container metric, else the tag `source_id`, else deployment and job;
 * - logs, metrics, traces: the attribute `source_id` of the record or its resource, else `service.name` of the resource.
 *
 * Records without any are one source together.
 */
export function sourceBuckets(batch: Batch): BucketOf {
  const { rows } = batch.index()
  const { buffer, format } = batch
  if (format === 'envelopes') return (row) => bucketOf(buffer, rows[row + Row.sourceStart]!, rows[row + Row.sourceEnd]!)
  if (format === 'dropsonde') return (row) => v1Bucket(buffer, rows[row + Row.start]!, rows[row + Row.end]!)
  return otlpBuckets(batch, buffer, format === 'logs' ? 6 : format === 'traces' ? 9 : 0)
}

/** FNV-1a, folded to eight bits. */
export function bucketOf(buf: Uint8Array, start: number, end: number): number {
  return folded(hashOf(basis, buf, start, end))
}

const basis = 0x811c9dc5

function hashOf(from: number, buf: Uint8Array, start: number, end: number): number {
  let hash = from
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buf[i]!, 0x01000193)
  return hash
}

function folded(hash: number): number {
  const half = hash ^ (hash >>> 16)
  return (half ^ (half >>> 8)) & 255
}

const sourceId = Buffer.from('source_id')
const serviceName = Buffer.from('service.name')
const slash = 0x2f

const reader = new Reader()
/** Extents of length-delimited fields 7 to 17 of a v1 envelope, by twice the number. */
const spans = new Int32Array(36)

function v1Bucket(buf: Uint8Array, from: number, to: number): number {
  spans.fill(0)
  let type = 0
  reader.reset(buf, from, to)
  while (reader.next()) {
    const { field, wire } = reader
    if (field === 2 && wire === 0) type = reader.varint32()
    else if (!reader.skip()) break
    else if (wire !== 2 || field > 17) continue
    else if (field < 17 || isSourceTag(buf, reader.start, reader.stop)) {
      spans[field * 2] = field < 17 ? reader.start : entry.valueStart
      spans[field * 2 + 1] = field < 17 ? reader.stop : entry.valueEnd
    }
  }
  const payload = payloadField[type] ?? 0
  const app = appBucket(buf, type, spans[payload * 2]!, spans[payload * 2 + 1]!)
  if (app >= 0) return app
  if (spans[34] !== spans[35]) return bucketOf(buf, spans[34]!, spans[35]!)
  const deployment = hashOf(basis, buf, spans[26]!, spans[27]!)
  return folded(hashOf(Math.imul(deployment ^ slash, 0x01000193), buf, spans[28]!, spans[29]!))
}

function isSourceTag(buf: Uint8Array, start: number, end: number): boolean {
  return readEntry(buf, start, end) && isKey(buf, entry.keyStart, entry.keyEnd, sourceId)
}

function isKey(buf: Uint8Array, start: number, end: number, key: Uint8Array): boolean {
  if (end - start !== key.length) return false
  for (let i = 0; i < key.length; i++) if (buf[start + i] !== key[i]) return false
  return true
}

/** The bucket of the app that a payload names, or -1. */
function appBucket(buf: Uint8Array, type: number, start: number, end: number): number {
  if (type === EventType.http) return findSpan(buf, start, end, 12) ? uuidBucket(buf, found.start, found.end) : -1
  const field = type === EventType.log ? 4 : type === EventType.container ? 1 : 0
  if (field === 0 || !findSpan(buf, start, end, field) || found.start === found.end) return -1
  return bucketOf(buf, found.start, found.end)
}

/** Of a UUID {1 low, 2 high}: by its text, which is what log lines of that app carry. */
function uuidBucket(buf: Uint8Array, start: number, end: number): number {
  let [lowLo, lowHi, highLo, highHi] = [0, 0, 0, 0]
  reader.reset(buf, start, end)
  while (reader.next()) {
    if (reader.wire !== 0) {
      if (!reader.skip()) break
      continue
    }
    reader.varint64()
    if (reader.field === 1) [lowLo, lowHi] = [reader.lo, reader.hi]
    else if (reader.field === 2) [highLo, highHi] = [reader.lo, reader.hi]
  }
  if ((lowLo | lowHi | highLo | highHi) === 0) return -1
  const text = uuidText(lowLo, lowHi, highLo, highHi)
  return bucketOf(text, 0, text.length)
}

/** `attributes`: their field number in a record; 0 for data points, where the kind of the metric says. */
function otlpBuckets(batch: Batch, buf: Uint8Array, attributes: number): BucketOf {
  const { rows, groups } = batch.index()
  let resource = noGroup
  let shared = 0
  return (row) => {
    const parent = rows[row + Row.info]!
    const field = attributes || pointAttributes[buf[groups[parent * groupSize + Group.frame]!]! >>> 3] || 7
    if (findText(buf, rows[row + Row.start]!, rows[row + Row.end]!, field, sourceId))
      return bucketOf(buf, found.start, found.end)
    let top = parent
    for (let up = top; up !== noGroup; up = groups[up * groupSize + Group.parent]!) top = up
    // Records of one resource stand together: it is read once.
    if (top !== resource) {
      resource = top
      shared = resourceBucket(buf, groups[top * groupSize + Group.start]!, groups[top * groupSize + Group.end]!)
    }
    return shared
  }
}

/** Where the points of a metric keep their attributes, by the field of the metric's data (as the conversion reads them). */
const pointAttributes: Readonly<Record<number, number>> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 }

function resourceBucket(buf: Uint8Array, start: number, end: number): number {
  if (!findSpan(buf, start, end, 1)) return bucketOf(buf, 0, 0)
  const [from, to] = [found.start, found.end]
  const named = findText(buf, from, to, 1, sourceId) || findText(buf, from, to, 1, serviceName)
  return named ? bucketOf(buf, found.start, found.end) : bucketOf(buf, 0, 0)
}

/** Leaves the value of an attribute in `found`: its text, or all of it when it is none. False when absent or empty. */
function findText(buf: Uint8Array, start: number, end: number, field: number, key: Uint8Array): boolean {
  if (!findEntry(buf, start, end, field, key)) return false
  const [from, to] = [found.start, found.end]
  if (!findSpan(buf, from, to, 1)) {
    found.start = from
    found.end = to
  }
  return found.start !== found.end
}
