import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type ClientStream, newGrpcClient } from '../../src/net/grpc-client.ts'
import { clientTls, type TlsFiles } from '../../src/net/tls.ts'
import { silentLog } from '../../src/runtime/log.ts'
import type { Load } from './load.ts'
import { type Frame, nowNanos, stamp } from './message.ts'
import { type OtlpLoadSpec, openOtlpLoad } from './otlp-load.ts'
import { envelopeFrames, type Mix, prometheusPage, statsdDatagrams, syslogFrame, v1Datagram } from './payload.ts'

/** What is sent to the role, and where to. */
export type LoadSpec =
  | { kind: 'batches'; address: string; mix: Mix; batch: number; clients: number }
  | { kind: 'envelopes'; address: string; mix: Mix; clients: number }
  | { kind: 'v1'; address: string }
  | { kind: 'statsd'; address: string; lines: number }
  /** Syslog by TCP, `batch` messages a write. */
  | { kind: 'frames'; address: string; batch: number; clients: number }
  | OtlpLoadSpec
  /** The role fetches by itself. */
  | { kind: 'none' }

/** Units that may wait in front of a peer before the sender holds back. */
const mostWaiting = 16

export async function openLoad(spec: LoadSpec, files: TlsFiles): Promise<Load> {
  switch (spec.kind) {
    case 'batches':
      return streams(envelopeFrames(spec.mix, spec.batch, false), 'BatchSender', spec.address, spec.clients, files)
    case 'envelopes':
      return streams(envelopeFrames(spec.mix, 1, true, 500), 'Sender', spec.address, spec.clients, files)
    case 'v1':
      return v1Load(spec.address)
    case 'statsd':
      return statsdLoad(spec.address, spec.lines)
    case 'frames':
      return framesLoad(spec.address, spec.batch, spec.clients)
    case 'otlp':
      return openOtlpLoad(spec)
    case 'none':
      return { per: 1, send: () => false, close: () => {} }
  }
}

async function streams(
  frames: Frame[],
  method: string,
  address: string,
  count: number,
  files: TlsFiles,
): Promise<Load> {
  const tls = clientTls(files, { reloadMs: 0 })
  const clients = Array.from({ length: count }, () =>
    newGrpcClient({ address, tls, serverName: 'metron', log: silentLog }),
  )
  const open: ClientStream[] = clients.map((client) =>
    client.clientStream(`/loggregator.v2.Ingress/${method}`, { waitForReady: true }),
  )
  await Promise.all(open.map((stream) => stream.opened))
  const waiting = new Int32Array(count)
  const done = open.map((_, i) => () => void waiting[i]!--)
  return {
    per: frames[0]!.records,
    send(i, stamped) {
      const at = i % count
      if (waiting[at]! >= mostWaiting) return false
      const frame = frames[i % frames.length]!
      if (stamped) stampAll(frame)
      waiting[at]!++
      open[at]!.write(frame.bytes, done[at]!)
      return true
    },
    close: () => {
      for (const client of clients) void client.close()
    },
  }
}

function stampAll({ bytes, stamps }: Frame): void {
  const now = nowNanos()
  stamp(bytes, stamps[0]!, now)
  for (let i = 1; i < stamps.length; i++) bytes.copyWithin(stamps[i]!, stamps[0]!, stamps[0]! + 9)
}

/** Bytes that may wait in front of a syslog peer. */
const mostWaitingBytes = 1 << 20

async function framesLoad(address: string, batch: number, count: number): Promise<Load> {
  const [host, port] = address.split(':')
  const sockets = Array.from({ length: count }, () => connect(Number(port), host!))
  for (const socket of sockets) {
    socket.setNoDelay(true).on('error', () => {})
    await new Promise<void>((resolve) => socket.once('connect', resolve))
  }
  const units = Array.from({ length: 128 }, (_, unit) => {
    const frames = Array.from({ length: batch }, (_, i) => syslogFrame(unit * batch + i))
    const times: number[] = []
    let at = 0
    for (const { bytes, timeAt } of frames) {
      times.push(at + timeAt)
      at += bytes.length
    }
    return { bytes: Buffer.concat(frames.map(({ bytes }) => bytes)), times }
  })
  return {
    per: batch,
    send(i, stamped) {
      const socket = sockets[i % count]!
      if (socket.writableLength > mostWaitingBytes) return false
      const { bytes, times } = units[i % units.length]!
      // A copy: the socket may still hold the last one.
      const out = stamped ? Buffer.from(bytes) : bytes
      if (stamped) for (const at of times) out.write(microseconds(), at, 'latin1')
      socket.write(out)
      return true
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** `2026-08-14T10:20:30.123456` */
function microseconds(): string {
  const micros = Math.floor(nowNanos() / 1000)
  return `${new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1)}${String(micros % 1000).padStart(3, '0')}`
}

function v1Load(address: string): Load {
  const datagrams = Array.from({ length: 50 }, (_, app) => v1Datagram(app))
  return datagramLoad(address, 1, (i, stamped) => {
    const { bytes, stampAt } = datagrams[i % datagrams.length]!
    if (!stamped) return bytes
    const copy = Buffer.from(bytes)
    stamp(copy, stampAt, nowNanos())
    return copy
  })
}

function statsdLoad(address: string, lines: number): Load {
  const datagrams = statsdDatagrams(lines)
  return datagramLoad(address, lines, (i) => datagrams[i % datagrams.length]!)
}

function datagramLoad(address: string, per: number, datagram: (i: number, stamped: boolean) => Buffer): Load {
  const [host, port] = address.split(':')
  const socket = createSocket('udp4')
  const connected = new Promise<void>((resolve) => socket.connect(Number(port), host!, resolve))
  let ready = false
  void connected.then(() => (ready = true))
  return {
    per,
    send(i, stamped) {
      if (!ready || socket.getSendQueueCount() > 1000) return false
      socket.send(datagram(i, stamped))
      return true
    },
    close: () => socket.close(),
  }
}

/** A page to be scraped. */
export async function openPage(series: number): Promise<{ port: number; hits(): number; close(): void }> {
  const page = Buffer.from(prometheusPage(series))
  let hits = 0
  const server = createServer((_, response) => {
    hits++
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, hits: () => hits, close: () => server.close() }
}
