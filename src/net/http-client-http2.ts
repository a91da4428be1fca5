import { type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../runtime/clock.ts'
import { dialError } from './dial.ts'
import { basicAuthorization } from './http-client-proxy.ts'
import { collectReply, HttpFailure, type HttpReply, type RequestHeaders } from './http-client-reply.ts'

/** One HTTP/2 connection for any number of requests at a time. */
export interface Http2Requests {
  /** Whether it takes requests: the peer has not ended it. */
  readonly isOpen: boolean
  post(path: string, body: Uint8Array, headers: RequestHeaders, signal: AbortSignal): Promise<HttpReply>
  /** Ends it when the requests under way are answered. */
  close(): void
}

export interface Http2RequestsOptions {
  socket: Socket
  origin: URL
  /** Closed when there was no request for this long. */
  idleMs: number
  clock: Clock
}

/** What belongs to a connection of HTTP/1.1, and must not stand here (RFC 9113, 8.2.2). */
const ofConnection = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
])

/** Speaks HTTP/2 on a connection whose peer has chosen it by ALPN. */
export function newHttp2Requests({ socket, origin, idleMs, clock }: Http2RequestsOptions): Http2Requests {
  const session = connect(origin, {
    createConnection: () => socket,
    settings: { enablePush: false },
    // MB: for many requests at a time; the default is 10.
    maxSessionMemory: 100,
  })
  const login = basicAuthorization(origin)
  const fixed = {
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_SCHEME]: 'https',
    [constants.HTTP2_HEADER_AUTHORITY]: origin.host,
    ...(login && { authorization: login }),
  }
  let isOpen = true
  let failure: Error | undefined
  let running = 0
  let idle: Timer | undefined
  /** The last request that the peer will answer. */
  let lastStream = Number.POSITIVE_INFINITY

  const rest = () => {
    if (running === 0 && isOpen) idle = clock.after(idleMs, end)
  }
  const end = () => {
    isOpen = false
    idle?.cancel()
    if (!session.closed && !session.destroyed) session.close()
  }
  session.on('error', (error) => {
    failure ??= error
  })
  // Node tells the session nothing of TLS alerts on a socket that it did not open itself.
  socket.on('error', (error) => session.destroy(error))
  session.on('goaway', (_code, last) => {
    lastStream = last
    end()
  })
  session.on('close', () => {
    isOpen = false
    idle?.cancel()
  })
  rest()

  const isUntouched = (stream: ClientHttp2Stream) =>
    stream.pending || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || (stream.id ?? 0) > lastStream
  return {
    get isOpen() {
      return isOpen && !session.closed && !session.destroyed
    },
    close: end,
    async post(path, body, headers, signal) {
      if (signal.aborted) throw new HttpFailure(`${origin.host} did not answer in time`, true)
      idle?.cancel()
      running++
      const heard = socket.bytesRead
      try {
        return await exchange(open(path, body, headers), body, signal)
      } finally {
        // Nothing at all was heard in all that time: the next request goes elsewhere.
        if (signal.aborted && socket.bytesRead === heard) session.destroy()
        running--
        rest()
      }
    },
  }

  function open(path: string, body: Uint8Array, headers: RequestHeaders): ClientHttp2Stream {
    try {
      return session.request(requestHead(path, body, headers), { endStream: false })
    } catch (error) {
      // It ended just now.
      throw new HttpFailure(brokenText(failure ?? (error as Error), origin.host), true, error)
    }
  }

  function requestHead(path: string, body: Uint8Array, headers: RequestHeaders) {
    const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
    const kept = Object.fromEntries(own.filter(([name]) => !ofConnection.has(name)))
    return { ...fixed, ...kept, [constants.HTTP2_HEADER_PATH]: path, 'content-length': body.length }
  }

  function exchange(stream: ClientHttp2Stream, body: Uint8Array, signal: AbortSignal): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      let isOver = false
      const finish = () => {
        isOver = true
        signal.removeEventListener('abort', abort)
      }
      const fail = (message: string, unsent: boolean, cause?: unknown) => {
        if (isOver) return
        finish()
        reject(new HttpFailure(message, unsent, cause))
        if (!stream.destroyed) stream.close(constants.NGHTTP2_CANCEL)
      }
      const abort = () => fail(`${origin.host} did not answer in time`, stream.pending)
      const broken = (error?: Error) => fail(brokenText(failure ?? error, origin.host), isUntouched(stream), error)
      stream.on('error', broken)
      stream.on('close', () => broken())
      stream.on('response', (head: IncomingHttpHeaders & { ':status'?: number }) =>
        collectReply(stream, (bytes) => {
          if (isOver) return
          finish()
          resolve({ status: head[':status']!, headers: head, body: bytes })
          // Answered before it had read all: nobody needs the rest.
          if (!stream.destroyed && !stream.writableFinished) stream.close(constants.NGHTTP2_NO_ERROR)
        }),
      )
      signal.addEventListener('abort', abort, { once: true })
      writeBody(stream, body)
    })
  }
}

/** A session counts what its streams were handed, and refuses requests when that is much: bodies are handed over in pieces. */
const pieceBytes = 256 * 1024

function writeBody(stream: ClientHttp2Stream, body: Uint8Array): void {
  let pos = 0
  const next = () => {
    while (!stream.destroyed) {
      const piece = body.subarray(pos, pos + pieceBytes)
      pos += piece.length
      if (pos === body.length) return void stream.end(piece)
      if (!stream.write(piece)) return void stream.once('drain', next)
    }
  }
  next()
}

function brokenText(error: Error | undefined, host: string): string {
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException
  const isCut = error === undefined || code === 'ECONNRESET' || code === 'EPIPE' || code.startsWith('ERR_HTTP2')
  return isCut ? `${host} closed the connection before it answered` : dialError(error, host).message
}
