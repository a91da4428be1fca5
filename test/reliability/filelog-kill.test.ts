import { appendFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { decodeOtlpLogs, type Message } from '../support/decode.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { pause, startProcess, until } from '../support/role.ts'
import { startSink } from '../support/sinks.ts'

const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'

function bodiesOf(request: Uint8Array): string[] {
  const { resourceLogs } = decodeOtlpLogs(request) as { resourceLogs: Message[] }
  return resourceLogs.flatMap(({ scopeLogs }) =>
    (scopeLogs as Message[]).flatMap(({ logRecords }) =>
      (logRecords as Message[]).map(({ body }) => (body as { stringValue: string }).stringValue),
    ),
  )
}

/** An OTLP server that counts lines and answers late, so that there always is something on its way. */
async function startCounter() {
  const seen = new Map<string, number>()
  const answer = async ({ bytes }: { bytes: Buffer }) => {
    for (const text of bodiesOf(bytes)) seen.set(text, (seen.get(text) ?? 0) + 1)
    await pause(20)
    return Buffer.alloc(0)
  }
  const { address } = await startSink({ name: 'none', plaintext: true, unaries: [path], answer })
  return { address, seen, total: () => [...seen.values()].reduce((sum, times) => sum + times, 0) }
}

const agentFile = (folder: string, address: string) => `
receivers:
  filelog: {include: ["${folder}/*.log"], start_at: beginning, poll_interval: 10ms, checkpoints: ${folder}/state}
exporters:
  otlp:
    endpoint: ${address}
    tls: {insecure: true}
    sending_queue: {queue_size: 20, block_on_overflow: true}
service: {pipelines: {logs: {receivers: [filelog], exporters: [otlp]}}}
`

test('a process that is killed ten times loses no line and repeats few', { timeout: 110_000 }, async () => {
  const { address, seen, total } = await startCounter()
  const folder = newFolder()
  writeFiles(folder, { 'agent.yaml': agentFile(folder, address) })
  let written = 0
  const write = () => {
    let text = ''
    for (let i = 0; i < 500; i++) text += `line ${written++} with some text behind it, as lines have\n`
    appendFileSync(`${folder}/a.log`, text)
  }
  const timer = setInterval(write, 5)
  onTestFinished(() => clearInterval(timer))
  for (let kill = 0; kill < 10; kill++) {
    const agent = startProcess(['run', `${folder}/agent.yaml`])
    const before = seen.size
    await until('lines arrive', () => seen.size > before + 5000).catch((error) => {
      throw new Error(`${error.message} in round ${kill}; the process said:\n${agent.lines.join('\n')}`)
    })
    await agent.stop('SIGKILL')
  }
  clearInterval(timer)
  const agent = startProcess(['run', `${folder}/agent.yaml`])
  await until('all lines have arrived', () => seen.size === written)
  const { code } = await agent.stop('SIGTERM')
  expect(code).toBe(0)
  const repeated = total() - written
  // What a kill found on its way: the queue's 20 batches, ten calls and the batch that waited, of 256 KiB.
  expect(repeated).toBeLessThan((10 * 31 * (256 << 10)) / 40)
  expect(repeated).toBeLessThan(written)
  // After an orderly end nothing comes again.
  const before = total()
  appendFileSync(`${folder}/a.log`, 'the last one\n')
  startProcess(['run', `${folder}/agent.yaml`])
  await until('the last line has arrived', () => seen.has('the last one'))
  expect(total()).toBe(before + 1)
})
