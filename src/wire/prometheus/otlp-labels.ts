/** Labels that a series of OTLP gets in Prometheus. */
import { AnyView, anyText } from '../convert/any-value.ts'
import { entry, readEntry } from '../convert/map-entry.ts'
import { Reader, WireType } from '../protobuf.ts'
import { textOf } from '../utf8.ts'
import { labelName } from './metric-name.ts'
import type { PointView, Span } from './point-view.ts'

export type Labels = readonly (readonly [name: string, value: string])[]
export type Attribute = readonly [key: string, value: string]

/** What all points of a scope have in common. */
export interface ScopeLabels {
  /** `service.namespace/service.name`; empty when there is none. */
  readonly job: string
  /** `service.instance.id`. */
  readonly instance: string
  /** The resource's attributes but those two labels are made of. */
  readonly info: readonly Attribute[]
  /** All of the resource's attributes, where they become labels of every point. */
  readonly resource: readonly Attribute[]
  /** `otel_scope_name` and its companions. */
  readonly scope: Labels
}

export interface LabelOptions {
  /** Attributes of the resource become labels of every series. */
  resourceToTelemetry: boolean
  /** But for those that `job` and `instance` are made of. */
  excludeService: boolean
  /** Labels `otel_scope_*`. */
  scopeInfo: boolean
  /** For every series that has none of that name. */
  fixed: Labels
}

const any = new AnyView()

function attribute(bytes: Uint8Array, start: number, end: number): Attribute | undefined {
  if (!readEntry(bytes, start, end)) return undefined
  const { keyStart, keyEnd, valueStart, valueEnd } = entry
  if (!any.read(bytes, valueStart, valueEnd)) return undefined
  return [textOf(bytes, keyStart, keyEnd), anyText(bytes, any)]
}

/** All KeyValue messages of one field. */
function attributesIn(bytes: Uint8Array, { start, end }: Span, field: number): Attribute[] {
  const found: Attribute[] = []
  const reader = new Reader(bytes, start, end)
  while (reader.next() && reader.skip()) {
    if (reader.field !== field || reader.wire !== WireType.bytes) continue
    const one = attribute(bytes, reader.start, reader.stop)
    if (one) found.push(one)
  }
  return found
}

/** Attributes of the point at hand. */
export function pointAttributes({ bytes, attributes }: PointView): Attribute[] {
  const found: Attribute[] = []
  for (let i = 0; i < attributes.count; i++) {
    const one = attribute(bytes, attributes.start(i), attributes.end(i))
    if (one) found.push(one)
  }
  return found
}

const identifying = new Set(['service.name', 'service.namespace', 'service.instance.id'])

/** Reads resource and scope of the point at hand. */
export function scopeLabels({ bytes, resource, scope }: PointView, options: LabelOptions): ScopeLabels {
  const attributes = attributesIn(bytes, resource, 1)
  const values = new Map(attributes)
  const name = values.get('service.name') ?? ''
  const namespace = values.get('service.namespace') ?? ''
  const info = attributes.filter(([key]) => !identifying.has(key))
  return {
    job: namespace === '' || name === '' ? name : `${namespace}/${name}`,
    instance: values.get('service.instance.id') ?? '',
    info,
    resource: options.resourceToTelemetry ? (options.excludeService ? info : attributes) : [],
    scope: options.scopeInfo ? scopeInfo(bytes, scope) : [],
  }
}

function scopeInfo(bytes: Uint8Array, scope: Span): Labels {
  const labels: [string, string][] = []
  const reader = new Reader(bytes, scope.start, scope.end)
  while (reader.next() && reader.skip()) {
    if (reader.wire !== WireType.bytes) continue
    if (reader.field === 1) labels.push(['otel_scope_name', textOf(bytes, reader.start, reader.stop)])
    else if (reader.field === 2) labels.push(['otel_scope_version', textOf(bytes, reader.start, reader.stop)])
  }
  for (const [key, value] of attributesIn(bytes, scope, 3)) labels.push([labelName(`otel_scope_${key}`), value])
  return labels
}

/**
 * Labels of a series, sorted by name, none empty. Attributes whose names become the same are joined by `;`; one that would
 * name the series is left out.
 */
export function seriesLabels(attributes: readonly Attribute[], of: ScopeLabels, fixed: Labels): Labels {
  const labels = joined([...attributes, ...of.resource])
  for (const [name, value] of of.scope) labels.set(name, value)
  if (of.job !== '') labels.set('job', of.job)
  if (of.instance !== '') labels.set('instance', of.instance)
  return finished(labels, fixed)
}

/** The same labels, but that one which lines of a histogram or summary have themselves is `exported_le`, or what is free. */
export function withoutReserved(labels: Labels, reserved: string): Labels {
  const has = (wanted: string) => labels.some(([name]) => name === wanted)
  if (!has(reserved)) return labels
  let free = `exported_${reserved}`
  while (has(free)) free = `exported_${free}`
  return labels.map(([name, value]) => [name === reserved ? free : name, value])
}

/** Labels of `target_info`; undefined when there is nothing to tell, or nobody to tell it of. */
export function targetInfoLabels(of: ScopeLabels, fixed: Labels): Labels | undefined {
  if (of.info.length === 0 || (of.job === '' && of.instance === '')) return undefined
  return seriesLabels(of.info, { ...of, resource: [], scope: [] }, fixed)
}

function joined(attributes: readonly Attribute[]): Map<string, string> {
  // Of equal keys the last one counts: the resource's, where those are labels too.
  const unique = [...new Map(attributes)].sort(([a], [b]) => order(a, b))
  const labels = new Map<string, string>()
  for (const [key, value] of unique) {
    const name = labelName(key)
    if (name === '') continue
    const before = labels.get(name)
    labels.set(name, before === undefined ? value : `${before};${value}`)
  }
  return labels
}

function finished(labels: Map<string, string>, fixed: Labels): Labels {
  for (const [name, value] of fixed) if (!labels.has(name)) labels.set(name, value)
  labels.delete('')
  labels.delete('__name__')
  return [...labels].filter(([, value]) => value !== '').sort(([a], [b]) => order(a, b))
}

/** Names of labels for every series that can be none. */
export const noLabels = (fixed: Readonly<Record<string, string>>): string[] =>
  Object.keys(fixed).filter((name) => name === '__name__' || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))

/** By code units: names are ASCII. */
const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
