import { Distribution } from './distribution.ts'

/** Pairs of a name with dots and a text, in the order in which they print. */
export type Attributes = Readonly<Record<string, string>>

export interface OwnPoint {
  readonly attributes: Attributes
  readonly value: number | Distribution
}

/** What an instrument of the agent shows right now, in the words of OTLP. */
export interface OwnMetric {
  /** `otelcol_exporter_sent_spans`, `otelcol.receiver.produced.items`. */
  readonly name: string
  readonly help: string
  /** UCUM: `By`, `s`, `{span}`. */
  readonly unit: string
  /** `updown`: a sum that also falls. */
  readonly type: 'counter' | 'updown' | 'gauge' | 'histogram'
  /** Name of the instrumentation scope. */
  readonly scope: string
  readonly points: readonly OwnPoint[]
}

/** One point for each set of attributes: what stands there several times is added up. */
export function added(points: Iterable<OwnPoint>): OwnPoint[] {
  const sums = new Map<string, OwnPoint>()
  for (const point of points) {
    const key = JSON.stringify(point.attributes)
    const known = sums.get(key)
    sums.set(key, known ? { attributes: known.attributes, value: sum(known.value, point.value) } : point)
  }
  return [...sums.values()]
}

function sum(a: OwnPoint['value'], b: OwnPoint['value']): OwnPoint['value'] {
  if (a instanceof Distribution) return b instanceof Distribution ? a.with(b) : a
  return b instanceof Distribution ? a : a + b
}
