import { onTestFinished } from 'vitest'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Batch } from '../../src/telemetry/batch.ts'
import { otlpLogs, textsOf } from './delivery.ts'
import { pause, type Role, until } from './role.ts'
import { otlpPaths, startSink } from './sinks.ts'

/** An OTLP server that notes how often it got each numbered line. */
export async function startCounter(answerAfterMs = 0) {
  const seen = new Map<number, number>()
  let mayAnswer = true
  const answer = async ({ bytes }: { bytes: Buffer }) => {
    for (const text of textsOf(Batch.copyOf('logs', bytes))) {
      const line = Number.parseInt(text, 10)
      seen.set(line, (seen.get(line) ?? 0) + 1)
    }
    if (answerAfterMs > 0) await pause(answerAfterMs)
    while (!mayAnswer) await pause(20)
    return Buffer.alloc(0)
  }
  const sink = await startSink({ name: 'none', plaintext: true, unaries: [otlpPaths.logs], answer })
  // Nobody reads what it keeps.
  const timer = setInterval(() => sink.received.splice(0), 100)
  onTestFinished(() => clearInterval(timer))
  return {
    sink,
    seen,
    /** Takes requests and answers none, until it is told to. */
    stall(on: boolean) {
      mayAnswer = !on
    },
    twice: () => [...seen.values()].filter((times) => times > 1).length,
  }
}

export interface SenderOptions {
  senders?: number
  perRequest?: number
  lineBytes?: number
  /** The first number. */
  from?: number
  /** Between two requests of a sender. */
  pauseMs?: number
}

/** Sends numbered lines by OTLP to whichever process listens, and notes which ones it was told are taken. */
export function newLineSenders({
  senders = 4,
  perRequest = 50,
  lineBytes = 200,
  from = 0,
  pauseMs = 0,
}: SenderOptions = {}) {
  const taken = new Set<number>()
  const padding = 'x'.repeat(lineBytes)
  let next = from
  let refused = 0
  let address: string | undefined
  let stopped = false
  const one = async () => {
    while (!stopped) {
      const to = address
      if (to === undefined) {
        await pause(5)
        continue
      }
      const client = newGrpcClient({ address: to, tls: undefined, serverName: undefined, log: silentLog })
      while (!stopped && address === to) await request(client, to)
      await client.close()
    }
  }
  const request = async (client: ReturnType<typeof newGrpcClient>, to: string) => {
    const lines = Array.from({ length: perRequest }, () => next++)
    const bytes = otlpLogs(lines.map((line) => `${line} ${padding}`)).bytes()
    try {
      await client.unary(otlpPaths.logs, bytes, { timeoutMs: 60_000 })
      for (const line of lines) taken.add(line)
      if (pauseMs > 0) await pause(pauseMs)
    } catch {
      refused++
      // Not acknowledged: whether it arrives is open. The address may have changed meanwhile.
      if (address === to) await pause(10)
    }
  }
  const running = Array.from({ length: senders }, one)
  const stop = async () => {
    stopped = true
    await Promise.all(running)
  }
  onTestFinished(stop)
  return {
    taken,
    get refused() {
      return refused
    },
    /** From now on to this process; undefined: nothing is sent. */
    to(where: string | undefined) {
      address = where
    },
    stop,
    /** Acknowledged lines that have not arrived. */
    missing: (seen: ReadonlyMap<number, number>) => [...taken].filter((line) => !seen.has(line)),
  }
}

/** Where the OTLP receiver of a process listens. */
export const otlpAddress = (agent: Role) => agent.address(/^\[otlp\] listening for OTLP over grpc address=(\S+)$/)

/** The line about the queue of `diskQueueFile` in the report that SIGUSR1 prints: `{received: 5, held: 0, ...}`. */
export async function books(agent: Role): Promise<Record<string, number>> {
  const from = agent.lines.length
  agent.signal('SIGUSR1')
  const found = () =>
    agent.lines.slice(from).find((line) => line.includes('queue otlp') && line.includes('signal=logs'))
  await until('the report', () => found() !== undefined)
  const numbers = [...found()!.matchAll(/(received|recovered|sent|kept|held|dropped) (\d+)/g)]
  return Object.fromEntries(numbers.map(([, name, n]) => [name, Number(n)]))
}

const otlpReceiver = 'otlp: {protocols: {grpc: {endpoint: 127.0.0.1:0}}}'

/** An agent to OTLP, from OTLP if nothing else is said, with its queue on disk; `queue` are settings of sending_queue, `storage` of file_storage. */
export const diskQueueFile = (
  folder: string,
  backend: string,
  {
    receiver = otlpReceiver,
    exporter = '',
    queue = '',
    storage = '',
  }: Partial<Record<'receiver' | 'exporter' | 'queue' | 'storage', string>> = {},
) => `
receivers:
  ${receiver}
exporters:
  otlp:
    endpoint: ${backend}
    tls: {insecure: true}
    compression: none
    retry_on_failure: {initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0}
    sending_queue: {storage: file_storage, num_consumers: 4, ${queue}}
    ${exporter}
extensions:
  file_storage: {directory: ${folder}/queues, create_directory: true, ${storage}}
service:
  extensions: [file_storage]
  pipelines: {logs: {receivers: [${receiver.slice(0, receiver.indexOf(':'))}], exporters: [otlp]}}
`
