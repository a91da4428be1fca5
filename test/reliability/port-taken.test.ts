import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { newFolder, writeFiles } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { startProcess, until } from '../support/role.ts'

test('a port that somebody else has does not hold up the rest, and is listened on soon after it was given free', async () => {
  const { sink, seen } = await startCounter()
  const port = await freePort()
  const holder = createServer().listen(port, '127.0.0.1')
  onTestFinished(() => void holder.close())
  await once(holder, 'listening')
  const folder = newFolder()
  const file = `
receivers:
  otlp: {protocols: {grpc: {endpoint: 127.0.0.1:0}}}
  otlp/late: {required: false, protocols: {grpc: {endpoint: 127.0.0.1:${port}}}}
exporters: {otlp: {endpoint: ${sink.address}, tls: {insecure: true}}}
service: {pipelines: {logs: {receivers: [otlp, otlp/late], exporters: [otlp]}}}
`
  writeFiles(folder, { 'agent.yaml': file })
  const agent = startProcess(['run', `${folder}/agent.yaml`])
  const load = newLineSenders({ senders: 1 })
  load.to(await otlpAddress(agent))
  await agent.line(/otlp\/late.*is in use.*/)
  await until('the rest runs', () => seen.size > 100)
  holder.close()
  await agent.line(/^\[otlp\/late\] listening for OTLP over grpc address=/)
  const late = newLineSenders({ senders: 1, from: 10_000_000 })
  late.to(`127.0.0.1:${port}`)
  await until('it is in the pipeline', () => seen.has(10_000_000))
  await Promise.all([load.stop(), late.stop()])
  const missing = () => [...load.missing(seen), ...late.missing(seen)]
  await until('all has arrived', () => missing().length === 0)
  expect(await agent.stop()).toMatchObject({ code: 0 })
})
