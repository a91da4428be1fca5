import type { ServiceSettings } from '../config/schema.ts'

/** One page for Prometheus that `service.telemetry.metrics` asks for. */
export interface Pull {
  readonly host: string
  readonly port: number
  /** Counters are named with `_total`. */
  readonly typeSuffix: boolean
  /** Resource attributes that every series of the Collector's families carries, but for the excluded ones; `*`: all. */
  readonly included: readonly string[]
  readonly excluded: readonly string[]
}

const preset: Pull = { host: 'localhost', port: 8888, typeSuffix: false, included: ['*'], excluded: [] }

/**
 * The pages to serve. Nothing is opened unless `service.telemetry.metrics` is written: then, as in the Collector, its pull
 * readers, or one on localhost:8888 when there is a level and no readers; none at level `none`.
 */
export function pullReaders({ telemetry }: ServiceSettings): Pull[] {
  const { metrics } = telemetry
  const { level, readers, address } = metrics
  if (level === 'none') return []
  const written = (readers ?? []).flatMap(({ pull }): Pull[] => {
    const reader = pull?.exporter.prometheus
    if (!reader) return []
    const { host, port, without_type_suffix, with_resource_constant_labels: labels } = reader
    const { included = ['*'], excluded = [] } = labels ?? {}
    return [{ host, port, typeSuffix: !without_type_suffix, included, excluded }]
  })
  if (address) return [{ ...preset, host: address.host || '0.0.0.0', port: address.port }, ...written]
  return readers === undefined && level !== undefined ? [preset] : written
}
