/**
 * CPU microseconds of this process per gRPC message, the other end being a process of its own:
 * `node bench/micro/grpc.ts [plain|tls] [seconds]`. Messages of 42 kB stand for 100 envelopes of 420 bytes.
 */
import { fork } from 'node:child_process'
import { frameMessage } from '../../src/net/frames.ts'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { newGrpcServer } from '../../src/net/grpc-server.ts'
import { clientStream, serverStream, unary } from '../../src/net/grpc-types.ts'
import { newVault } from '../../src/net/test-kit.ts'
import { clientTls, serverTls, type TlsFiles } from '../../src/net/tls.ts'
import { silentLog } from '../../src/runtime/log.ts'

const MESSAGE = 42_000
const SMALL = 420
const UNARY = 1000
const IN_FLIGHT = 10

type Kind = 'stream' | 'small' | 'unary' | 'feed'
interface Job {
  kind: Kind
  files: TlsFiles | undefined
  ms: number
  port: number
}

const empty = Buffer.alloc(0)

function newServer(files: TlsFiles | undefined) {
  const framed = frameMessage(Buffer.alloc(MESSAGE, 1))
  return newGrpcServer({
    endpoint: { host: '127.0.0.1', port: 0 },
    tls: files && serverTls(files),
    log: silentLog,
    methods: {
      '/b/Stream': clientStream(() => ({ message: () => {} })),
      '/b/Unary': unary(() => empty),
      '/b/Feed': serverStream((_message, stream) => {
        const fill = () => {
          while (stream.write(framed)) {}
        }
        stream.onDrain(fill)
        fill()
      }),
    },
  })
}

/** Calls for `ms`; resolves with the number of messages. */
async function load({ kind, files, ms, port }: Job): Promise<number> {
  const client = newGrpcClient({
    address: `127.0.0.1:${port}`,
    tls: files && clientTls(files),
    serverName: 'metron',
    log: silentLog,
  })
  const end = performance.now() + ms
  let count = 0
  if (kind === 'unary') {
    const body = Buffer.alloc(UNARY)
    const worker = async () => {
      for (; performance.now() < end; count++) await client.unary('/b/Unary', body)
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  } else if (kind === 'feed') {
    await new Promise<void>((resolve) => {
      const call = client.serverStream('/b/Feed', empty, {
        message: () => {
          count++
          if (performance.now() > end) call.cancel()
        },
        end: () => resolve(),
      })
    })
  } else {
    const framed = frameMessage(Buffer.alloc(kind === 'stream' ? MESSAGE : SMALL, 1))
    const list = Array.from({ length: kind === 'stream' ? 1 : 100 }, () => framed)
    const stream = client.clientStream('/b/Stream')
    while (performance.now() < end) {
      await new Promise<void>((resolve) => stream.write(list, () => resolve()))
      count += list.length
    }
    stream.cancel()
  }
  await client.close()
  return count
}

/** The other process: a server, or a client that loads ours. */
async function peer(): Promise<void> {
  const server = { current: undefined as ReturnType<typeof newServer> | undefined }
  // The last server would keep this process alive for ever, and the other one waits for it.
  process.once('disconnect', () => void server.current?.stop(AbortSignal.abort()))
  process.on('message', async (job: Job & { role: 'server' | 'client' }) => {
    if (job.role === 'client') process.send!({ count: await load(job) })
    else {
      await server.current?.stop(AbortSignal.abort())
      server.current = newServer(job.files)
      process.send!({ port: (await server.current.start()).port })
    }
  })
}

async function main(): Promise<void> {
  const files = process.argv[2] === 'tls' ? newVault().files('metron') : undefined
  const ms = Number(process.argv[3] ?? 3) * 1000
  const child = fork(import.meta.filename, ['peer'], { execArgv: process.execArgv })
  const ask = <T>(message: object): Promise<T> =>
    new Promise((resolve) => {
      child.once('message', (answer) => resolve(answer as T))
      child.send(message)
    })
  const report = (what: string, messages: number, cpu: NodeJS.CpuUsage, started: number) => {
    const micros = (cpu.user + cpu.system) / messages
    const rate = Math.round(messages / ((performance.now() - started) / 1000))
    console.log(
      `${what.padEnd(44)} ${micros.toFixed(1).padStart(8)} us CPU per message ${String(rate).padStart(9)} messages/s`,
    )
  }
  console.log(files ? 'mTLS' : 'plaintext')
  for (const kind of ['stream', 'small', 'unary', 'feed'] as const) {
    const size = { stream: MESSAGE, small: SMALL, unary: UNARY, feed: MESSAGE }[kind]
    const server = newServer(files)
    const { port } = await server.start()
    // Once to warm up, once to measure.
    for (const round of [ms / 3, ms]) {
      const started = performance.now()
      const cpu = process.cpuUsage()
      const { count } = await ask<{ count: number }>({ role: 'client', kind, files, ms: round, port })
      if (round === ms) report(`server ${kind}, ${size} bytes`, count, process.cpuUsage(cpu), started)
    }
    await server.stop(AbortSignal.abort())
    const remote = await ask<{ port: number }>({ role: 'server', files })
    for (const round of [ms / 3, ms]) {
      const started = performance.now()
      const cpu = process.cpuUsage()
      const count = await load({ kind, files, ms: round, port: remote.port })
      if (round === ms) report(`client ${kind}, ${size} bytes`, count, process.cpuUsage(cpu), started)
    }
  }
  child.disconnect()
}

await (process.argv[2] === 'peer' ? peer() : main())
