import { ForwardWriter } from '../forward-writer.ts'
import { textOf } from '../utf8.ts'
import { unitName } from './metric-name.ts'
import { Data, type PointView } from './point-view.ts'
import { writeText } from './remote-lines.ts'

/** What remote write tells of a metric beside its samples. */
export interface Metadata {
  /** Encoded as a field of WriteRequest. */
  readonly field: Buffer
  /** From this time of a point on it is told again. */
  dueMs: number
}

/** As often as Prometheus itself tells it. */
export const metadataEveryMs = 60_000

const MetricType = { counter: 1, gauge: 2, histogram: 3, summary: 5 } as const

/** Field `metadata` (3): `{1 type, 2 name, 4 help, 5 unit}` (prometheus/prompb, MetricMetadata). */
export function newMetadata(name: string, { bytes, data, monotonic, description, unit }: PointView): Metadata {
  const body = new ForwardWriter(256)
  body.byte(0x08)
  body.varint(MetricType[typeOf(data, monotonic)])
  writeText(body, 2, name)
  writeText(body, 4, textOf(bytes, description.start, description.end))
  writeText(body, 5, unitName(textOf(bytes, unit.start, unit.end)))
  const field = new ForwardWriter(body.pos + 8)
  field.byte(0x1a)
  field.varint(body.pos)
  field.raw(body.view())
  return { field: field.take(), dueMs: 0 }
}

function typeOf(data: number, monotonic: boolean): keyof typeof MetricType {
  if (data === Data.sum) return monotonic ? 'counter' : 'gauge'
  if (data === Data.summary) return 'summary'
  return data === Data.gauge ? 'gauge' : 'histogram'
}
