import { CompressionAlgorithm, OTLPExporterBase } from '@opentelemetry/otlp-exporter-base'
import { createOtlpHttpExportDelegate, httpAgentFactoryFromOptions } from '@opentelemetry/otlp-exporter-base/node-http'
import {
  LogsExporterMetricsHelper,
  MetricsExporterMetricsHelper,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer'
import type { LogRecordExporter } from '@opentelemetry/sdk-logs'
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Target } from './otel-target.ts'

/** An exporter of metrics by OTLP over HTTP, in protobuf. */
export const newHttpMetrics = (target: Target): PushMetricExporter =>
  new OTLPExporterBase(
    createOtlpHttpExportDelegate(
      optionsOf(target, 'v1/metrics'),
      ProtobufMetricsSerializer,
      'otlp_http_metric_exporter',
      MetricsExporterMetricsHelper,
      undefined,
    ),
  )

/** The same for log records. */
export const newHttpLogs = (target: Target): LogRecordExporter =>
  new OTLPExporterBase(
    createOtlpHttpExportDelegate(
      optionsOf(target, 'v1/logs'),
      ProtobufLogsSerializer,
      'otlp_http_log_exporter',
      LogsExporterMetricsHelper,
      undefined,
    ),
  )

/** The same for spans. */
export const newHttpTraces = (target: Target): SpanExporter =>
  new OTLPExporterBase(
    createOtlpHttpExportDelegate(
      optionsOf(target, 'v1/traces'),
      ProtobufTraceSerializer,
      'otlp_http_span_exporter',
      TraceExporterMetricsHelper,
      undefined,
    ),
  )

function optionsOf({ url, headers, isCompressed, authorities, timeoutMillis }: Target, path: string) {
  const address = new URL(url)
  // A path that is written is taken as it is, as in the Collector.
  if (address.pathname === '/') address.pathname = path
  return {
    url: address.href,
    headers: async () => ({ ...headers, 'Content-Type': 'application/x-protobuf' }),
    timeoutMillis,
    concurrencyLimit: 30,
    compression: isCompressed ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
    agentFactory: httpAgentFactoryFromOptions({
      keepAlive: true,
      ...(authorities !== undefined && { ca: authorities }),
    }),
  }
}
