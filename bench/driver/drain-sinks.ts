import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import type { TlsFiles } from '../../src/net/tls.ts'
import { nowNanos } from './message.ts'
import type { Sink } from './sink.ts'

export type DrainKind = 'syslog' | 'syslog-tls' | 'https'
export const drainKinds: readonly string[] = ['syslog', 'syslog-tls', 'https'] satisfies DrainKind[]

/** A drain that reads nothing does not notice that peers give up on it: of more connections than these the oldest are ended. */
const mostUnread = 4000

/** A drain of RFC 5424 messages: octet-counted over TCP or TLS, or the body of POSTs. It counts, and answers what it must. */
export async function openDrain(name: string, kind: DrainKind, files: TlsFiles): Promise<Sink> {
  const sockets = new Set<Socket>()
  let stalled = false
  const sink: Sink = {
    name,
    address: '',
    records: 0,
    messages: 0,
    get streams() {
      return sockets.size
    },
    latencies: [],
    timing: false,
    stall(now) {
      stalled = now
      for (const socket of sockets) {
        if (now) socket.pause()
        else socket.resume()
      }
    },
    stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      return closed
    },
  }
  const connected = (socket: Socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {}).on('close', () => void sockets.delete(socket))
    const read = kind === 'https' ? newPostReader(sink, socket) : newFrameReader(sink)
    socket.on('data', withCarry(read))
    if (!stalled) return
    socket.pause()
    const [oldest] = sockets
    if (sockets.size > mostUnread) oldest!.destroy()
  }
  const pem = () => ({ cert: readFileSync(files.cert!), key: readFileSync(files.key!) })
  const server: Server = kind === 'syslog' ? createServer(connected) : createTls(pem(), connected)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return Object.defineProperty(sink, 'address', { value: `127.0.0.1:${(server.address() as AddressInfo).port}` })
}

/** Reads what is whole in `bytes` and answers where it stopped. */
type Read = (bytes: Buffer) => number

function withCarry(read: Read): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (bytes) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    const end = read(all)
    // Small and copied: chunks must not live on for their last bytes.
    rest = end === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(end))
  }
}

function newFrameReader(sink: Sink): Read {
  return (bytes) => {
    let pos = 0
    for (;;) {
      let at = pos
      let length = 0
      while (at < bytes.length && bytes[at] !== 32) length = length * 10 + bytes[at++]! - 48
      if (!(at + 1 + length <= bytes.length) || at === bytes.length) return pos
      sink.records++
      sink.messages++
      if (sink.timing) arrived(sink, bytes, at + 1)
      pos = at + 1 + length
    }
  }
}

const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
const headEnd = Buffer.from('\r\n\r\n')
const contentLength = Buffer.from('Content-Length: ')

function newPostReader(sink: Sink, socket: Socket): Read {
  return (bytes) => {
    let pos = 0
    for (;;) {
      const head = bytes.indexOf(headEnd, pos)
      if (head < 0) return pos
      let at = bytes.indexOf(contentLength, pos) + contentLength.length
      let length = 0
      for (; bytes[at] !== 13; at++) length = length * 10 + bytes[at]! - 48
      const end = head + headEnd.length + length
      if (end > bytes.length) return pos
      sink.messages++
      for (let line = head + headEnd.length; line < end; line = bytes.indexOf(10, line) + 1) {
        sink.records++
        if (sink.timing) arrived(sink, bytes, line)
      }
      socket.write(answer)
      pos = end
    }
  }
}

/** From the microseconds that a message's time has, to now. */
function arrived(sink: Sink, bytes: Buffer, start: number): void {
  const from = bytes.indexOf(32, start) + 1
  const text = bytes.toString('latin1', from, bytes.indexOf(32, from))
  const [, second, fraction = ''] = /^([^.+Z]+)(?:\.(\d+))?/.exec(text)!
  const nanos = Date.parse(`${second}Z`) * 1e6 + Number(fraction.padEnd(9, '0'))
  if (sink.latencies.length < 500_000) sink.latencies.push((nowNanos() - nanos) / 1e6)
}
