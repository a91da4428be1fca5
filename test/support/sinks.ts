import { onTestFinished } from 'vitest'
import { type GrpcServer, newGrpcServer } from '../../src/net/grpc-server.ts'
import { type Call, clientStream, type Handler, unary } from '../../src/net/grpc-types.ts'
import type { GrpcError } from '../../src/net/status.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { certificate, serverTlsOf } from './certificates.ts'
import {
  decodeEnvelope,
  decodeEnvelopeBatch,
  decodeOtlpLogs,
  decodeOtlpMetrics,
  decodeOtlpTraces,
  decodeV1,
  type Message,
} from './decode.ts'
import { freePort } from './free-port.ts'

/** One message that a peer sent us. */
export interface Received {
  /** `/loggregator.v2.Ingress/BatchSender` */
  path: string
  bytes: Buffer
  /** Number of the stream, counted per sink. */
  stream: number
}

/** A gRPC server that keeps what it is sent. */
export interface Sink {
  readonly port: number
  readonly address: string
  readonly received: Received[]
  /** Streams opened so far. */
  readonly streams: number
  readonly openStreams: number
  /** Connections accepted so far. */
  readonly connections: number
  /** Resolves as soon as it holds; asked after every message, stream and end of stream. */
  until(what: string, enough: () => boolean): Promise<void>
  /** From now on reads nothing more: the peer meets a full window. */
  stall(): void
  resume(): void
  /** Ends open streams with this status, and what comes from now on; undefined: takes everything again. */
  refuse(error: GrpcError | undefined): void
  /** Cuts every connection and frees the port. */
  stop(): Promise<void>
  /** Listens on the same port again. */
  restart(): Promise<void>
}

export interface SinkOptions {
  /** Certificate of the server: `metron`. */
  name: string
  port?: number
  streams?: readonly string[]
  unaries?: readonly string[]
  /** The answer to each unary call. */
  answer?: (received: Received, call: Call) => Buffer | Promise<Buffer>
  maxMessageBytes?: number
  plaintext?: boolean
}

const nothing = Buffer.alloc(0)

/** Starts a server that is stopped at the end of the test. */
export async function startSink(options: SinkOptions): Promise<Sink> {
  const received: Received[] = []
  const open = new Set<{ call: Call }>()
  const waiting = new Set<() => void>()
  const told = () => {
    for (const look of [...waiting]) look()
  }
  let streams = 0
  let stalled = false
  let refusal: GrpcError | undefined
  const record = (path: string, stream: number, bytes: Buffer, start: number, end: number): Received => {
    const message = { path, stream, bytes: Buffer.from(bytes.subarray(start, end)) }
    received.push(message)
    told()
    return message
  }
  const stream = (path: string): Handler =>
    clientStream((call) => {
      if (refusal) throw refusal
      const number = streams++
      const entry = { call }
      open.add(entry)
      if (stalled) call.pause()
      told()
      return {
        message(bytes, start, end) {
          if (refusal) throw refusal
          record(path, number, bytes, start, end)
        },
        end: () => nothing,
        close() {
          open.delete(entry)
          told()
        },
      }
    })
  const call = (path: string): Handler =>
    unary((bytes, call) => {
      if (refusal) throw refusal
      const message = record(path, -1, bytes, 0, bytes.length)
      return options.answer ? options.answer(message, call) : nothing
    })
  const methods = Object.fromEntries([
    ...(options.streams ?? []).map((path) => [path, stream(path)]),
    ...(options.unaries ?? []).map((path) => [path, call(path)]),
  ])
  const newServer = (port: number) =>
    newGrpcServer({
      endpoint: { host: '127.0.0.1', port },
      tls: options.plaintext ? undefined : serverTlsOf(certificate(options.name)),
      maxMessageBytes: options.maxMessageBytes ?? 64 << 20,
      methods,
      log: silentLog,
    })
  let server: GrpcServer = newServer(options.port ?? (await freePort()))
  let accepted = 0
  const { port } = await server.start()
  onTestFinished(() => server.stop(AbortSignal.abort()))
  return {
    port,
    address: `127.0.0.1:${port}`,
    received,
    get streams() {
      return streams
    },
    get openStreams() {
      return open.size
    },
    get connections() {
      return accepted + server.stats.connectionsAccepted
    },
    until: (what, enough) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look)
          reject(new Error(`waited in vain: ${what} (${received.length} messages, ${streams} streams)`))
        }, 100_000)
        const look = () => {
          if (!enough()) return
          waiting.delete(look)
          clearTimeout(timer)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    stall() {
      stalled = true
      for (const { call } of open) call.pause()
    },
    resume() {
      stalled = false
      for (const { call } of open) call.resume()
    },
    refuse(error) {
      refusal = error
    },
    async stop() {
      await server.stop(AbortSignal.abort())
    },
    async restart() {
      accepted += server.stats.connectionsAccepted
      server = newServer(port)
      await server.start()
    },
  }
}

const ingress = (method: string) => `/loggregator.v2.Ingress/${method}`
export const ingressPaths = {
  sender: ingress('Sender'),
  batchSender: ingress('BatchSender'),
  send: ingress('Send'),
}

/** Something that speaks the v2 ingress, such as the next agent. */
export interface IngressSink extends Sink {
  /** Everything received, decoded, in order. */
  envelopes(): Message[]
  /** The bytes of every envelope. */
  count(): number
}

export async function startIngressSink(options: Partial<SinkOptions> = {}): Promise<IngressSink> {
  const { sender, batchSender, send } = ingressPaths
  const sink = await startSink({ name: 'metron', streams: [sender, batchSender], unaries: [send], ...options })
  let counted = 0
  let envelopes = 0
  return Object.assign(Object.create(sink) as Sink, {
    envelopes: () =>
      sink.received.flatMap(({ path, bytes }) =>
        path === sender ? [decodeEnvelope(bytes)] : decodeEnvelopeBatch(bytes),
      ),
    count() {
      for (; counted < sink.received.length; counted++) {
        const { path, bytes } = sink.received[counted]!
        envelopes += path === sender ? 1 : framesIn(bytes)
      }
      return envelopes
    },
  }) as IngressSink
}

/** How many records a container holds: messages of field 1. */
export function framesIn(bytes: Buffer): number {
  let count = 0
  for (let pos = 0; pos < bytes.length; count++) {
    if (bytes[pos++] !== 0x0a) throw new Error('not a container of records')
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[pos++]!
      length += (byte & 127) * 2 ** shift
      if (byte < 128) break
    }
    pos += length
  }
  return count
}

const service = (name: string, kind: string) => `/opentelemetry.proto.collector.${name}.v1.${kind}Service/Export`
export const otlpPaths = {
  logs: service('logs', 'Logs'),
  metrics: service('metrics', 'Metrics'),
  traces: service('trace', 'Trace'),
}

/** An OTLP receiver, such as the Collector's. */
export interface CollectorSink extends Sink {
  logs(): Message[]
  metrics(): Message[]
  spans(): Message[]
}

export async function startCollectorSink(options: Partial<SinkOptions> = {}): Promise<CollectorSink> {
  const sink = await startSink({ name: 'otel-collector', unaries: Object.values(otlpPaths), ...options })
  const of = (path: string) => sink.received.filter((message) => message.path === path)
  const inner = (
    decode: (bytes: Buffer) => Message,
    path: string,
    resources: string,
    scopes: string,
    records: string,
  ) =>
    of(path).flatMap(({ bytes }) =>
      (decode(bytes)[resources] ?? []).flatMap((resource: Message) =>
        (resource[scopes] ?? []).flatMap((scope: Message) => scope[records] ?? []),
      ),
    )
  return Object.assign(Object.create(sink) as Sink, {
    logs: () => inner(decodeOtlpLogs, otlpPaths.logs, 'resourceLogs', 'scopeLogs', 'logRecords'),
    metrics: () => inner(decodeOtlpMetrics, otlpPaths.metrics, 'resourceMetrics', 'scopeMetrics', 'metrics'),
    spans: () => inner(decodeOtlpTraces, otlpPaths.traces, 'resourceSpans', 'scopeSpans', 'spans'),
  }) as CollectorSink
}

export const dopplerPaths = { v1: '/plumbing.DopplerIngestor/Pusher', v2: ingressPaths.batchSender }

/** What a Doppler offers to agents: v2 batches and v1 envelopes. */
export interface DopplerSink extends Sink {
  v2(): Message[]
  v1(): Message[]
}

export async function startDopplerSink(options: Partial<SinkOptions> = {}): Promise<DopplerSink> {
  const sink = await startSink({ name: 'doppler', streams: Object.values(dopplerPaths), ...options })
  const of = (path: string) => sink.received.filter((message) => message.path === path)
  return Object.assign(Object.create(sink) as Sink, {
    v2: () => of(dopplerPaths.v2).flatMap(({ bytes }) => decodeEnvelopeBatch(bytes)),
    // EnvelopeData: field 1 holds the envelope.
    v1: () => of(dopplerPaths.v1).map(({ bytes }) => decodeV1(payloadOf(bytes))),
  }) as DopplerSink
}

function payloadOf(bytes: Buffer): Buffer {
  let pos = 1
  while (bytes[pos++]! >= 128);
  return bytes.subarray(pos)
}
