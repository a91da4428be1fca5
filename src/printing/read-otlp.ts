import { addAttribute, anyValueText } from './attributes.ts'
import { eachField } from './fields.ts'
import { type DebugMessage, type DebugRecord, newRecord } from './record.ts'

// OTLP records in the columns of envelopes. For the eye only: what has no column shows as a tag, or not at all.

/** The messages around a record, outermost first: resource, scope, and for metrics the metric and its data. */
export type Parents = readonly Buffer[]

/** opentelemetry-proto, logs.proto. */
export function readLogRecord(bytes: Buffer, parents: Parents): DebugRecord {
  const record = withResource(parents)
  let severity = 0
  let payload: Buffer = Buffer.alloc(0)
  eachField(bytes, (field, value) => {
    if (field === 1) record.timestamp = value.uint
    else if (field === 11 && record.timestamp === 0n) record.timestamp = value.uint
    else if (field === 2) severity = Number(value.uint)
    else if (field === 5) payload = Buffer.from(anyValueText(value.bytes))
    else if (field === 6) addAttribute(value.bytes, record.tags)
  })
  // From ERROR (17) on, as the forwarder agent maps stderr.
  record.message = { kind: 'log', payload, type: severity >= 17 ? 1 : 0 }
  return withSource(record)
}

/** opentelemetry-proto, trace.proto: a span shows as a timer. */
export function readSpan(bytes: Buffer, parents: Parents): DebugRecord {
  const record = withResource(parents)
  const timer = { kind: 'timer' as const, name: '', start: 0n, stop: 0n }
  eachField(bytes, (field, value) => {
    if (field === 5) timer.name = value.text
    else if (field === 7) timer.start = value.uint
    else if (field === 8) timer.stop = value.uint
    else if (field === 9) addAttribute(value.bytes, record.tags)
  })
  record.timestamp = timer.stop
  record.message = timer
  return withSource(record)
}

const countField = { 9: 4, 10: 4, 11: 4 } as const
const attributesField: Record<number, number> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 }

/** opentelemetry-proto, metrics.proto: a point shows as a counter when it is of a monotonic sum, else as a gauge. */
export function readDataPoint(bytes: Buffer, parents: Parents): DebugRecord {
  const record = withResource(parents)
  const metric = readMetric(parents[2]!)
  let value = 0
  let whole: bigint | undefined
  const sums = new Map<string, { unit: string; value: number }>()
  eachField(bytes, (field, part) => {
    if (field === attributesField[metric.data]) addAttribute(part.bytes, record.tags)
    else if (field === 3) record.timestamp = part.uint
    else if (metric.data in countField) {
      if (field === 4) sums.set(`${metric.name}_count`, { unit: '', value: Number(part.uint) })
      else if (field === 5) sums.set(`${metric.name}_sum`, { unit: metric.unit, value: part.double })
    } else if (field === 4) value = part.double
    else if (field === 6) {
      whole = part.int
      value = Number(whole)
    }
  })
  record.message = pointMessage(metric, whole, value, sums)
  return withSource(record)
}

interface Metric {
  name: string
  unit: string
  /** Field number of its data: 5 gauge, 7 sum, 9 histogram, 10 exponential histogram, 11 summary. */
  data: number
  monotonic: boolean
}

function pointMessage(
  { name, unit, data, monotonic }: Metric,
  whole: bigint | undefined,
  value: number,
  sums: Map<string, { unit: string; value: number }>,
): DebugMessage {
  if (data in countField) return { kind: 'gauge', metrics: sums }
  if (monotonic && whole !== undefined && whole >= 0n) return { kind: 'counter', name, delta: 0n, total: whole }
  return { kind: 'gauge', metrics: new Map([[name, { unit, value }]]) }
}

function readMetric(bytes: Buffer): Metric {
  const metric = { name: '', unit: '', data: 0, monotonic: false }
  eachField(bytes, (field, value) => {
    if (field === 1) metric.name = value.text
    else if (field === 3) metric.unit = value.text
    else if (field in attributesField) metric.data = field
    if (field === 7) metric.monotonic = isMonotonic(value.bytes)
  })
  return metric
}

function isMonotonic(sum: Buffer): boolean {
  let flag = false
  eachField(sum, (field, value) => {
    if (field === 3) flag = value.uint !== 0n
  })
  return flag
}

function withResource(parents: Parents): DebugRecord {
  const record = newRecord()
  eachField(parents[0]!, (field, resource) => {
    if (field !== 1) return
    eachField(resource.bytes, (part, attribute) => void (part === 1 && addAttribute(attribute.bytes, record.tags)))
  })
  return record
}

/** Source and instance by the names that Loggregator gives them, else by OpenTelemetry's. */
function withSource(record: DebugRecord): DebugRecord {
  const { tags } = record
  record.source = tags.get('source_id') ?? tags.get('service.name') ?? ''
  record.instance = tags.get('instance_id') ?? tags.get('service.instance.id') ?? ''
  return record
}
