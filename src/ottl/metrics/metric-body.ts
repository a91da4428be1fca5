import { Draft } from '../../telemetry/draft.ts'
import { spanFrame, varintFrame } from '../../telemetry/frames.ts'
import { Reader } from '../../wire/protobuf.ts'

/** Field numbers of a metric's data (opentelemetry-proto, metrics/v1/metrics.proto). */
export const Data = { gauge: 5, sum: 7, histogram: 9, exponential: 10, summary: 11 } as const
export const Temporality = { delta: 1, cumulative: 2 } as const

const names: Readonly<Record<number, string>> = {
  [Data.gauge]: 'a gauge',
  [Data.sum]: 'a sum',
  [Data.histogram]: 'a histogram',
  [Data.exponential]: 'an exponential histogram',
  [Data.summary]: 'a summary',
}

/** A metric in its parts. */
export interface MetricParts {
  /** Its fields, to be put anew. */
  readonly metric: Draft
  /** Which data it has, and which field of the metric that is; 0 and -1 when it has none. */
  readonly kind: number
  readonly at: number
  /** The body of its data. */
  readonly data: Uint8Array
}

export function partsOf(body: Buffer): MetricParts {
  const metric = new Draft()
  metric.load(body, 0, body.length, 0)
  let at = -1
  for (let i = 0; i < metric.count; i++) {
    if (names[metric.fieldOf(i)] !== undefined && (metric.tagOf(i) & 7) === 2) at = i
  }
  if (at < 0) return { metric, kind: 0, at, data: body.subarray(0, 0) }
  return { metric, kind: metric.fieldOf(at), at, data: body.subarray(metric.startOf(at), metric.endOf(at)) }
}

/** Which field of a point its attributes are. */
export const attributesField = (kind: number): number =>
  kind === Data.exponential ? 1 : kind === Data.histogram ? 9 : 7

export const kindName = (kind: number): string => names[kind] ?? 'a metric without data'

/** The points of a metric, each its body: field 1 of all data. */
export function pointsOf({ data }: MetricParts): Uint8Array[] {
  const points: Uint8Array[] = []
  const reader = new Reader(data)
  while (reader.next() && reader.skip()) if (isPoint(reader)) points.push(data.subarray(reader.start, reader.stop))
  return points
}

/** The points as they stand in the data, without its other fields. */
export const pointFields = (parts: MetricParts): Uint8Array[] => runsOf(parts, true)

/** What data has besides its points, as it stands there. */
export const otherFields = (parts: MetricParts): Uint8Array[] => runsOf(parts, false)

/** Fields that follow each other are one run. */
function runsOf({ data }: MetricParts, ofPoints: boolean): Uint8Array[] {
  const runs: Uint8Array[] = []
  const reader = new Reader(data)
  let [from, to] = [0, 0]
  for (let pos = 0; reader.next() && reader.skip(); pos = reader.pos) {
    if (isPoint(reader) !== ofPoints) continue
    if (to !== pos) {
      if (to > from) runs.push(data.subarray(from, to))
      from = pos
    }
    to = reader.pos
  }
  if (to > from) runs.push(data.subarray(from, to))
  return runs
}

const isPoint = ({ field, wire }: Reader): boolean => field === 1 && wire === 2

/** The metric with other data. */
export function withData({ metric, at }: MetricParts, kind: number, data: readonly Uint8Array[]): Buffer {
  metric.replace(at, spanFrame(kind, Buffer.concat(data)))
  return metric.bytes()
}

/** A point as a field of data. */
export const pointFrame = (point: Uint8Array): Buffer => spanFrame(1, point)

/** What a sum has besides its points. */
export const sumFields = (temporality: number, isMonotonic: boolean): Buffer[] => [
  varintFrame(2, temporality, 0),
  ...(isMonotonic ? [varintFrame(3, 1, 0)] : []),
]

/** The fields of a point that all kinds have, as those of a number's: its attributes, its times, its flags. */
export function numberPointOf(point: Uint8Array, kind: number, value: Buffer): Buffer {
  const frames: Buffer[] = []
  const attributes = attributesField(kind)
  const flags = kind === Data.summary ? 8 : 10
  const reader = new Reader(point)
  for (let from = 0; reader.next(); from = reader.pos) {
    const { field, wire } = reader
    if (field === flags && wire === 0) frames.push(varintFrame(8, reader.varint32(), 0))
    else if (!reader.skip()) break
    else if (field === attributes && wire === 2) frames.push(spanFrame(7, point, reader.start, reader.stop))
    else if ((field === 2 || field === 3) && wire === 1) frames.push(Buffer.from(point.subarray(from, reader.pos)))
  }
  return Buffer.concat([...frames, value])
}

/** The eight bytes of the last field of a number with wire type 1, or undefined. */
export function fixedOf(point: Uint8Array, field: number): Uint8Array | undefined {
  const reader = new Reader(point)
  let last: Uint8Array | undefined
  while (reader.next() && reader.skip()) {
    if (reader.field === field && reader.wire === 1) last = point.subarray(reader.pos - 8, reader.pos)
  }
  return last
}

/** A fixed64, sfixed64 or double field. */
export const fixedFrame = (field: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of((field << 3) | 1), bytes])

export function doubleFrame(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return fixedFrame(field, bytes)
}
