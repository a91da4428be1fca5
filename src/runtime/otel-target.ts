import { readFileSync } from 'node:fs'

/** Where to send, as written under `exporter.otlp`. */
export interface OtlpTarget {
  protocol?: string | undefined
  /** `http://host:4317` (no TLS), `https://host:4317`, or `host:4317` with `insecure`. */
  endpoint?: string | undefined
  headers?: unknown
  insecure?: boolean | undefined
  /** `gzip`. */
  compression?: string | undefined
  /** PEM file of the authorities of the peer. */
  certificate?: string | undefined
  /** Milliseconds. */
  timeout?: number | undefined
}

/** A target that can be sent to. */
export interface Target {
  readonly protocol: 'grpc' | 'http/protobuf'
  /** With scheme; for HTTP also the path, but for that of the signal. */
  readonly url: string
  readonly plain: boolean
  readonly headers: Readonly<Record<string, string>>
  readonly isCompressed: boolean
  /** PEM text of the authorities of the peer. */
  readonly authorities: string | undefined
  readonly timeoutMillis: number
}

/** A setting that cannot be carried out: what stands at `path` of the configuration. */
export interface OtelFault {
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly hint?: string
}

const protocols: Readonly<Record<string, Target['protocol']>> = {
  grpc: 'grpc',
  'grpc/protobuf': 'grpc',
  'http/protobuf': 'http/protobuf',
}

/** Reads a target; undefined when it cannot be sent to, and then `faults` says why. */
export function readTarget(written: OtlpTarget, at: OtelFault['path'], faults: OtelFault[]): Target | undefined {
  const { endpoint, insecure, certificate, timeout = 10_000 } = written
  const known = faults.length
  const fault = (key: string, message: string, hint?: string) =>
    void faults.push({ path: [...at, key], message, ...(hint !== undefined && { hint }) })
  const protocol = protocols[written.protocol ?? 'grpc']
  if (!protocol) fault('protocol', `"${written.protocol}" is not spoken here`, 'write grpc or http/protobuf')
  const example = protocol === 'http/protobuf' ? 'http://127.0.0.1:4318' : 'http://127.0.0.1:4317'
  const plain = endpoint?.startsWith('http://') === true || (insecure === true && !endpoint?.startsWith('https://'))
  const url = /^[a-z]+:\/\//.test(endpoint ?? '') ? endpoint! : `${plain ? 'http' : 'https'}://${endpoint}`
  if (!endpoint) fault('endpoint', 'endpoint is missing', `write endpoint: "${example}"`)
  else if (!isHttp(url)) fault('endpoint', `"${endpoint}" is no address to send to`, `write it like "${example}"`)
  const authorities = certificate === undefined ? undefined : readText(certificate)
  if (authorities instanceof Error) fault('certificate', `certificate cannot be read: ${authorities.message}`)
  if (faults.length > known || authorities instanceof Error || !protocol) return undefined
  const isCompressed = written.compression === 'gzip'
  const headers = headersOf(written.headers)
  return { protocol, url, plain, headers, isCompressed, authorities, timeoutMillis: timeout }
}

function isHttp(url: string): boolean {
  const parsed = URL.parse(url)
  return (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') && parsed.hostname !== ''
}

function readText(path: string): string | Error {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    return error as Error
  }
}

/** Headers as a map or as the list `{name, value}`; values may be secrets. */
function headersOf(headers: unknown): Record<string, string> {
  const pairs: [string, unknown][] = Array.isArray(headers)
    ? headers.map(({ name, value }: { name: string; value: unknown }) => [name, value])
    : Object.entries(headers ?? {})
  return Object.fromEntries(pairs.map(([name, value]) => [name, plainText(value)]))
}

const plainText = (value: unknown): string =>
  typeof (value as { reveal?: unknown } | undefined)?.reveal === 'function'
    ? (value as { reveal(): string }).reveal()
    : String(value)
