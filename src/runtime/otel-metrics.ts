import type { Resource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  DataPointType,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import type { Family } from './metrics.ts'
import type { MetricsTarget } from './otel-settings.ts'
import type { Target } from './otel-target.ts'

/** Exports all metrics of the agent at every interval: the slots are read when an export is due, not before. */
export async function newMetricsOut(
  targets: readonly MetricsTarget[],
  resource: Resource,
  families: () => Iterable<Family>,
): Promise<{ close(): Promise<void> }> {
  const producer = newProducer(resource, families)
  const readers = await Promise.all(
    targets.map(
      async ({ interval, target }) =>
        new PeriodicExportingMetricReader({
          exporter: await exporterTo(target),
          exportIntervalMillis: interval,
          exportTimeoutMillis: Math.min(interval, target.timeoutMillis),
          metricProducers: [producer],
        }),
    ),
  )
  const provider = new MeterProvider({ resource, readers })
  return { close: () => provider.shutdown() }
}

/** Only the protocol that is spoken is loaded. */
async function exporterTo(target: Target): Promise<PushMetricExporter> {
  if (target.protocol !== 'grpc') return (await import('./otel-http.ts')).newHttpMetrics(target)
  const [{ OTLPMetricExporter }, { grpcOptions }] = await Promise.all([
    import('@opentelemetry/exporter-metrics-otlp-grpc'),
    import('./otel-grpc.ts'),
  ])
  return new OTLPMetricExporter(grpcOptions(target))
}

const scope = { name: 'tailrace' }

function newProducer(resource: Resource, families: () => Iterable<Family>): MetricProducer {
  const startedMs = Date.now()
  return {
    async collect() {
      const nowMs = Date.now()
      // Not before they began, also when the wall clock was set back.
      const [started, now] = [hrTime(Math.min(startedMs, nowMs)), hrTime(nowMs)]
      const data = Array.from(families(), (family) => metricData(family, started, now))
      return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics: data }] }, errors: [] }
    },
  }
}

function metricData(family: Family, startTime: [number, number], endTime: [number, number]): MetricData {
  const { name, help, type, series } = family
  const dataPoints = series.map(({ labels, value }) => ({ startTime, endTime, attributes: { ...labels }, value }))
  const common = {
    // 1: doubles. Counts in records stay exact up to 2^53.
    descriptor: { name, description: help, unit: '', valueType: 1 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints,
  }
  return type === 'counter'
    ? { ...common, dataPointType: DataPointType.SUM, isMonotonic: true }
    : { ...common, dataPointType: DataPointType.GAUGE }
}

/** Seconds and nanoseconds. */
const hrTime = (ms: number): [number, number] => [Math.floor(ms / 1000), (ms % 1000) * 1e6]
