/** What OTLP carries, each with a service of its own. The names are those of the batch formats. */
export const signals = ['logs', 'metrics', 'traces'] as const
export type Signal = (typeof signals)[number]

/** Paths of the unary Export calls (opentelemetry-proto, collector). */
export const exportPath: Record<Signal, string> = {
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
}

export const isSignal = (format: string): format is Signal => (signals as readonly string[]).includes(format)
