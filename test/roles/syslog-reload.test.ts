import { expect, test } from 'vitest'
import { binding, startFakeCache } from '../support/bindings.ts'
import { ingressClient, log } from '../support/client.ts'
import { startTcpDrain } from '../support/drains.ts'
import { syslogAgentEnv } from '../support/environments.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { startRole, until } from '../support/role.ts'

// The syslog agent with a second file of the operator's, which changes while logs flow, and which names a disk.

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => log(`line ${from + i}`, { source_id: 'app' }))
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)
const url = (port: number) => `syslog://127.0.0.1:${port}`

test('reloads that change the exporter, under load: connections stay, slow and dead drains lose nothing, order stays', async () => {
  const [well, slow, port] = [await startTcpDrain(), await startTcpDrain(), await freePort()]
  slow.stall()
  const cache = await startFakeCache([binding(url(well.port), ['app']), binding(url(slow.port), ['app'])])
  const folder = newFolder()
  const write = (round: number) =>
    writeFiles(folder, { 'more.yaml': `exporters: {syslog_drains: {queue_size: ${100_000 + round}}}\n` })
  write(0)
  const env = syslogAgentEnv({ cache: cache.url, aggregate: url(port) })
  const role = await startRole('syslog-agent', env, { args: [`${folder}/more.yaml`] })
  const client = ingressClient(await role.grpc())
  let sent = 0
  const reloads = () => role.lines.filter((line) => line.startsWith('reloaded changed="exporter syslog_drains"')).length
  for (let round = 1; round <= 5; round++) {
    write(round)
    role.signal('SIGHUP')
    while (reloads() < round) {
      await client.send(numbered(sent, sent + 50))
      sent += 50
    }
    if (round === 3) slow.resume()
  }
  const late = await startTcpDrain({ port })
  const all = [well, slow, late]
  for (const drain of all) await drain.until('everything', () => drain.messages.length >= sent)
  for (const drain of all) expect(drain.texts()).toEqual(lines(0, sent))
  expect([well.connections, slow.connections]).toEqual([1, 1])
  const page = await role.metrics()
  expect([page.get('dropped{direction="egress"}'), page.get('drains{unit="count"}')]).toEqual([0, 2])
  expect(role.lines.filter((line) => /fault|imbalance/.test(line))).toEqual([])
})

test('SIGTERM with a disk: what waits for a drain that is away is sent by the next process, in order, before all else', async () => {
  const port = await freePort()
  const cache = await startFakeCache([binding(url(port), ['app'])])
  const folder = newFolder()
  writeFiles(folder, {
    'more.yaml': `
exporters: {syslog_drains: {sending_queue: {storage: file_storage}}}
extensions: {file_storage: {directory: ${folder}/queues, create_directory: true}}
service: {extensions: [metrics_endpoint, file_storage]}
`,
  })
  const env = syslogAgentEnv({ cache: cache.url })
  const start = () => startRole('syslog-agent', env, { args: [`${folder}/more.yaml`] })
  for (let life = 0; life < 3; life++) {
    const role = await start()
    await role.metricsUntil((page) => page.get('drains{unit="count"}') === 1)
    await ingressClient(await role.grpc()).send(numbered(life * 100, life * 100 + 100))
    await until('they wait', () => role.lines.some((line) => line.startsWith('Failed to connect')))
    expect(await role.stop()).toMatchObject({ code: 0 })
    expect(role.lines.filter((line) => line.includes('Dropped'))).toEqual([])
  }
  const drain = await startTcpDrain({ port })
  const role = await start()
  await role.metricsUntil((page) => page.get('drains{unit="count"}') === 1)
  await ingressClient(await role.grpc()).send(numbered(300, 400))
  await drain.until('everything', () => drain.messages.length === 400)
  expect(drain.texts()).toEqual(lines(0, 400))
})
