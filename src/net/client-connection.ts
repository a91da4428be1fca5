import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { type Address, formatAddress } from './address.ts'
import { type Dialling, dial, dialError } from './dial.ts'
import { GrpcCode, GrpcError } from './status.ts'
import type { ClientTls } from './tls.ts'

/** `failing`: the last attempt failed and the next one waits for its back-off. */
export type ClientState = 'idle' | 'connecting' | 'ready' | 'failing' | 'closed'

export interface Backoff {
  baseMs: number
  factor: number
  /** 0.2: every wait is between 80 % and 120 %. */
  jitter: number
  maxMs: number
}

/** grpc-go's: 1 s, 1.6 s, 2.56 s ... 120 s, each +-20 %. */
export const defaultBackoff: Backoff = { baseMs: 1000, factor: 1.6, jitter: 0.2, maxMs: 120_000 }

export interface ConnectionOptions {
  address: Address
  tls: ClientTls | undefined
  serverName: string | undefined
  keepalive: { intervalMs: number; timeoutMs: number; withoutStreams: boolean } | undefined
  connectTimeoutMs: number
  backoff: Backoff
  windows: { streamBytes: number; sessionBytes: number }
  log: Log
  clock: Clock
  random: () => number
}

/** One HTTP/2 session and what became of it: streams ask it why they ended. */
export interface Link {
  readonly session: ClientHttp2Session
  readonly socket: Socket
  /** Streams running on it; keepalive cares. */
  streams: number
  /** Why the session ended, when it did not end in peace. */
  failure: Error | undefined
  /** The last stream the peer will answer, after GOAWAY. */
  lastStream: number | undefined
  /** When it last answered a ping. */
  answeredAt: number
  /** A call had no answer: unless more than `heard` bytes have come from the peer by now, or come soon, it is cut. */
  doubt(heard: number): void
}

type Waiter = (error: GrpcError | undefined, link: Link | undefined) => void

/** Keeps at most one session for new streams; connects when somebody asks, with back-off; ended sessions let their streams finish. */
export class ClientConnection {
  readonly where: string
  readonly #options: ConnectionOptions
  readonly #waiters = new Set<Waiter>()
  readonly #listeners = new Set<(state: ClientState, error: GrpcError | undefined) => void>()
  readonly #links = new Set<Link>()
  #state: ClientState = 'idle'
  #error: GrpcError | undefined
  #link: Link | undefined
  #dialling: Dialling | undefined
  /** Connected, but the peer has not answered yet. */
  #opening: Link | undefined
  #retry: Timer | undefined
  #failures = 0
  #notBefore = Number.NEGATIVE_INFINITY
  #keepaliveMs: number

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.where = formatAddress(options.address)
    this.#keepaliveMs = options.keepalive?.intervalMs ?? 0
  }

  get state(): ClientState {
    return this.#state
  }

  /** The session for a new stream, when there is one right now. */
  get link(): Link | undefined {
    return this.#link
  }

  get lastError(): GrpcError | undefined {
    return this.#error
  }

  onState(listener: (state: ClientState, error: GrpcError | undefined) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Calls back with a session, or with UNAVAILABLE: at once while failing, unless `waitForReady`. Returns how to withdraw. */
  wait(waiter: Waiter, waitForReady: boolean): () => void {
    if (this.#state === 'closed') {
      waiter(closedError(), undefined)
      return nothing
    }
    if (this.#link) {
      waiter(undefined, this.#link)
      return nothing
    }
    if (this.#state === 'failing' && !waitForReady) {
      waiter(this.#error, undefined)
      return nothing
    }
    const entry: Waiter = (error, link) => {
      if (error && waitForReady && this.#state !== 'closed') return
      this.#waiters.delete(entry)
      waiter(error, link)
    }
    this.#waiters.add(entry)
    this.connect()
    return () => void this.#waiters.delete(entry)
  }

  /** Starts to connect unless it is connected or on its way. */
  connect(): void {
    if (this.#state !== 'idle') return
    const wait = this.#notBefore - this.#options.clock.monotonic()
    this.#enter('connecting', undefined)
    if (wait > 0) this.#retry = this.#options.clock.after(wait, () => this.#dial())
    else this.#dial()
  }

  /** New streams fail from now on; running ones may finish until `signal` aborts. */
  close(signal?: AbortSignal): Promise<void> {
    this.#retry?.cancel()
    this.#dialling?.cancel()
    this.#link = undefined
    if (this.#state !== 'closed') this.#enter('closed', undefined)
    this.#tellWaiters(closedError(), undefined)
    const cutAll = () => {
      for (const link of this.#links) cut(link)
    }
    for (const link of this.#links) if (!link.session.destroyed) link.session.close()
    if (!signal || signal.aborted) cutAll()
    else signal.addEventListener('abort', cutAll, { once: true })
    return this.#links.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#waitForLinks(resolve))
  }

  #waitForLinks(resolve: () => void): void {
    for (const link of this.#links)
      link.session.once('close', () => {
        if (this.#links.size === 0) resolve()
      })
  }

  #dial(): void {
    const { address, tls, serverName, connectTimeoutMs, clock } = this.#options
    this.#retry = undefined
    // The wait counts from the start of the attempt; a connection that dies young is not dialled again in a loop.
    this.#notBefore = clock.monotonic() + this.#nextWait()
    this.#dialling = dial(
      { address, tls, serverName, alpn: tls && ['h2'], timeoutMs: connectTimeoutMs, clock },
      (socket) => this.#open(socket),
      (error) => this.#failed(error),
    )
  }

  #nextWait(): number {
    const { baseMs, factor, jitter, maxMs } = this.#options.backoff
    const wait = Math.min(maxMs, baseMs * factor ** this.#failures)
    return wait * (1 + jitter * (2 * this.#options.random() - 1))
  }

  #open(socket: Socket): void {
    const { windows, clock, connectTimeoutMs } = this.#options
    this.#dialling = undefined
    const session = connectHttp2(`${this.#options.tls ? 'https' : 'http'}://${this.where}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windows.streamBytes },
      maxSessionMemory: 100,
    })
    const link: Link = {
      session,
      socket,
      streams: 0,
      failure: undefined,
      lastStream: undefined,
      answeredAt: Number.NEGATIVE_INFINITY,
      doubt: newDoubt(() => link, clock),
    }
    this.#links.add(link)
    this.#opening = link
    const timer = clock.after(connectTimeoutMs, () =>
      cut(link, new Error(`no HTTP/2 settings within ${connectTimeoutMs} ms: is it a gRPC server?`)),
    )
    // Node tells the session nothing of TLS alerts on a socket that it did not open itself.
    socket.on('error', (error) => cut(link, error))
    // The first answer: under TLS 1.3 it is also the first sign that the peer accepts our certificate.
    session.once('remoteSettings', () => {
      timer.cancel()
      session.setLocalWindowSize(windows.sessionBytes)
      this.#ready(link)
    })
    session.on('error', (error) => {
      link.failure ??= error
    })
    session.on('goaway', (code, last, data) => this.#goaway(link, code, last, data))
    session.on('close', () => {
      timer.cancel()
      this.#ended(link)
    })
  }

  #ready(link: Link): void {
    this.#opening = undefined
    if (this.#state === 'closed') return void link.session.close()
    this.#failures = 0
    this.#notBefore = Math.min(this.#notBefore, this.#options.clock.monotonic() + this.#options.backoff.baseMs)
    this.#link = link
    if (this.#keepaliveMs > 0) this.#keepAlive(link, link.socket.bytesRead)
    this.#enter('ready', undefined)
    this.#tellWaiters(undefined, link)
  }

  #goaway(link: Link, code: number, last: number, data?: Uint8Array): void {
    link.lastStream = last
    const text = data ? Buffer.from(data).toString('latin1') : ''
    if (code !== 0) link.failure ??= new Error(`the peer ended the connection: GOAWAY ${code} ${text}`.trim())
    if (text === 'too_many_pings' && this.#keepaliveMs > 0) {
      this.#keepaliveMs *= 2
      this.#options.log.warn(`${this.where} complains of too many pings: now one every ${this.#keepaliveMs} ms`)
    }
    // New streams take a new session; those that run here finish.
    if (this.#link === link) {
      this.#link = undefined
      this.#enter('idle', undefined)
      if (this.#waiters.size > 0) this.connect()
    }
  }

  #ended(link: Link): void {
    this.#links.delete(link)
    if (this.#state === 'closed') return
    if (this.#link === link) {
      this.#link = undefined
      this.#enter('idle', link.failure && this.#unavailable(link.failure))
      if (this.#waiters.size > 0) this.connect()
    } else if (this.#opening === link) {
      this.#opening = undefined
      const cut = 'closed the connection before its first answer; it may have refused our client certificate'
      const reason = link.failure ? dialError(link.failure, this.where) : new Error(`${this.where} ${cut}`)
      this.#failed(reason)
    }
  }

  #failed(reason: Error): void {
    this.#dialling = undefined
    if (this.#state === 'closed') return
    this.#failures++
    const error = this.#unavailable(reason)
    const wait = Math.max(0, this.#notBefore - this.#options.clock.monotonic())
    this.#enter('failing', error)
    this.#retry = this.#options.clock.after(wait, () => {
      this.#enter('connecting', undefined)
      this.#dial()
    })
    this.#tellWaiters(error, undefined)
  }

  #unavailable(reason: Error): GrpcError {
    return new GrpcError(GrpcCode.unavailable, reason.message, { cause: reason.cause ?? reason, unsent: true })
  }

  #enter(state: ClientState, error: GrpcError | undefined): void {
    this.#state = state
    if (error || state === 'ready') this.#error = error
    for (const listener of this.#listeners) listener(state, error)
  }

  #tellWaiters(error: GrpcError | undefined, link: Link | undefined): void {
    for (const waiter of [...this.#waiters]) waiter(error, link)
  }

  /** Pings when nothing was read for the interval; a ping without an answer ends the session. */
  #keepAlive(link: Link, lastRead: number): void {
    const { keepalive, clock } = this.#options
    clock.after(this.#keepaliveMs, () => {
      if (link.session.destroyed) return
      const { bytesRead } = link.socket
      const silent = bytesRead === lastRead
      if (!silent || (link.streams === 0 && !keepalive!.withoutStreams)) return this.#keepAlive(link, bytesRead)
      const timer = clock.after(keepalive!.timeoutMs, () =>
        cut(link, new Error(`no answer to a keepalive ping within ${keepalive!.timeoutMs} ms`)),
      )
      link.session.ping(() => {
        timer.cancel()
        link.answeredAt = clock.monotonic()
        if (!link.session.destroyed) this.#keepAlive(link, link.socket.bytesRead)
      })
    })
  }
}

function nothing(): void {}

/** Ends a session without waiting for its peer: after GOAWAY Node would only half-close the socket. */
function cut(link: Link, reason?: Error): void {
  link.failure ??= reason
  link.session.destroy(reason)
  link.socket.destroy()
}

/** How long a peer may take to answer a ping after a call that it did not answer. */
const SIGN_OF_LIFE_MS = 10_000

/** gRPC servers send a client away that pings more often. */
const MIN_PING_MS = 300_000

/** Without pings of its own a connection to a machine that has vanished would last until TCP gives up, a quarter of an hour. */
function newDoubt(linkOf: () => Link, clock: Clock): Link['doubt'] {
  let asked = false
  return (heard) => {
    const link = linkOf()
    const { session, socket } = link
    if (asked || session.destroyed || session.closed || socket.bytesRead !== heard) return
    if (clock.monotonic() - link.answeredAt < MIN_PING_MS) return
    asked = true
    const timer = clock.after(SIGN_OF_LIFE_MS, () =>
      cut(link, new Error(`no sign of life for ${SIGN_OF_LIFE_MS} ms after a call without an answer`)),
    )
    session.ping(() => {
      asked = false
      link.answeredAt = clock.monotonic()
      timer.cancel()
    })
  }
}

const closedError = () => new GrpcError(GrpcCode.cancelled, 'the client is closed', { unsent: true })
