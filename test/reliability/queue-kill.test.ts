import { expect, onTestFinished, test } from 'vitest'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Batch } from '../../src/telemetry/batch.ts'
import { otlpLogs, textsOf } from '../support/delivery.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { pause, type Role, startProcess, until } from '../support/role.ts'
import { otlpPaths, startSink } from '../support/sinks.ts'

/** Long runs: `KILLS=100 npx vitest run --project reliability test/reliability/queue-kill.test.ts`. */
const kills = Number(process.env.KILLS ?? 5)
const senders = 4
const perRequest = 50

/** Lines that a sink has got, by their numbers, and how often. */
async function startCounter(answerAfterMs: number) {
  const seen = new Map<number, number>()
  let mayAnswer = true
  const answer = async ({ bytes }: { bytes: Buffer }) => {
    for (const text of textsOf(Batch.copyOf('logs', bytes))) {
      const line = Number.parseInt(text, 10)
      seen.set(line, (seen.get(line) ?? 0) + 1)
    }
    await pause(answerAfterMs)
    while (!mayAnswer) await pause(20)
    return Buffer.alloc(0)
  }
  const sink = await startSink({ name: 'none', plaintext: true, unaries: [otlpPaths.logs], answer })
  // Nobody reads what it keeps.
  const timer = setInterval(() => sink.received.splice(0), 100)
  onTestFinished(() => clearInterval(timer))
  const stall = (on: boolean) => {
    mayAnswer = !on
  }
  return { sink, seen, stall }
}

const agentFile = (folder: string, backend: string, storage: string) => `
receivers:
  otlp: {protocols: {grpc: {endpoint: 127.0.0.1:0}}}
exporters:
  otlp:
    endpoint: ${backend}
    tls: {insecure: true}
    compression: none
    retry_on_failure: {initial_interval: 50ms, max_interval: 200ms, max_elapsed_time: 0}
    sending_queue: {storage: file_storage, num_consumers: 4}
extensions:
  file_storage: {directory: ${folder}/queues, create_directory: true, ${storage}}
service:
  extensions: [file_storage]
  pipelines: {logs: {receivers: [otlp], exporters: [otlp]}}
`

/** Sends numbered lines to whichever process listens, and notes which ones it was told are taken. */
function newSenders() {
  const taken = new Set<number>()
  let next = 0
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
    const bytes = otlpLogs(lines.map((line) => `${line} ${'x'.repeat(200)}`)).bytes()
    try {
      await client.unary(otlpPaths.logs, bytes, { timeoutMs: 5000 })
      for (const line of lines) taken.add(line)
    } catch {
      // Not acknowledged: whether it arrives is open. The address may have changed meanwhile.
      if (address === to) await pause(10)
    }
  }
  const running = Array.from({ length: senders }, one)
  return {
    taken,
    to(where: string | undefined) {
      address = where
    },
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

const listening = (agent: Role) => agent.address(/^\[otlp\] listening for OTLP over grpc address=(\S+)$/)

test.each([
  ['within the loss window', 'max_loss: 500ms'],
  ['when it is synced before it is answered', 'max_loss: 0s'],
])(
  'a process that is killed again and again loses nothing of what it has acknowledged, %s',
  {
    timeout: 60_000 + kills * 8000,
  },
  async (_, storage) => {
    const { sink, seen, stall } = await startCounter(2)
    const folder = newFolder()
    writeFiles(folder, { 'agent.yaml': agentFile(folder, sink.address, storage) })
    const load = newSenders()
    onTestFinished(() => load.stop())
    for (let round = 0; round < kills; round++) {
      const agent = startProcess(['run', `${folder}/agent.yaml`])
      const before = load.taken.size
      load.to(await listening(agent))
      // Every other process dies with a backend that does not answer: its queue grows.
      stall(round % 2 === 1)
      await until('lines are taken', () => load.taken.size > before + 2000, 60_000)
      load.to(undefined)
      await agent.stop('SIGKILL')
    }
    await load.stop()
    stall(false)
    const last = startProcess(['run', `${folder}/agent.yaml`])
    await listening(last)
    const missing = () => [...load.taken].filter((line) => !seen.has(line))
    await until('everything acknowledged has arrived', () => missing().length === 0, 60_000).catch(() => {})
    expect(missing()).toEqual([])
    expect(await last.stop()).toMatchObject({ code: 0 })
    const twice = [...seen.values()].filter((times) => times > 1).length
    process.stdout.write(
      `${kills} kills: ${load.taken.size} acknowledged, ${seen.size} arrived, ${twice} more than once\n`,
    )
    // What stands in the loss window is repeated, and what was on its way.
    expect(twice).toBeLessThan(seen.size)
  },
)
