import type { Draft } from '../../telemetry/draft.ts'
import { spanFrame } from '../../telemetry/frames.ts'
import type { MetricParts } from './metric-body.ts'

const nameField = 1
const descriptionField = 2
const unitField = 3

/** What a metric that is made of another one has of its own; description and unit are those of the other by default. */
export interface Derived {
  readonly suffix: string
  readonly description?: string
  readonly unit?: string
  readonly kind: number
  /** Fields of its data. */
  readonly data: readonly Uint8Array[]
}

/** The body of a metric made of another one: `<name><suffix>`. */
export function derivedMetric({ metric }: MetricParts, { suffix, description, unit, kind, data }: Derived): Buffer {
  const texts: [number, Uint8Array][] = [
    [nameField, Buffer.concat([bytesOf(metric, nameField), Buffer.from(suffix)])],
    [descriptionField, description === undefined ? bytesOf(metric, descriptionField) : Buffer.from(description)],
    [unitField, unit === undefined ? bytesOf(metric, unitField) : Buffer.from(unit)],
  ]
  return Buffer.concat([
    ...texts.filter(([, text]) => text.length > 0).map(([field, text]) => spanFrame(field, text)),
    spanFrame(kind, Buffer.concat(data)),
  ])
}

export const descriptionOf = ({ metric }: MetricParts): string => bytesOf(metric, descriptionField).toString()

function bytesOf(metric: Draft, field: number): Buffer {
  const at = metric.find(field)
  return Buffer.from(at < 0 ? [] : metric.bufOf(at).subarray(metric.startOf(at), metric.endOf(at)))
}
