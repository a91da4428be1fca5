import { spanFrame } from '../../telemetry/frames.ts'
import type { MetricChange } from '../../telemetry/metric-site.ts'
import { Data, partsOf, pointFields, sumFields, withData } from './metric-body.ts'

/** A sum as a gauge with the same points; other metrics stay. */
export const sumToGauge: MetricChange = (body) => {
  const parts = partsOf(body)
  return parts.kind === Data.sum ? withData(parts, Data.gauge, pointFields(parts)) : undefined
}

/** A gauge as a sum with the same points; other metrics stay. */
export function gaugeToSum(temporality: number, isMonotonic: boolean): MetricChange {
  const more = sumFields(temporality, isMonotonic)
  return (body) => {
    const parts = partsOf(body)
    return parts.kind === Data.gauge ? withData(parts, Data.sum, [...pointFields(parts), ...more]) : undefined
  }
}

/** What a copy of a metric has of its own. */
export interface CopyFields {
  readonly name: string | undefined
  readonly description: string | undefined
  readonly unit: string | undefined
}

/** Adds a copy of the metric. */
export function copyMetric({ name, description, unit }: CopyFields): MetricChange {
  return (body, add) => {
    const { metric } = partsOf(body)
    for (const [field, text] of [
      [1, name],
      [2, description],
      [3, unit],
    ] as const) {
      if (text !== undefined) metric.put(field, spanFrame(field, Buffer.from(text)))
    }
    add(metric.bytes())
    return undefined
  }
}
