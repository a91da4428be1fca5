import { Distribution } from '../runtime/distribution.ts'
import type { OwnMetric } from '../runtime/own-metric.ts'
import type { Family, Sample } from '../wire/prometheus/write.ts'
import type { Pull } from './pull-readers.ts'

type Pair = readonly [string, string]

/**
 * Metrics as Prometheus is shown them; every series also has the `constant` labels. Views may give several one name: those
 * of one type become one family, another type is left out, as is what stands there already.
 */
export function exposition(metrics: Iterable<OwnMetric>, pull: Pull, constant: readonly Pair[]): Family[] {
  const families = new Map<string, Family>()
  for (const metric of metrics) {
    const family = exposed(metric, pull, constant)
    const known = families.get(family.name)
    if (!known) families.set(family.name, family)
    else if (known.type === family.type) known.samples = [...known.samples, ...newIn(family, known)]
  }
  return [...families.values()]
}

function newIn({ samples }: Family, known: Family): Sample[] {
  const keyOf = ({ suffix, labels }: Sample) => JSON.stringify([suffix, labels])
  const there = new Set(known.samples.map(keyOf))
  return samples.filter((sample) => !there.has(keyOf(sample)))
}

function exposed(metric: OwnMetric, pull: Pull, constant: readonly Pair[]): Family {
  const { help, type, scope, points } = metric
  const shared: Pair[] = [...(pull.scopeInfo ? [['otel_scope_name', scope] as const] : []), ...constant]
  return {
    name: exposedName(metric, pull),
    help,
    type: type === 'updown' ? 'gauge' : type,
    samples: points.flatMap(({ attributes, value }) => {
      const own = Object.entries(attributes).map(([key, text]): Pair => [labelName(key), text])
      return samplesOf([...own, ...shared], value)
    }),
  }
}

/** Letters, digits and `_`, no digit first. */
export const labelName = (name: string): string => name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d|$)/, '_')

const unitNames: Readonly<Record<string, string>> = { By: 'bytes', s: 'seconds' }

/** `otelcol_process_uptime`, with unit and type `otelcol_process_uptime_seconds_total`. */
function exposedName({ name, unit, type }: OwnMetric, { units, typeSuffix }: Pull): string {
  const plain = labelName(name)
  const suffix = units ? unitNames[unit] : undefined
  const measured = suffix && !plain.endsWith(`_${suffix}`) ? `${plain}_${suffix}` : plain
  return typeSuffix && type === 'counter' ? `${measured.replace(/_total$/, '')}_total` : measured
}

function samplesOf(labels: readonly Pair[], value: number | Distribution): Sample[] {
  if (!(value instanceof Distribution)) return [{ labels, value }]
  let count = 0
  const buckets = value.counts.map((n, i): Sample => {
    count += n
    const le = String(value.bounds[i] ?? '+Inf')
    return { labels: [...labels, ['le', le]], value: count, suffix: '_bucket' }
  })
  return [...buckets, { labels, value: value.sum, suffix: '_sum' }, { labels, value: count, suffix: '_count' }]
}
