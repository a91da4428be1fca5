import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { domainToASCII } from 'node:url'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { formatAddress } from './address.ts'
import { certificateRefusal, type DialFailure, networkFailure, tlsFailure } from './dial-failures.ts'
import { handshakeTurn } from './handshake-turn.ts'
import type { ResolveError, Resolver } from './resolver.ts'
import type { Trust } from './tls-contexts.ts'
import { serverIdentityError } from './tls-identity.ts'

/** Where a connection attempt ended. */
export type DialStep = 'dns' | 'denied' | 'tcp' | 'tls'

/** Why there is no connection: the step that failed, a word for code and one sentence for people, without secrets. */
export class DialError extends Error {
  readonly step: DialStep
  /** `refused`, `expired`, `unknown_ca`, …: see dial-failures.ts. */
  readonly code: string

  constructor(step: DialStep, { code, text }: DialFailure, cause?: unknown) {
    super(text, { cause })
    this.name = 'DialError'
    this.step = step
    this.code = code
  }
}

export interface DialTls {
  trust: Trust
  /** The name that the certificate must carry; default: the host. */
  serverName?: string | undefined
  alpn?: readonly string[] | undefined
  /**
   * Waits until the server has judged our client certificate, for protocols in which it never answers: under TLS 1.3 that
   * comes after our side of the handshake, and what was written by then is lost without a word.
   */
  awaitsVerdict?: boolean | undefined
}

export interface TcpDialOptions {
  /** A name or an address, IPv6 without brackets. */
  host: string
  port: number
  resolver: Resolver
  /** Asked for every address of the host, each time: one that is not allowed ends the attempt. */
  allows?: ((ip: string) => boolean) | undefined
  /** For everything: names, all addresses, TLS. */
  timeoutMs: number
  /** TCP keepalive after this long without traffic; default 10 s. */
  keepAliveMs?: number | undefined
  tls?: DialTls | undefined
  signal?: AbortSignal | undefined
  clock?: Clock | undefined
}

/**
 * Opens a TCP or TLS connection to one of the addresses of a host. The name is looked up once and the very addresses that
 * were checked are dialled, one after the other, so that a name which changes its mind in between gains nothing. Rejects
 * with DialError alone. The socket has a listener for 'error'; its owner watches 'close'.
 */
export async function dialTcp(options: TcpDialOptions): Promise<Socket> {
  const clock = options.clock ?? systemClock
  const end = clock.monotonic() + options.timeoutMs
  const ips = await addresses(options)
  let failure: DialError | undefined
  for (const [i, ip] of ips.entries()) {
    const left = end - clock.monotonic()
    if (left <= 0) break
    // As in Go: an address that swallows everything must not use up the time of the next.
    const share = Math.min(left, Math.max(2000, left / (ips.length - i)))
    try {
      return await dialAddress(options, ip, clock, clock.monotonic() + share)
    } catch (error) {
      failure = error as DialError
      // What is wrong with its certificate is not better on its other address, but it may be another machine.
      if (options.signal?.aborted) break
    }
  }
  throw failure ?? timedOut(options, 'tcp')
}

async function addresses({ host, resolver, allows }: TcpDialOptions): Promise<readonly string[]> {
  let ips: readonly string[]
  try {
    ips = await resolver.resolve(host)
  } catch (error) {
    const code = (error as ResolveError).kind === 'name' ? 'no_such_name' : 'no_dns'
    throw new DialError('dns', { code, text: (error as Error).message }, error)
  }
  const denied = allows && ips.find((ip) => !allows(ip))
  if (denied !== undefined) {
    const whom = denied === host ? denied : `${host} is ${denied}, which`
    throw new DialError('denied', { code: 'denied', text: `${whom} is in a range that drains may not reach` })
  }
  return ips
}

/** With TLS: each context in its turn, as long as it is only the authority that is not known. */
async function dialAddress(options: TcpDialOptions, ip: string, clock: Clock, end: number): Promise<Socket> {
  const { tls } = options
  if (!tls) return attempt(options, ip, clock, end)
  const { trust } = tls
  let failure: DialError | undefined
  for (let n = 0; n < trust.size; n++) {
    const at = (trust.first + n) % trust.size
    try {
      const socket = await attempt(options, ip, clock, end, at)
      trust.first = at
      return socket
    } catch (error) {
      // The first verdict names the drain's own authority; it is the one to tell.
      failure = failure === undefined || at === 0 ? (error as DialError) : failure
      if ((error as DialError).code !== 'unknown_ca') throw error
    }
  }
  throw failure!
}

function attempt(options: TcpDialOptions, ip: string, clock: Clock, end: number, context?: number): Promise<Socket> {
  const { tls, signal } = options
  return new Promise((resolve, reject) => {
    const where = formatAddress({ host: ip, port: options.port })
    let socket: Socket | undefined
    let connected = false
    let over = false
    const finish = (error: DialError | undefined) => {
      if (over) return
      over = true
      timer.cancel()
      signal?.removeEventListener('abort', abort)
      if (!error) return resolve(socket!)
      socket?.destroy()
      reject(error)
    }
    const abort = () => finish(new DialError(step(), { code: 'aborted', text: `${where}: given up` }))
    const step = (): DialStep => (connected && tls ? 'tls' : 'tcp')
    const timer = clock.after(Math.max(0, end - clock.monotonic()), () => finish(timedOut(options, step())))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) return abort()

    socket = connectTcp({
      host: ip,
      port: options.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: options.keepAliveMs ?? 10_000,
    })
    socket.on('error', (error) =>
      finish(new DialError(step(), connected && tls ? tlsFailure(error, where) : networkFailure(error, where), error)),
    )
    socket.on('close', () =>
      finish(new DialError(step(), { code: 'closed', text: `${where} closed the connection during the handshake` })),
    )
    socket.once('connect', () => {
      connected = true
      if (!tls || context === undefined) return finish(undefined)
      handshakeTurn(() => {
        if (over) return
        const raw = socket!
        const began = clock.monotonic()
        try {
          const secured = secure(raw, options, tls, tls.trust, context, (verdict) => {
            if (verdict || !tls.awaitsVerdict) finish(verdict && new DialError('tls', verdict))
            else afterVerdict(secured, clock.monotonic() - began, clock, () => finish(undefined))
          })
          socket = secured
          secured.on('error', (error) => finish(new DialError('tls', tlsFailure(error, where), error)))
          secured.on('close', () =>
            finish(
              new DialError('tls', { code: 'closed', text: `${where} closed the connection during the handshake` }),
            ),
          )
        } catch (error) {
          finish(new DialError('tls', tlsFailure(error as Error, where), error))
        }
      })
    })
  })
}

function secure(
  raw: Socket,
  options: TcpDialOptions,
  tls: DialTls,
  trust: Trust,
  context: number,
  done: (verdict: DialFailure | undefined) => void,
): TLSSocket {
  const name = asciiName(tls.serverName ?? options.host)
  const socket: TLSSocket = connectTls(
    {
      socket: raw,
      secureContext: trust.context(context),
      ...(isIP(name) ? {} : { servername: name }),
      ...(tls.alpn && { ALPNProtocols: [...tls.alpn] }),
      checkServerIdentity: (_host, certificate) => serverIdentityError(name, certificate),
      // Judged here, where the certificate is still at hand for the sentence; nothing is written before.
      rejectUnauthorized: false,
    },
    () => done(socket.authorized || trust.insecureSkipVerify ? undefined : certificateRefusal(socket, name)),
  )
  return socket
}

/** Times the handshake took; at least and at most so many milliseconds. */
const verdictTimes = 2
const leastVerdictMs = 50
const mostVerdictMs = 1000

/**
 * Calls `done` when a server of TLS 1.3 has taken our certificate, or our lack of one: it sends a session ticket, or, as
 * some do, nothing for a while. A refusal is an alert: the socket's 'error'.
 */
function afterVerdict(socket: TLSSocket, handshakeMs: number, clock: Clock, done: () => void): void {
  if (socket.getProtocol() !== 'TLSv1.3') return void done()
  const waitMs = Math.min(Math.max(handshakeMs * verdictTimes, leastVerdictMs), mostVerdictMs)
  const timer = clock.after(waitMs, done)
  socket.once('session', () => {
    timer.cancel()
    done()
  })
  socket.once('close', () => timer.cancel())
}

/** As it stands in certificates: international names in their ASCII form, without the final dot. */
function asciiName(name: string): string {
  const plain = name.replace(/\.$/, '')
  return isIP(plain) ? plain : domainToASCII(plain) || plain
}

function timedOut({ host, port, timeoutMs }: TcpDialOptions, step: DialStep): DialError {
  const what = step === 'tls' ? 'accepted the connection, but did not finish the TLS handshake' : 'did not answer'
  return new DialError(step, {
    code: 'timeout',
    text: `${formatAddress({ host, port })} ${what} within ${timeoutMs} ms`,
  })
}
