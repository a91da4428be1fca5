import type { View } from '../config/metric-views.ts'
import { Distribution } from '../runtime/distribution.ts'
import { type Attributes, added, type OwnMetric, type OwnPoint } from '../runtime/own-metric.ts'

export type { View } from '../config/metric-views.ts'

/**
 * The metrics as `views` want them. Each view that fits an instrument makes a stream of it, without any it stays as it is.
 * Of streams that look the same the first counts, so what was dropped first stays dropped.
 */
export function viewed(metrics: readonly OwnMetric[], views: readonly View[] = []): OwnMetric[] {
  const chosen = views.map((view) => ({ view, picks: picker(view.selector) }))
  const streams = new Map<string, OwnMetric | undefined>()
  for (const metric of metrics) {
    const fitting = chosen.filter(({ picks }) => picks(metric))
    for (const { stream } of fitting.length > 0 ? fitting.map(({ view }) => view) : [asItIs]) {
      const { name = metric.name, description: help = metric.help } = stream
      const key = JSON.stringify([name, help, metric.unit, metric.type])
      if (!streams.has(key)) streams.set(key, streamOf({ ...metric, name, help }, stream))
    }
  }
  return [...streams.values()].filter((metric) => metric !== undefined)
}

const asItIs: Pick<View, 'stream'> = { stream: {} }

/** What is empty is not asked. */
function picker({ instrument_name, instrument_type, unit, ...meter }: View['selector']) {
  const name = instrument_name ? pattern(instrument_name) : undefined
  const type = instrument_type?.replace('observable_', '').replace('up_down_counter', 'updown')
  return (metric: OwnMetric): boolean =>
    (name?.test(metric.name) ?? true) &&
    (type ?? metric.type) === metric.type &&
    (unit || metric.unit) === metric.unit &&
    (meter.meter_name || metric.scope) === metric.scope &&
    !meter.meter_version &&
    !meter.meter_schema_url
}

const pattern = (text: string): RegExp =>
  new RegExp(`^${RegExp.escape(text).replaceAll('\\*', '.*').replaceAll('\\?', '.')}$`, 's')

function streamOf(
  metric: OwnMetric,
  { attribute_keys: keys, aggregation = {} }: View['stream'],
): OwnMetric | undefined {
  if (aggregation.drop) return undefined
  const points = keys
    ? added(metric.points.map((point) => ({ ...point, attributes: kept(point.attributes, keys) })))
    : metric.points
  if (aggregation.sum && metric.type === 'histogram')
    return { ...metric, type: 'counter', points: valuesOf(points, ({ sum }) => sum) }
  if (aggregation.last_value && metric.type !== 'histogram') return { ...metric, type: 'gauge', points }
  const bounds = aggregation.explicit_bucket_histogram?.boundaries
  return { ...metric, points: bounds ? valuesOf(points, (value) => new Distribution(bounds).with(value)) : points }
}

function kept(attributes: Attributes, keys: NonNullable<View['stream']['attribute_keys']>): Attributes {
  const stays = Array.isArray(keys)
    ? (name: string) => keys.includes(name)
    : (name: string) => (!keys.included?.length || keys.included.includes(name)) && !keys.excluded.includes(name)
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => stays(name)))
}

const valuesOf = (points: readonly OwnPoint[], read: (value: Distribution) => OwnPoint['value']): OwnPoint[] =>
  points.map((point) => (point.value instanceof Distribution ? { ...point, value: read(point.value) } : point))
