import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Authenticator } from '../../extensions/authenticator.ts'
import type { PeerOrigin } from '../../net/grpc-types.ts'
import { type HttpServer, newHttpServer, type Route } from '../../net/http-server.ts'
import { largestMessage } from '../../net/memory.ts'
import { originOf } from '../../net/peer-origin.ts'
import { GrpcError } from '../../net/status.ts'
import { serverTlsFrom } from '../../net/tls-settings.ts'
import type { Host } from '../../plugin.ts'
import type { OtlpFormat } from '../../telemetry/otlp-gate.ts'
import { decodeOtlpJson } from '../../wire/otlp/json-decode.ts'
import { answerFault, answerTaken, answerText, type Encoding, encodingOf, json } from './answer.ts'
import { type HttpConfig, listenAddress } from './config.ts'
import { newCors } from './cors.ts'
import { type Decompress, decompressor, isTooLarge } from './decompress.ts'
import { faultOf, HttpFault } from './http-fault.ts'
import { type Inlet, refusedHelp, signals, watchConnections } from './inlet.ts'
import { metadataOf } from './metadata.ts'
import { ClientGone, type Held, hold, letGo, NoMemory, readBody } from './read-body.ts'
import { weighPieces } from './weigh-pieces.ts'

type Server = Required<Pick<Authenticator, 'authenticate'>>

const defaultBodyBytes = 20 << 20
const minuteMs = 60_000

/** OTLP over HTTP. The path of a signal that no pipeline wants is not there: 404. */
export function newOtlpHttp(
  config: HttpConfig,
  host: Host,
  inlet: Inlet,
  authenticator: () => Server | undefined,
): HttpServer {
  const cors = config.cors && config.cors.allowed_origins.length > 0 ? newCors(config.cors) : undefined
  const headers = Object.entries(config.response_headers).map(([name, value]) => [name, value.reveal()] as const)
  const paths: Record<OtlpFormat, string> = {
    logs: config.logs_url_path,
    metrics: config.metrics_url_path,
    traces: config.traces_url_path,
  }
  const exchange = newExchange(config, host, inlet, authenticator)
  const routes: Record<string, Route> = {}
  for (const signal of signals) {
    if (!inlet.wants(signal)) continue
    routes[paths[signal].replace(/^\/?/, '/')] = (request, response) => {
      for (const [name, value] of headers) response.setHeader(name, value)
      if (!config.keep_alives_enabled) response.shouldKeepAlive = false
      return cors?.(request, response) ? undefined : exchange.answer(signal, request, response)
    }
  }
  const server = newHttpServer({
    endpoint: listenAddress(config.endpoint),
    tls: serverTlsFrom(config.tls, host),
    routes,
    readTimeoutMs: Math.min(config.read_timeout || minuteMs, config.read_header_timeout || minuteMs),
    idleTimeoutMs: config.idle_timeout || minuteMs,
    maxConnections: 10_000,
    memory: host.budget,
    log: host.log,
    clock: host.clock,
  })
  watchConnections(server.stats, host, 'http', () => server.stats.floods + exchange.floods())
  return {
    stats: server.stats,
    get address() {
      return server.address
    },
    start: () => server.start(),
    stop(signal) {
      // Whoever waits for room is sent away while there is time to say so.
      exchange.withdraw()
      if (signal?.aborted) exchange.giveUp()
      else signal?.addEventListener('abort', exchange.giveUp, { once: true })
      return server.stop(signal)
    },
  }
}

function newExchange(config: HttpConfig, host: Host, inlet: Inlet, authenticator: () => Server | undefined) {
  const maxBytes = config.max_request_body_size || defaultBodyBytes
  const memory = host.budget
  const refused = host.counter('refused_requests', refusedHelp, { transport: 'http' })
  let floods = 0
  const origins = new WeakMap<Socket, PeerOrigin>()
  const originFor = ({ socket, headers }: IncomingMessage) => {
    const known = origins.get(socket) ?? originOf(socket as TLSSocket)
    origins.set(socket, known)
    return config.include_metadata ? { ...known, metadata: metadataOf(headers) } : known
  }
  /** In place of `body`. What it may become is claimed before: several may be under way at once. */
  const expanded = async (body: Buffer, decompress: Decompress, held: Held): Promise<Buffer> => {
    const most = Math.min(maxBytes, largestMessage(memory))
    hold(held, most, memory)
    try {
      const making = decompress(body, most)
      const plain = making instanceof Promise ? await making : making
      letGo(held, most + body.length - plain.length, memory)
      return plain
    } catch (error) {
      throw most < maxBytes && isTooLarge(error) ? new NoMemory() : error
    }
  }
  const take = async (signal: OtlpFormat, request: IncomingMessage, abort: AbortSignal, held: Held, as: Encoding) => {
    const decompress = decompressor(request.headers['content-encoding'], config.compression_algorithms)
    const origin = originFor(request)
    weighPieces(request, host.clock, () => {
      floods++
      inlet.malformed(signal, 'http: the body comes in too many small chunks', origin)
    })
    let body = await readBody(request, maxBytes, memory, held)
    if (decompress) body = await expanded(body, decompress, held)
    if (as !== json) return inlet.take(signal, body, 0, body.length, origin, abort)
    const decoded = decodeOtlpJson(signal, body)
    if ('error' in decoded) throw inlet.malformed(signal, decoded.error, origin)
    hold(held, decoded.length, memory)
    return inlet.take(signal, decoded, 0, decoded.length, origin, abort)
  }

  const parameters = config.auth?.request_params ?? []
  const credentialsOf = ({ url, headers }: IncomingMessage) =>
    parameters.length > 0 ? { ...headers, ...parametersOf(url ?? '', parameters) } : headers
  /** Requests under way, each with what tells its sender that it is given up. */
  const open = new Map<AbortController, () => void>()
  const answer = async (signal: OtlpFormat, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const encoding = encodingOf(request.headers['content-type'])
    const asked = authenticator()?.authenticate(credentialsOf(request)) ?? true
    const verdict = asked instanceof Promise ? await asked : asked
    if (verdict !== true) return answerFault(response, new HttpFault(401, verdict), encoding)
    if (request.method !== 'POST') return answerText(response, 405, '405 method not allowed, supported: [POST]')
    if (!encoding) {
      const text = '415 unsupported media type, supported: [application/json, application/x-protobuf]'
      return answerText(response, 415, text)
    }
    const gone = new AbortController()
    open.set(gone, () => answerFault(response, new HttpFault(503, 'the server is stopping'), encoding))
    response.on('close', () => {
      open.delete(gone)
      gone.abort()
    })
    const held: Held = { bytes: 0 }
    try {
      await take(signal, request, gone.signal, held, encoding)
      answerTaken(response, encoding)
    } catch (error) {
      if (error instanceof ClientGone) return
      if (error instanceof NoMemory) refused.add(1)
      const fault = error instanceof GrpcError ? faultOf(error) : error
      if (!(fault instanceof HttpFault)) throw error
      answerFault(response, fault, encoding)
    } finally {
      memory.give(held.bytes)
    }
  }
  const withdraw = () => {
    for (const each of open.keys()) each.abort()
  }
  const giveUp = () => {
    for (const tell of open.values()) tell()
  }
  return { answer, withdraw, giveUp, floods: () => floods }
}

/** Parameters of a query that stand for headers: `?token=a` is the header `token`. */
function parametersOf(url: string, names: readonly string[]): Record<string, string> {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  const found = names.flatMap((name) => {
    const value = query.get(name)
    return value === null ? [] : [[name.toLowerCase(), value] as const]
  })
  return Object.fromEntries(found)
}
