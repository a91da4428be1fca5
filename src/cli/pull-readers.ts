import type { ServiceSettings } from '../config/schema.ts'

/** One page for Prometheus that `service.telemetry.metrics` asks for. */
export interface Pull {
  readonly host: string
  readonly port: number
  /** Counters are named with `_total`. */
  readonly typeSuffix: boolean
  /** Names end in their unit: `_seconds`, `_bytes`. */
  readonly units: boolean
  /** The scope is a label, `otel_scope_name`. */
  readonly scopeInfo: boolean
  /** Resource attributes that every series of the Collector's families carries, but for the excluded ones; `*`: all. */
  readonly included: readonly string[]
  readonly excluded: readonly string[]
}

const preset: Pull = {
  host: 'localhost',
  port: 8888,
  typeSuffix: false,
  units: false,
  scopeInfo: false,
  included: ['*'],
  excluded: [],
}

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
    const { host, port, with_resource_constant_labels: labels } = reader
    const { included, excluded } = { ...preset, ...labels }
    return [
      {
        host,
        port,
        typeSuffix: !reader.without_type_suffix,
        units: !reader.without_units,
        scopeInfo: !reader.without_scope_info,
        included,
        excluded,
      },
    ]
  })
  if (address) return [{ ...preset, host: address.host || '0.0.0.0', port: address.port }, ...written]
  return readers === undefined && level !== undefined ? [preset] : written
}
