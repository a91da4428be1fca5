import type { ClientRequest, Agent as HttpAgent } from 'node:http'
import type { Socket } from 'node:net'
import { dialError } from './dial.ts'
import type { HttpClient, HttpClientOptions } from './http-client.ts'
import { basicAuthorization } from './http-client-proxy.ts'
import { collectReply, HttpFailure, type HttpReply, type RequestHeaders } from './http-client-reply.ts'
import { Turns } from './http-client-turns.ts'
import { Agent, request } from './node-http.ts'

/** Opens a connection; the error is a sentence. */
export type OpenSocket = (done: (error: Error | undefined, socket?: Socket) => void) => void

/** POSTs over HTTP/1.1 connections that are kept open, one request at a time on each. */
export function newHttp1Client(options: HttpClientOptions, open: OpenSocket): HttpClient {
  const agent = newAgent(options, open)
  const { origin, proxy } = options
  const login = basicAuthorization(origin)
  const viaProxy = proxy && origin.protocol === 'http:' ? proxy : undefined
  const prefix = viaProxy ? `http://${origin.host}` : ''
  const common = { agent, method: 'POST', setHost: false }
  const fixed = {
    host: origin.host,
    ...(login && { authorization: login }),
    ...(viaProxy?.authorization && { 'proxy-authorization': viaProxy.authorization }),
  }
  const turns = new Turns(options.maxConnections ?? Number.POSITIVE_INFINITY)
  const exchange = (path: string, body: Uint8Array, headers: RequestHeaders, signal: AbortSignal) => {
    const all = { ...fixed, ...headers, 'content-length': body.length }
    return post(request({ ...common, path: prefix + path, headers: all }), origin.host, body, signal)
  }
  return {
    async post(path, body, headers, signal) {
      if (!turns.take()) await turns.wait(signal)
      try {
        return await exchange(path, body, headers, signal)
      } finally {
        turns.give()
      }
    },
    close: () => agent.destroy(),
  }
}

/** An agent that opens its connections our way. It sees a plain stream where TLS is spoken. */
export function newAgent(
  { maxIdle = 100, idleMs = 90_000 }: Pick<HttpClientOptions, 'maxIdle' | 'idleMs'>,
  open: OpenSocket,
): HttpAgent {
  const agent = new Agent({ keepAlive: maxIdle > 0, maxFreeSockets: maxIdle || 1, timeout: idleMs })
  agent.createConnection = (_options, done) => {
    open((error, socket) => done?.(error ?? null, socket!))
    return undefined
  }
  return agent
}

function post(call: ClientRequest, host: string, body: Uint8Array, signal: AbortSignal): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    let isConnected = false
    let isOver = false
    const end = () => {
      isOver = true
      signal.removeEventListener('abort', abort)
    }
    const fail = (message: string, cause?: unknown) => {
      if (isOver) return
      end()
      reject(new HttpFailure(message, !isConnected, cause))
      call.destroy()
    }
    const abort = () => fail(`${host} did not answer in time`)
    call.on('socket', () => {
      isConnected = true
    })
    call.on('error', (error) => fail(isConnected ? broken(error, host) : error.message, error))
    call.on('response', (response) =>
      collectReply(response, (bytes) => {
        if (isOver) return
        end()
        resolve({ status: response.statusCode!, headers: response.headers, body: bytes })
        // Answered before it had read all: nobody knows whether it will.
        if (!response.complete || !call.writableFinished) call.destroy()
      }),
    )
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    else call.end(body)
  })
}

/** Why there is no answer on a connection that there was. */
function broken(error: Error, host: string): string {
  const { code } = error as NodeJS.ErrnoException
  const isCut = code === 'ECONNRESET' || code === 'EPIPE'
  return isCut ? `${host} closed the connection before it answered` : dialError(error, host).message
}
