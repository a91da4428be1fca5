import type { Resource } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  ConsoleMetricExporter,
  DataPointType,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import { Distribution } from './distribution.ts'
import type { Family } from './metrics.ts'
import type { MetricsTarget } from './otel-settings.ts'
import type { Target } from './otel-target.ts'
import type { OwnMetric, OwnPoint } from './own-metric.ts'

/** What is sent, read when an export is due. */
export interface MetricsSources {
  families(): Iterable<Family>
  own(): Iterable<OwnMetric>
}

/** Exports all metrics of the agent at every interval: the slots are read when an export is due, not before. */
export async function newMetricsOut(
  targets: readonly MetricsTarget[],
  resource: Resource,
  sources: MetricsSources,
): Promise<{ close(): Promise<void> }> {
  const producer = newProducer(resource, sources)
  const readers = await Promise.all(
    targets.map(
      async ({ interval, target }) =>
        new PeriodicExportingMetricReader({
          exporter: await exporterTo(target),
          exportIntervalMillis: interval,
          exportTimeoutMillis: Math.min(interval, target === 'console' ? interval : target.timeoutMillis),
          metricProducers: [producer],
        }),
    ),
  )
  const provider = new MeterProvider({ resource, readers })
  return { close: () => provider.shutdown() }
}

/** Only the protocol that is spoken is loaded. */
async function exporterTo(target: Target | 'console'): Promise<PushMetricExporter> {
  if (target === 'console') return new ConsoleMetricExporter()
  if (target.protocol !== 'grpc') return (await import('./otel-http.ts')).newHttpMetrics(target)
  const [{ OTLPMetricExporter }, { grpcOptions }] = await Promise.all([
    import('@opentelemetry/exporter-metrics-otlp-grpc'),
    import('./otel-grpc.ts'),
  ])
  return new OTLPMetricExporter(grpcOptions(target))
}

const tailrace = 'tailrace'

function newProducer(resource: Resource, { families, own }: MetricsSources): MetricProducer {
  const startedMs = Date.now()
  return {
    async collect() {
      const nowMs = Date.now()
      // Not before they began, also when the wall clock was set back.
      const period = { startTime: hrTime(Math.min(startedMs, nowMs)), endTime: hrTime(nowMs) }
      const all = [...Array.from(families(), ownMetric), ...own()]
      const scopeMetrics = Array.from(
        Map.groupBy(all, ({ scope }) => scope),
        ([name, metrics]) => ({ scope: { name }, metrics: metrics.map((metric) => metricData(metric, period)) }),
      )
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] }
    },
  }
}

const ownMetric = ({ series, ...family }: Family): OwnMetric => ({
  ...family,
  unit: '',
  scope: tailrace,
  points: series.map(({ labels, value }) => ({ attributes: labels, value })),
})

interface Period {
  readonly startTime: [number, number]
  readonly endTime: [number, number]
}

function metricData({ name, help, unit, type, points }: OwnMetric, period: Period): MetricData {
  // 1: doubles. Counts in records stay exact up to 2^53.
  const descriptor = { name, description: help, unit, valueType: 1 }
  const common = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE }
  const pointsOf = <V>(read: (value: OwnPoint['value']) => V) =>
    points.map(({ attributes, value }) => ({ ...period, attributes: { ...attributes }, value: read(value) }))
  if (type === 'histogram')
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: pointsOf(histogramOf) }
  const dataPoints = pointsOf(Number)
  if (type === 'gauge') return { ...common, dataPointType: DataPointType.GAUGE, dataPoints }
  return { ...common, dataPointType: DataPointType.SUM, isMonotonic: type === 'counter', dataPoints }
}

function histogramOf(value: OwnPoint['value']) {
  const { bounds, counts, sum, count } = value instanceof Distribution ? value : new Distribution([])
  return { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count }
}

/** Seconds and nanoseconds. */
const hrTime = (ms: number): [number, number] => [Math.floor(ms / 1000), (ms % 1000) * 1e6]
