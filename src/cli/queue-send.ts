import { readFileSync } from 'node:fs'
import { type GrpcClient, newGrpcClient } from '../net/grpc-client.ts'
import { GrpcCode, GrpcError } from '../net/status.ts'
import { clientTls } from '../net/tls.ts'
import { newLog } from '../runtime/log.ts'
import type { SpoolRecord } from '../storage/contract.ts'
import { Reader, WireType } from '../wire/protobuf.ts'

/** Where a replay goes, as the command line says it. */
export interface EndpointFlags {
  /** `http://host:4318` (OTLP over HTTP), `host:port` (gRPC). */
  readonly endpoint: string
  readonly header: readonly string[]
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
  readonly timeoutMs: number
}

/** Sends batches in the bytes they came in. */
export interface QueueTarget {
  /** Answers how many records the peer did not take. Rejects with a sentence; then nothing is known to have arrived. */
  send(record: SpoolRecord): Promise<number>
  close(): Promise<void>
}

const otlpService = {
  logs: 'logs.v1.LogsService',
  metrics: 'metrics.v1.MetricsService',
  traces: 'trace.v1.TraceService',
}
const grpcPaths: Partial<Record<SpoolRecord['format'], string>> = {
  envelopes: '/loggregator.v2.Ingress/Send',
  ...Object.fromEntries(
    Object.entries(otlpService).map(([format, service]) => [
      format,
      `/opentelemetry.proto.collector.${service}/Export`,
    ]),
  ),
}

const mostAttempts = 5
const mostPauseMs = 30_000

/** A failure after which the same bytes may arrive. */
class Passing extends Error {
  readonly afterMs: number | undefined
  constructor(message: string, afterMs?: number) {
    super(message)
    this.afterMs = afterMs
  }
}

/** Throws a sentence when the flags do not fit together. */
export function newTarget(flags: EndpointFlags): QueueTarget {
  return /^https?:\/\//.test(flags.endpoint) ? httpTarget(flags) : grpcTarget(flags)
}

function httpTarget({ endpoint, header, timeoutMs }: EndpointFlags): QueueTarget {
  const base = endpoint.replace(/\/+$/, '')
  const headers = { 'content-type': 'application/x-protobuf', ...headersOf(header) }
  const send = async ({ format, payload }: SpoolRecord): Promise<number> => {
    if (!(format in otlpService)) throw new Error(notCarried(format, 'OTLP over HTTP'))
    const url = `${base}/v1/${format}`
    const signal = AbortSignal.timeout(timeoutMs)
    let response: Response
    try {
      response = await fetch(url, { method: 'POST', headers, body: new Uint8Array(payload), signal })
    } catch (error) {
      throw new Passing(`${url}: ${reasonOf(error)}`)
    }
    const reply = Buffer.from(await response.arrayBuffer())
    if (response.ok) return rejectedOf(reply)
    const text = `${url} answered ${response.status} ${response.statusText}`.trim()
    const after = Number(response.headers.get('retry-after')) * 1000
    if ([429, 502, 503, 504].includes(response.status)) throw new Passing(text, after || undefined)
    throw new Error(text)
  }
  return { send: (record) => patiently(() => send(record)), close: () => Promise.resolve() }
}

function grpcTarget(flags: EndpointFlags): QueueTarget {
  const { endpoint, ca, cert, key, serverName, timeoutMs } = flags
  const tls = ca || cert ? clientTls({ ca, cert, key }, { reloadMs: 0 }) : undefined
  const client: GrpcClient = newGrpcClient({ address: endpoint, tls, serverName, log: newLog({ level: 'error' }) })
  const metadata = headersOf(flags.header)
  const send = async ({ format, payload }: SpoolRecord): Promise<number> => {
    const path = grpcPaths[format]
    if (!path) throw new Error(notCarried(format, 'gRPC'))
    try {
      const reply = await client.unary(path, payload, { timeoutMs, metadata })
      return format === 'envelopes' ? 0 : rejectedOf(reply)
    } catch (error) {
      const text = `${endpoint}: ${(error as Error).message}`
      if (error instanceof GrpcError && passing.has(error.code)) throw new Passing(text)
      throw new Error(text, { cause: error })
    }
  }
  return { send: (record) => patiently(() => send(record)), close: () => client.close() }
}

const passing: ReadonlySet<number> = new Set([
  GrpcCode.unavailable,
  GrpcCode.deadlineExceeded,
  GrpcCode.resourceExhausted,
  GrpcCode.aborted,
])

/** Tries again, a little later each time, what may pass. */
async function patiently(send: () => Promise<number>): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send()
    } catch (error) {
      if (!(error instanceof Passing) || attempt === mostAttempts) throw error
      const pause = Math.min(mostPauseMs, error.afterMs ?? 250 * 2 ** attempt)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}

function headersOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at <= 0) throw new Error(`--header takes name=value, not "${pair}"`)
      return [pair.slice(0, at).toLowerCase(), pair.slice(at + 1)]
    }),
  )
}

const notCarried = (format: string, way: string) => `batches of ${format} cannot be sent by ${way}`

const reasonOf = (error: unknown): string => {
  const { cause, message } = error as Error
  return cause instanceof Error ? cause.message : message
}

/** `partial_success = 1 { rejected_... = 1 }` of an Export...ServiceResponse. */
export function rejectedOf(reply: Uint8Array): number {
  const outer = new Reader(reply)
  while (outer.next()) {
    if (!outer.skip()) return 0
    if (outer.field !== 1 || outer.wire !== WireType.bytes) continue
    const inner = new Reader(reply, outer.start, outer.stop)
    while (inner.next()) {
      if (inner.field === 1 && inner.wire === WireType.varint) {
        inner.varint64()
        return inner.hi >>> 31 ? 0 : inner.hi * 2 ** 32 + inner.lo
      }
      if (!inner.skip()) return 0
    }
  }
  return 0
}

/** Reads PEM files of the command line. Throws a sentence. */
export function checkFile(flag: string, path: string | undefined): void {
  if (path === undefined) return
  try {
    readFileSync(path)
  } catch (error) {
    throw new Error(`${flag}: ${(error as Error).message}`)
  }
}
