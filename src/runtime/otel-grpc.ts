import { credentials, Metadata } from '@grpc/grpc-js'
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base'
import type { Target } from './otel-target.ts'

/** What the gRPC exporters of the SDK are made with. */
export function grpcOptions({ url, plain, headers, isCompressed, authorities, timeoutMillis }: Target) {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  const roots = authorities === undefined ? undefined : Buffer.from(authorities)
  return {
    url,
    credentials: plain ? credentials.createInsecure() : credentials.createSsl(roots),
    metadata,
    ...(isCompressed && { compression: CompressionAlgorithm.GZIP }),
    timeoutMillis,
  }
}
