import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTls, type TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'
import { certificate, pemOf } from './certificates.ts'
import { freePort } from './free-port.ts'
import { until } from './role.ts'

export interface DrainOptions {
  /** With the certificate `syslog-drain`. */
  tls?: boolean
  /** Clients must show a certificate of the same authority. */
  mutual?: boolean
  port?: number
  /** The server's certificate, instead of `syslog-drain`. */
  pem?: { cert: string; key: string }
}

/** What somebody binds an application to. */
export interface Drain {
  readonly port: number
  /** Every message that arrived whole, in order: octet counts are checked and gone, the final line break is there. */
  readonly messages: string[]
  /** What stands behind the structured data of each. */
  texts(): string[]
  readonly connections: number
  readonly open: number
  /** Common names of the certificates that clients showed. */
  readonly clients: string[]
  until(what: string, enough: () => boolean): Promise<void>
  /** Cuts all connections and frees the port. */
  stop(): Promise<void>
}

/** The text of an RFC 5424 message of ours. */
export const textOfMessage = (message: string): string => {
  const at = /^<\d+>1 \S+ \S+ \S+ \S+ - (?:-|(?:\[(?:[^\]"]|"(?:[^"\\]|\\.)*")*\])+) /s.exec(message)
  if (!at) throw new Error(`no message of RFC 5424: ${JSON.stringify(message)}`)
  return message.slice(at[0].length).replace(/\n$/, '')
}

export interface TcpDrain extends Drain {
  /** Connections that said anything: a port may be tried by somebody who looks for another one. */
  readonly spoken: number
  /** Everything that arrived, as it came. */
  readonly bytes: Buffer
  /** From now on nothing is read, on old and new connections. */
  stall(): void
  resume(): void
  restart(): Promise<void>
}

/** A drain for `syslog://` or, with `tls`, `syslog-tls://`. */
export async function startTcpDrain(options: DrainOptions = {}): Promise<TcpDrain> {
  const sockets = new Set<Socket>()
  const state = {
    messages: [] as string[],
    clients: [] as string[],
    connections: 0,
    spoken: 0,
    parts: [] as Buffer[],
    stalled: false,
  }
  const connected = (socket: Socket) => {
    state.connections++
    sockets.add(socket)
    if (options.tls) noteClient(socket as TLSSocket, state.clients)
    socket.on('error', () => {}).on('close', () => void sockets.delete(socket))
    const take = newFrameReader((message) => void state.messages.push(message.toString()))
    socket.once('data', () => void state.spoken++)
    socket.on('data', (bytes: Buffer) => {
      state.parts.push(bytes)
      take(bytes)
    })
    if (state.stalled) socket.pause()
  }
  const newServer = () => (options.tls ? createTls(serverSettings(options), connected) : createServer(connected))
  let server: Server = newServer()
  const port = await listening(server, options.port ?? (await freePort()))
  const stop = () => closed(server, sockets)
  onTestFinished(stop)
  return {
    port,
    messages: state.messages,
    clients: state.clients,
    texts: () => state.messages.map(textOfMessage),
    get connections() {
      return state.connections
    },
    get spoken() {
      return state.spoken
    },
    get open() {
      return sockets.size
    },
    get bytes() {
      return Buffer.concat(state.parts)
    },
    until: (what, enough) => until(`${what} (${state.messages.length} messages)`, enough),
    stall() {
      state.stalled = true
      for (const socket of sockets) socket.pause()
    },
    resume() {
      state.stalled = false
      for (const socket of sockets) socket.resume()
    },
    stop,
    async restart() {
      server = newServer()
      await listening(server, port)
    },
  }
}

export interface HttpRequest {
  method: string
  target: string
  headers: IncomingHttpHeaders
  body: string
}

export interface HttpDrain extends Drain {
  readonly requests: HttpRequest[]
  /** Of the next answers; 200 at first. */
  status: number
}

/** A drain for `https://` and `https-batch://`: bodies are messages one after the other, each with its line break. */
export async function startHttpDrain(options: DrainOptions = {}): Promise<HttpDrain> {
  const sockets = new Set<Socket>()
  const state = { connections: 0 }
  const messages: string[] = []
  const clients: string[] = []
  const server = createHttps(serverSettings(options), (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => void parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString()
      drain.requests.push({ method: request.method!, target: request.url!, headers: request.headers, body })
      if (drain.status < 300) messages.push(...body.split(/(?<=\n)(?=<\d+>1 )/))
      response.writeHead(drain.status).end()
    })
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    state.connections++
    sockets.add(socket)
    noteClient(socket, clients)
    socket.on('error', () => {}).on('close', () => void sockets.delete(socket))
  })
  const port = await listening(server, options.port ?? (await freePort()))
  const stop = () => closed(server, sockets)
  onTestFinished(stop)
  const drain: HttpDrain = {
    port,
    messages,
    clients,
    requests: [],
    status: 200,
    texts: () => messages.map(textOfMessage),
    get connections() {
      return state.connections
    },
    get open() {
      return sockets.size
    },
    until: (what, enough) => until(`${what} (${messages.length} messages)`, enough),
    stop,
  }
  return drain
}

/** Cuts a stream into octet-counted messages (RFC 6587, section 3.4.1); throws where it is no such stream. */
export function newFrameReader(onMessage: (message: Buffer) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    let pos = 0
    for (;;) {
      const space = rest.indexOf(' ', pos)
      if (space < 0) break
      const count = rest.toString('latin1', pos, space)
      if (!/^[1-9]\d*$/.test(count)) throw new Error(`no octet count: ${JSON.stringify(count)}`)
      const end = space + 1 + Number(count)
      if (end > rest.length) break
      onMessage(rest.subarray(space + 1, end))
      pos = end
    }
    rest = rest.subarray(pos)
  }
}

function serverSettings({ mutual, pem }: DrainOptions) {
  const own = pemOf(certificate('syslog-drain'))
  const ca = mutual ? { ca: own.ca, requestCert: true, rejectUnauthorized: true } : {}
  return { cert: pem?.cert ?? own.cert, key: pem?.key ?? own.key, ...ca }
}

function noteClient(socket: TLSSocket, clients: string[]): void {
  const name = socket.getPeerCertificate()?.subject?.CN
  if (typeof name === 'string') clients.push(name)
}

async function listening(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function closed(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const socket of sockets) socket.destroy()
  return done
}
