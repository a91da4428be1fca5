import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base'
import { convertLegacyHttpOptions, createOtlpHttpExportDelegate } from '@opentelemetry/otlp-exporter-base/node-http'
import { convertLegacyOtlpGrpcOptions, createOtlpGrpcExportDelegate } from '@opentelemetry/otlp-grpc-exporter-base'
import {
  type IExporterMetricsHelper,
  type ISerializer,
  JsonLogsSerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  LogsExporterMetricsHelper,
  MetricsExporterMetricsHelper,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer'

const protocol = process.env.OTEL_EXPORTER_OTLP_PROTOCOL

function exporter<Items>(
  signal: string,
  protobuf: ISerializer<Items, unknown>,
  json: ISerializer<Items, unknown>,
  helper: IExporterMetricsHelper<Items>,
) {
  if (protocol === 'grpc') {
    const options = convertLegacyOtlpGrpcOptions({}, signal)
    const service = signal === 'TRACES' ? 'Trace' : signal === 'LOGS' ? 'Logs' : 'Metrics'
    const path = `/opentelemetry.proto.collector.${service.toLowerCase()}.v1.${service}Service/Export`
    return new OTLPExporterBase(
      createOtlpGrpcExportDelegate(options, protobuf, '', helper, undefined, `${service}Export`, path),
    )
  }
  const [type, serializer] =
    protocol === 'http/json' ? (['application/json', json] as const) : (['application/x-protobuf', protobuf] as const)
  const options = convertLegacyHttpOptions({}, signal, `v1/${signal.toLowerCase()}`, { 'Content-Type': type })
  return new OTLPExporterBase(createOtlpHttpExportDelegate(options, serializer, '', helper, undefined))
}

/**
 * The SDK's exporters for the protocol that OTEL_EXPORTER_OTLP_PROTOCOL names, put together as its packages for each
 * protocol do; everything else they read for themselves.
 */
export const newExporters = () => ({
  spans: exporter('TRACES', ProtobufTraceSerializer, JsonTraceSerializer, TraceExporterMetricsHelper),
  logs: exporter('LOGS', ProtobufLogsSerializer, JsonLogsSerializer, LogsExporterMetricsHelper),
  metrics: exporter('METRICS', ProtobufMetricsSerializer, JsonMetricsSerializer, MetricsExporterMetricsHelper),
})
