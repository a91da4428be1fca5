import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ingressClient, log } from '../support/client.ts'
import { decodeOtlpLogs, type Message } from '../support/decode.ts'
import { startTcpDrain } from '../support/drains.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { books, diskQueueFile } from '../support/numbered-lines.ts'
import { pause, startProcess, until } from '../support/role.ts'
import { otlpPaths, startSink } from '../support/sinks.ts'

/** Long runs: `KILLS=100 npx vitest run --project reliability test/reliability/queue-kill-syslog.test.ts`. */
const kills = Number(process.env.KILLS ?? 5)

const receiver = 'syslog: {tcp: {listen_address: "127.0.0.1:0"}, protocol: rfc5424}'

/** Which lines arrived: `connection.line`. */
async function startCollector() {
  const seen = new Map<string, number>()
  const answer = async ({ bytes }: { bytes: Buffer }) => {
    const { resourceLogs } = decodeOtlpLogs(bytes) as { resourceLogs: Message[] }
    for (const { scopeLogs } of resourceLogs)
      for (const { logRecords } of scopeLogs as Message[])
        for (const { body } of logRecords as Message[]) {
          const [name] = /\d+\.\d+(?=;)/.exec((body as Message).stringValue as string) ?? []
          seen.set(name!, (seen.get(name!) ?? 0) + 1)
        }
    await pause(2)
    return Buffer.alloc(0)
  }
  const sink = await startSink({ name: 'none', plaintext: true, unaries: [otlpPaths.logs], answer })
  const timer = setInterval(() => sink.received.splice(0), 100)
  onTestFinished(() => clearInterval(timer))
  return { sink, seen }
}

const room = (socket: Socket) =>
  new Promise<void>((resolve) => {
    socket.once('drain', resolve)
    socket.once('close', resolve)
  })

/** Writes numbered lines as fast as the peer reads them, until the connection breaks; answers how many. */
async function writeLines(connection: number, address: string): Promise<number> {
  const [host, port] = address.split(':')
  const socket = connect(Number(port), host)
  let broken = false
  socket.on('close', () => (broken = true))
  socket.on('error', () => {})
  await once(socket, 'connect')
  let line = 0
  while (!broken) {
    let text = ''
    for (let i = 0; i < 50; i++)
      text += `<14>1 2026-01-01T00:00:00Z host app - - - ${connection}.${line++}; ${'x'.repeat(200)}\n`
    if (!socket.write(text)) await room(socket)
    else await pause(1)
  }
  socket.destroy()
  return line
}

test('syslog: whatever reached the queue of a killed process arrives; what stood in buffers of sockets is lost from one line on', {
  timeout: 300_000 + kills * 8000,
}, async () => {
  const { sink, seen } = await startCollector()
  const folder = newFolder()
  writeFiles(folder, { 'agent.yaml': diskQueueFile(folder, sink.address, { receiver }) })
  const written: number[] = []
  const start = () => startProcess(['run', `${folder}/agent.yaml`])
  for (let round = 0; round < kills; round++) {
    const agent = start()
    const address = await agent.address(/listening for syslog by TCP address=(\S+)/)
    const before = seen.size
    const lines = writeLines(round, address)
    await until('lines arrive', () => seen.size > before + 1000)
    await agent.stop('SIGKILL')
    written.push(await lines)
  }
  const last = start()
  await last.line(/^ready: everything is running/)
  await until('all is sent', async () => (await books(last)).held === 0)
  let lost = 0
  for (const [connection, lines] of written.entries()) {
    let first = 0
    while (seen.has(`${connection}.${first}`)) first++
    const behind = [...seen.keys()].filter((name) => name.startsWith(`${connection}.`)).length
    // No gap: what is missing is the end of what was written.
    expect({ connection, arrived: behind }).toEqual({ connection, arrived: first })
    lost += lines - first
  }
  const all = written.reduce((sum, lines) => sum + lines, 0)
  process.stdout.write(`${kills} kills: ${all} lines written, ${lost} of them lost in buffers of sockets\n`)
  expect(await last.stop()).toMatchObject({ code: 0 })
})

/** Whether some file below this folder holds the text. */
const isWritten = (folder: string, text: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).some(
    (file) => file.isFile() && readFileSync(`${file.parentPath}/${file.name}`).includes(text),
  )

const drainsFile = (folder: string, drain: number) => `
receivers:
  loggregator: {endpoint: "127.0.0.1:0"}
exporters:
  syslog_drains:
    aggregate_drains: ["syslog://127.0.0.1:${drain}"]
    queue_size: 500
    sending_queue: {storage: file_storage}
extensions:
  file_storage: {directory: ${folder}/queues, create_directory: true}
service:
  extensions: [file_storage]
  pipelines: {envelopes: {receivers: [loggregator], exporters: [syslog_drains]}}
`

test('syslog_drains with a disk: a kill loses what a drain has in memory, the oldest, and nothing else', async () => {
  const port = await freePort()
  const folder = newFolder()
  writeFiles(folder, { 'agent.yaml': drainsFile(folder, port) })
  const start = () => startProcess(['run', `${folder}/agent.yaml`])
  const agent = start()
  const client = ingressClient(await agent.grpc(), { plaintext: true })
  const send = (from: number, to: number) =>
    client.send(Array.from({ length: to - from }, (_, i) => log(`${from + i}`)))
  await send(0, 400)
  await agent.line(/a drain has part of its queue on disk/)
  for (let line = 400; line < 5000; line += 200) await send(line, line + 200)
  await until('the last line is on disk', () => isWritten(`${folder}/queues`, '4999'))
  await agent.stop('SIGKILL')
  const drain = await startTcpDrain({ port })
  const last = start()
  await drain.until('the last line', () => drain.texts().at(-1) === '4999')
  const arrived = drain.texts().map(Number)
  const first = arrived[0]!
  expect(first).toBeLessThanOrEqual(500)
  expect(arrived).toEqual(Array.from({ length: 5000 - first }, (_, i) => first + i))
  process.stdout.write(`5,000 lines, the first ${first} of them lost with the memory of the drain\n`)
  expect(await last.stop()).toMatchObject({ code: 0 })
})
