import { gzipSync } from 'node:zlib'
import { type Clock, systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { parseAddress } from './address.ts'
import { type CallOptions, type CallShared, ClientCall } from './client-call.ts'
import { type Backoff, ClientConnection, type ClientState, defaultBackoff } from './client-connection.ts'
import { DEFAULT_MAX_MESSAGE_BYTES, frameMessage, type MessageListener } from './frames.ts'
import { GrpcCode, GrpcError } from './status.ts'
import type { ClientTls } from './tls.ts'

export interface GrpcClientOptions {
  /** `127.0.0.1:3458` */
  address: string
  /** Without it: plaintext HTTP/2 (h2c). */
  tls?: ClientTls | undefined
  /** The name that the server's certificate must carry (`metron`); default: the host of the address. */
  serverName?: string | undefined
  /** The `:authority` header; default: serverName, else the address. */
  authority?: string | undefined
  /** Pings after this long without a byte from the peer. Peers end connections that ping too often: see docs/wire. */
  keepalive?: { intervalMs: number; timeoutMs: number; withoutStreams?: boolean | undefined } | undefined
  /** Longest received message; default 4 MiB. */
  maxReceiveBytes?: number | undefined
  /** Default: 1 s, growing by 1.6 to 120 s, +-20 %. */
  backoff?: Partial<Backoff> | undefined
  /** For TCP and TLS, and again for the peer's first HTTP/2 frame; default 20 s. */
  connectTimeoutMs?: number | undefined
  /** How much a peer may send that nobody has read: default 1 MB a stream, 8 MB a connection. */
  windows?: { streamBytes?: number | undefined; sessionBytes?: number | undefined } | undefined
  log: Log
  clock?: Clock | undefined
  /** 0 to 1, for the jitter. */
  random?: (() => number) | undefined
}

export interface UnaryOptions extends CallOptions {
  /** Compress the request. Loggregator's own peers refuse that. */
  gzip?: boolean | undefined
  /** The message was compressed with this by the caller: the peer is told. Neither with `gzip` nor with `framed`. */
  encoding?: string | undefined
  /** The message is one Buffer with its prefix (`frameMessage`, `Batch.grpcMessage`) and goes as it is; not with `gzip`. */
  framed?: boolean | undefined
}

export interface ClientStreamOptions extends CallOptions {
  /** Messages the peer sends: none in Loggregator before the end. */
  onMessage?: MessageListener | undefined
}

/** A client stream: many messages out, one answer at the end. */
export interface ClientStream {
  /**
   * Sends framed messages (`frameMessage`); buffers may be shared by many streams and must not change until `done`, which comes when
   * the bytes were handed to the connection (a peer that does not read delays it) or with the error that ended the stream.
   */
  write(framed: Buffer | readonly Buffer[], done?: (error?: GrpcError) => void): void
  /** Connected, and nothing waits in front of the next write. */
  readonly writable: boolean
  /** Half-close; resolves as `closed`. */
  end(): Promise<GrpcError | undefined>
  /** The final status: undefined is OK. Never rejects. */
  readonly closed: Promise<GrpcError | undefined>
  /** Resolves when the stream stands (the peer is connected), or when it is over. */
  readonly opened: Promise<void>
  cancel(): void
}

export interface ServerStreamListener {
  /** One message, `bytes[start, end)`, on loan for the time of the call. */
  message: MessageListener
  /** Once, last: undefined is OK. */
  end(error: GrpcError | undefined): void
}

/** A server stream: one request out, many messages in. */
export interface ServerStreamCall {
  /** Delivers nothing more, not even what has arrived; the peer meets a full window. */
  pause(): void
  resume(): void
  cancel(): void
}

export interface GrpcClient {
  readonly state: ClientState
  /** Why the last attempt failed; undefined once connected. */
  readonly lastError: GrpcError | undefined
  /** Told every change of state; returns how to stop that. */
  onState(listener: (state: ClientState, error: GrpcError | undefined) => void): () => void
  /** Connects now instead of with the first call. */
  connect(): void
  /** The reply, as a buffer of its own. Rejects with GrpcError. */
  unary(path: string, message: Uint8Array | readonly Uint8Array[], options?: UnaryOptions): Promise<Buffer>
  clientStream(path: string, options?: ClientStreamOptions): ClientStream
  serverStream(
    path: string,
    request: Uint8Array,
    listener: ServerStreamListener,
    options?: CallOptions,
  ): ServerStreamCall
  /** New calls fail; running ones may finish until `signal` aborts (no signal: at once). */
  close(signal?: AbortSignal): Promise<void>
}

/** Small messages written together travel as one buffer up to this size; larger ones are not copied. */
const JOIN_BYTES = 16 * 1024

/** Connects with the first call; after a failure it keeps trying, with back-off. */
export function newGrpcClient(options: GrpcClientOptions): GrpcClient {
  const clock = options.clock ?? systemClock
  const connection = new ClientConnection({
    address: parseAddress(options.address),
    tls: options.tls,
    serverName: options.serverName,
    keepalive: options.keepalive && { ...options.keepalive, withoutStreams: options.keepalive.withoutStreams ?? false },
    connectTimeoutMs: options.connectTimeoutMs ?? 20_000,
    backoff: { ...defaultBackoff, ...options.backoff },
    windows: {
      streamBytes: options.windows?.streamBytes ?? 1_000_000,
      sessionBytes: options.windows?.sessionBytes ?? 8_000_000,
    },
    log: options.log,
    clock,
    random: options.random ?? Math.random,
  })
  const shared: CallShared = {
    connection,
    clock,
    authority: options.authority ?? options.serverName ?? options.address,
    scheme: options.tls ? 'https' : 'http',
    maxReceiveBytes: options.maxReceiveBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
  }
  return {
    get state() {
      return connection.state
    },
    get lastError() {
      return connection.lastError
    },
    onState: (listener) => connection.onState(listener),
    connect: () => connection.connect(),
    unary: (path, message, call = {}) => callUnary(shared, path, message, call),
    clientStream: (path, call = {}) => openClientStream(shared, path, call),
    serverStream: (path, request, listener, call = {}) => openServerStream(shared, path, request, listener, call),
    close: (signal) => connection.close(signal),
  }
}

function callUnary(
  shared: CallShared,
  path: string,
  message: Uint8Array | readonly Uint8Array[],
  options: UnaryOptions,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let reply: Buffer | undefined
    const events = {
      message: (bytes: Buffer, start: number, end: number) => {
        reply = Buffer.from(bytes.subarray(start, end))
      },
      closed: (error: GrpcError | undefined) => {
        if (error) reject(error)
        else if (reply) resolve(reply)
        else reject(new GrpcError(GrpcCode.internal, 'the peer answered OK without a message'))
      },
    }
    const call = new ClientCall(shared, path, options, events, options.gzip ? 'gzip' : options.encoding)
    call.write(framedBy(options, message))
    call.end()
  })
}

function framedBy(options: UnaryOptions, message: Uint8Array | readonly Uint8Array[]): Buffer {
  const { gzip, encoding, framed } = options
  if (framed) return message as Buffer
  const packed = gzip ? gzipSync(message instanceof Uint8Array ? message : Buffer.concat(message)) : message
  const frame = frameMessage(packed)
  // The flag says that the message is compressed.
  if (gzip || encoding) frame[0] = 1
  return frame
}

function openClientStream(shared: CallShared, path: string, options: ClientStreamOptions): ClientStream {
  const closed = Promise.withResolvers<GrpcError | undefined>()
  const opened = Promise.withResolvers<void>()
  const call = new ClientCall(shared, path, options, {
    message: options.onMessage ?? (() => {}),
    opened: opened.resolve,
    closed: (error) => {
      opened.resolve()
      closed.resolve(error)
    },
  })
  return {
    write(framed, done) {
      if (framed instanceof Uint8Array) call.write(framed, done)
      else writeAll(call, framed, done)
    },
    get writable() {
      return call.writable
    },
    end() {
      call.end()
      return closed.promise
    },
    closed: closed.promise,
    opened: opened.promise,
    cancel: () => call.cancel(),
  }
}

function writeAll(call: ClientCall, list: readonly Buffer[], done: ((error?: GrpcError) => void) | undefined): void {
  let size = 0
  for (const framed of list) size += framed.length
  if (list.length === 0) {
    if (done) process.nextTick(done)
  } else if (list.length === 1 || size <= JOIN_BYTES)
    call.write(list.length === 1 ? list[0]! : Buffer.concat(list, size), done)
  else {
    call.cork()
    for (let i = 0; i < list.length - 1; i++) call.write(list[i]!)
    call.write(list[list.length - 1]!, done)
    call.uncork()
  }
}

function openServerStream(
  shared: CallShared,
  path: string,
  request: Uint8Array,
  listener: ServerStreamListener,
  options: CallOptions,
): ServerStreamCall {
  const call = new ClientCall(shared, path, options, {
    message: (bytes, start, end) => listener.message(bytes, start, end),
    closed: (error) => listener.end(error),
  })
  call.write(frameMessage(request))
  call.end()
  return { pause: () => call.pause(), resume: () => call.resume(), cancel: () => call.cancel() }
}
