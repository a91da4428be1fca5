import { readFileSync } from 'node:fs'
import { credentials, Metadata } from '@grpc/grpc-js'

/** Where to send, as written under `exporter.otlp`. */
export interface OtlpTarget {
  protocol?: string | undefined
  /** `http://host:4317` (no TLS), `https://host:4317`, or `host:4317` with `insecure`. */
  endpoint?: string | undefined
  headers?: unknown
  insecure?: boolean | undefined
  /** PEM file of the authorities of the peer. */
  certificate?: string | undefined
  /** Milliseconds. */
  timeout?: number | undefined
}

/** What the exporters of the SDK are made with. */
export interface GrpcTarget {
  url: string
  credentials: ReturnType<typeof credentials.createInsecure>
  metadata: Metadata
  timeoutMillis: number
}

/** Checks a target. Throws an Error that names `at` and what to write. */
export function targetOf(target: OtlpTarget, at = 'service.telemetry.metrics.readers: exporter.otlp'): GrpcTarget {
  const { protocol = 'grpc', endpoint, insecure, certificate, timeout = 10_000 } = target
  if (!protocol.startsWith('grpc')) throw new Error(`${at}: protocol ${protocol} is not spoken here; write grpc`)
  if (!endpoint) throw new Error(`${at}: endpoint is missing; write "http://127.0.0.1:4317"`)
  const plain = endpoint.startsWith('http://') || (insecure === true && !endpoint.startsWith('https://'))
  const authorities = certificate === undefined ? undefined : readAuthorities(certificate, at)
  return {
    url: /^[a-z]+:\/\//.test(endpoint) ? endpoint : `${plain ? 'http' : 'https'}://${endpoint}`,
    credentials: plain ? credentials.createInsecure() : credentials.createSsl(authorities),
    metadata: metadataOf(target.headers),
    timeoutMillis: timeout,
  }
}

function readAuthorities(path: string, at: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Error(`${at}: certificate cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

/** Headers as a map or as the list `{name, value}`; values may be secrets. */
function metadataOf(headers: unknown): Metadata {
  const metadata = new Metadata()
  const pairs: [string, unknown][] = Array.isArray(headers)
    ? headers.map(({ name, value }: { name: string; value: unknown }) => [name, value])
    : Object.entries(headers ?? {})
  for (const [name, value] of pairs) metadata.set(name, plainText(value))
  return metadata
}

const plainText = (value: unknown): string =>
  typeof (value as { reveal?: unknown } | undefined)?.reveal === 'function'
    ? (value as { reveal(): string }).reveal()
    : String(value)
