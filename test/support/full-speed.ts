import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { frameMessage } from '../../src/net/frames.ts'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { GrpcError } from '../../src/net/status.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { otlpLogs } from './delivery.ts'
import { otlpPaths } from './sinks.ts'

/** What a kind of sender was told. */
export interface Tally {
  /** Records that were acknowledged; of syslog: that were written to the socket. */
  taken: number
  /** Requests that were refused with the time to come again. */
  refused: number
  /** Other answers, and how often. */
  readonly other: Map<string, number>
}

export interface FullSpeed {
  readonly grpc: Tally
  readonly http: Tally
  readonly syslog: Tally
  /** Begins no more requests; resolves when the last one is over. */
  stop(): Promise<void>
}

/** Where senders send to: `127.0.0.1:4317`. */
export interface Doors {
  grpc: string
  http: string
  syslog: string
}

const perRequest = 100
const text = 'the quick brown fox jumps over the lazy dog, again and again '.repeat(10)
const body = otlpLogs(Array.from({ length: perRequest }, (_, i) => `${i} ${text}`)).bytes()
const frame = `<14>1 2026-01-01T00:00:00Z host app 1 - - ${text}`
const frames = Buffer.from(`${Buffer.byteLength(frame)} ${frame}`.repeat(perRequest))

const newTally = (): Tally => ({ taken: 0, refused: 0, other: new Map() })
const note = ({ other }: Tally, what: string) => other.set(what, (other.get(what) ?? 0) + 1)

/** Senders that come again at once, whatever they are told: by gRPC, by HTTP (every other one compresses) and by syslog. */
export function sendAtFullSpeed(doors: Doors, senders = 16): FullSpeed {
  const stopped = new AbortController()
  const [grpc, http, syslog] = [newTally(), newTally(), newTally()]
  const running = [
    ...byGrpc(doors.grpc, senders, grpc, stopped.signal),
    ...byHttp(doors.http, senders, http, stopped.signal),
    ...Array.from({ length: 4 }, () => bySyslog(doors.syslog, syslog, stopped.signal)),
  ]
  const stop = async () => {
    stopped.abort()
    await Promise.all(running)
  }
  onTestFinished(stop)
  return { grpc, http, syslog, stop }
}

function byGrpc(address: string, senders: number, tally: Tally, stopped: AbortSignal): Promise<void>[] {
  const client = newGrpcClient({ address, log: silentLog })
  onTestFinished(() => client.close())
  const framed = frameMessage(body)
  const one = async () => {
    while (!stopped.aborted) {
      try {
        await client.unary(otlpPaths.logs, framed, { framed: true, waitForReady: true, timeoutMs: 30_000 })
        tally.taken += perRequest
      } catch (error) {
        if (error instanceof GrpcError && error.retryDelayMs !== undefined) tally.refused++
        else note(tally, String(error))
      }
    }
  }
  return Array.from({ length: senders }, one)
}

function byHttp(address: string, senders: number, tally: Tally, stopped: AbortSignal): Promise<void>[] {
  const agent = new Agent({ keepAlive: true, maxSockets: senders })
  onTestFinished(() => agent.destroy())
  const [host, port] = address.split(':')
  const packed = gzipSync(body)
  const post = (isPacked: boolean) =>
    new Promise<void>((resolve) => {
      const headers = { 'content-type': 'application/x-protobuf', ...(isPacked && { 'content-encoding': 'gzip' }) }
      const call = request({ agent, host, port, path: '/v1/logs', method: 'POST', headers }, (response) => {
        const { statusCode, headers } = response
        if (statusCode === 200) tally.taken += perRequest
        else if ((statusCode === 503 || statusCode === 429) && headers['retry-after']) tally.refused++
        else note(tally, `${statusCode} retry-after=${headers['retry-after']}`)
        response.resume().on('close', resolve)
      })
      call.on('error', (error) => {
        note(tally, String(error))
        resolve()
      })
      call.end(isPacked ? packed : body)
    })
  const one = async (isPacked: boolean) => {
    while (!stopped.aborted) await post(isPacked)
  }
  return Array.from({ length: senders }, (_, i) => one(i % 2 === 0))
}

async function bySyslog(address: string, tally: Tally, stopped: AbortSignal): Promise<void> {
  const [host, port] = address.split(':')
  const socket: Socket = connect(Number(port), host)
  // Nobody may be reading: what is on its way then is not waited for.
  stopped.addEventListener('abort', () => socket.destroy())
  socket.on('error', (error) => note(tally, String(error)))
  const closed = once(socket, 'close')
  const write = () =>
    new Promise<void>((resolve) => {
      socket.write(frames, (error) => {
        if (!error) tally.taken += perRequest
        resolve()
      })
    })
  while (!socket.destroyed) await Promise.race([write(), closed])
}
