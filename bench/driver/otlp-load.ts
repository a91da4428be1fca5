import { Agent, request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { frameMessage } from '../../src/net/frames.ts'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { silentLog } from '../../src/runtime/log.ts'
import type { Load } from './load.ts'
import { nowNanos } from './message.ts'
import { type OtlpRequest, otlpRequests, type Signal } from './otlp-payload.ts'

export interface OtlpLoadSpec {
  kind: 'otlp'
  address: string
  signal: Signal
  transport: 'grpc' | 'http'
  /** Items in a request. */
  batch: number
  /** Requests under way at once. */
  clients: number
  /** Requests by HTTP are compressed, but for `stamped` ones before the clock starts. */
  gzip?: true
}

/** Resolves when the request was answered, well or not. */
type Post = (body: Buffer) => Promise<void>

const grpcPaths: Record<Signal, string> = {
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
}

/** OTLP export requests in plain text, several under way at once. What is refused shows as lost. */
export function openOtlpLoad(spec: OtlpLoadSpec): Load {
  const { signal, batch, clients } = spec
  const { post, close } = spec.transport === 'grpc' ? grpcPost(spec) : httpPost(spec)
  const requests = otlpRequests(signal, batch)
  const ready = requests.map(({ body }) => encoded(body, spec))
  let open = 0
  const answered = () => void open--
  return {
    per: batch,
    send(i, stamped) {
      if (open >= clients) return false
      open++
      const at = i % requests.length
      void post(stamped ? encoded(stampedCopy(requests[at]!), spec) : ready[at]!).then(answered, answered)
      return true
    },
    close,
  }
}

function encoded(body: Buffer, { transport, gzip }: OtlpLoadSpec): Buffer {
  if (transport === 'grpc') return frameMessage(body)
  return gzip ? gzipSync(body) : body
}

function stampedCopy({ body, times }: OtlpRequest): Buffer {
  const copy = Buffer.from(body)
  const now = BigInt(Math.round(nowNanos()))
  for (const at of times) copy.writeBigUInt64LE(now, at)
  return copy
}

function grpcPost({ address, signal }: OtlpLoadSpec): { post: Post; close(): void } {
  const client = newGrpcClient({ address, log: silentLog })
  const path = grpcPaths[signal]
  return {
    post: async (framed) => void (await client.unary(path, framed, { framed: true, waitForReady: true })),
    close: () => void client.close(),
  }
}

function httpPost({ address, signal, clients, gzip }: OtlpLoadSpec): { post: Post; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const [host, port] = address.split(':')
  const headers = { 'content-type': 'application/x-protobuf', ...(gzip && { 'content-encoding': 'gzip' }) }
  const options = { agent, host, port, path: `/v1/${signal}`, method: 'POST', headers }
  return {
    post: (body) =>
      new Promise((resolve, reject) => {
        const call = request(options, (response) => response.resume().on('end', resolve))
        call.on('error', reject)
        call.end(body)
      }),
    close: () => agent.destroy(),
  }
}
