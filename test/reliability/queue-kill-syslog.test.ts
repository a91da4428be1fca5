import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { decodeOtlpLogs, type Message } from '../support/decode.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { diskQueueFile } from '../support/numbered-lines.ts'
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
  timeout: 60_000 + kills * 8000,
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
    await until('lines arrive', () => seen.size > before + 1000, 60_000)
    await agent.stop('SIGKILL')
    written.push(await lines)
  }
  const last = start()
  await last.address(/listening for syslog by TCP address=(\S+)/)
  let before = -1
  await until('nothing more arrives', async () => {
    const same = before === seen.size
    before = seen.size
    if (!same) await pause(700)
    return same
  })
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
