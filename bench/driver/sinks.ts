import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { newGrpcServer } from '../../src/net/grpc-server.ts'
import { type Call, clientStream, type Handler, unary } from '../../src/net/grpc-types.ts'
import { serverTls, type TlsFiles } from '../../src/net/tls.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Reader, WireType } from '../../src/wire/protobuf.ts'
import { type DrainKind, drainKinds, openDrain } from './drain-sinks.ts'
import { nowNanos } from './message.ts'
import type { Sink } from './sink.ts'

/** `otlp`: gRPC with mutual TLS; `otlp-plain`: without; `otlphttp`: HTTP without. */
export type SinkKind = 'envelopes' | 'otlp' | 'otlp-plain' | 'otlphttp' | DrainKind

const empty = Buffer.alloc(0)

export async function openSink(name: string, kind: SinkKind, files: TlsFiles): Promise<Sink> {
  if (drainKinds.includes(kind)) return openDrain(name, kind as DrainKind, files)
  const sink = new CountingSink(name)
  if (kind === 'otlphttp') return listenHttp(sink)
  const server = newGrpcServer({
    endpoint: { host: '127.0.0.1', port: 0 },
    ...(kind !== 'otlp-plain' && { tls: serverTls(files, { reloadMs: 0 }) }),
    maxMessageBytes: 10 << 20,
    log: silentLog,
    methods: kind === 'envelopes' ? ingressMethods(sink) : otlpMethods(sink),
  })
  const { host, port } = await server.start()
  sink.address = `${host}:${port}`
  sink.stop = () => server.stop(AbortSignal.abort())
  return sink
}

/** Counts records by walking over the bytes; nothing is decoded but timestamps, and these only on request. */
class CountingSink implements Sink {
  readonly name: string
  address = ''
  stop = () => Promise.resolve()
  readonly calls = new Set<Call>()
  private stalled = false
  records = 0
  messages = 0
  timing = false
  readonly latencies: number[] = []
  private readonly reader = new Reader()
  private readonly inner = new Reader()

  constructor(name: string) {
    this.name = name
  }

  get streams(): number {
    return this.calls.size
  }

  stall(stalled: boolean): void {
    if (stalled === this.stalled) return
    this.stalled = stalled
    for (const call of this.calls) {
      if (stalled) call.pause()
      else call.resume()
    }
  }

  batch(bytes: Buffer, start: number, end: number): void {
    this.messages++
    const { reader } = this
    reader.reset(bytes, start, end)
    while (reader.next()) {
      if (reader.field !== 1 || reader.wire !== WireType.bytes) reader.skip()
      else {
        reader.span()
        this.records++
        if (this.timing) this.envelopeTime(bytes, reader.start, reader.stop)
      }
    }
  }

  envelope(bytes: Buffer, start: number, end: number): void {
    this.messages++
    this.records++
    if (this.timing) this.envelopeTime(bytes, start, end)
  }

  /** Fields 1 > 2 > 2 of an export request are its log records, metrics or spans. */
  otlp(bytes: Buffer, logs: boolean): void {
    this.messages++
    this.nested(bytes, 0, bytes.length, 0, logs)
  }

  private nested(bytes: Buffer, start: number, end: number, depth: number, logs: boolean): void {
    const reader = new Reader(bytes, start, end)
    while (reader.next()) {
      if (reader.wire !== WireType.bytes || reader.field !== (depth === 0 ? 1 : 2)) reader.skip()
      else {
        reader.span()
        if (depth < 2) this.nested(bytes, reader.start, reader.stop, depth + 1, logs)
        else {
          this.records++
          // LogRecord.time_unix_nano = 1, fixed64.
          if (this.timing && logs && bytes[reader.start] === 0x09) {
            const { start: at } = reader
            this.arrived(bytes.readUInt32LE(at + 1) + bytes.readUInt32LE(at + 5) * 2 ** 32)
          }
        }
      }
    }
  }

  private envelopeTime(bytes: Buffer, start: number, end: number): void {
    const { inner } = this
    inner.reset(bytes, start, end)
    while (inner.next()) {
      if (inner.field !== 1 || inner.wire !== WireType.varint) inner.skip()
      else {
        inner.varint64()
        this.arrived(inner.lo + inner.hi * 2 ** 32)
        return
      }
    }
  }

  private arrived(nanos: number): void {
    if (this.latencies.length < 500_000) this.latencies.push((nowNanos() - nanos) / 1e6)
  }
}

async function listenHttp(sink: CountingSink): Promise<Sink> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => void parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts)
      sink.otlp(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body, request.url === '/v1/logs')
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  sink.address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  sink.stop = async () => {
    server.close()
    server.closeAllConnections()
  }
  return sink
}

function ingressMethods(sink: CountingSink): Record<string, Handler> {
  const stream = (message: (bytes: Buffer, start: number, end: number) => void) =>
    clientStream((call) => {
      sink.calls.add(call)
      return { message, close: () => void sink.calls.delete(call) }
    })
  return {
    '/loggregator.v2.Ingress/BatchSender': stream((bytes, start, end) => sink.batch(bytes, start, end)),
    '/loggregator.v2.Ingress/Sender': stream((bytes, start, end) => sink.envelope(bytes, start, end)),
    '/plumbing.DopplerIngestor/Pusher': stream((bytes, start, end) => sink.envelope(bytes, start, end)),
  }
}

function otlpMethods(sink: CountingSink): Record<string, Handler> {
  const of = (logs: boolean) =>
    unary((message) => {
      sink.otlp(message, logs)
      return empty
    })
  const base = '/opentelemetry.proto.collector'
  return {
    [`${base}.logs.v1.LogsService/Export`]: of(true),
    [`${base}.metrics.v1.MetricsService/Export`]: of(false),
    [`${base}.trace.v1.TraceService/Export`]: of(false),
  }
}
