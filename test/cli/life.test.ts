import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runTailrace } from '../repository/process.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tailrace-life-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const save = (name: string, text: string): string => {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

const plain = () =>
  save(
    'plain.yaml',
    `receivers: {sample_app: {interval: 20ms}}
exporters: {debug: {}}
service: {pipelines: {envelopes: {receivers: [sample_app], exporters: [debug]}}}
`,
  )

/** A port that this process holds. */
async function taken(): Promise<{ server: Server; port: number }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as { port: number }).port }
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s drains and ends with 0 as soon as it is done', async (signal) => {
  const agent = runTailrace(['run', plain(), '--set', 'service.shutdown_timeout=60s'])
  await agent.until(/GET \/ 200/)
  const started = performance.now()
  expect(await agent.end(signal)).toBe(0)
  expect(performance.now() - started).toBeLessThan(30_000)
  expect(agent.stderr()).toContain(`${signal} received: draining`)
})

test('a signal that comes twice at once, as npm and the terminal send it, is one signal', async () => {
  const agent = runTailrace(['run', plain()])
  await agent.until(/GET \/ 200/)
  // Held, so that both are there when it goes on.
  agent.child.kill('SIGSTOP')
  agent.child.kill('SIGINT')
  agent.child.kill('SIGTERM')
  expect(await agent.end('SIGCONT')).toBe(0)
})

test('SIGUSR1 prints what runs, SIGHUP reads the configuration, and the process lives on', async () => {
  const agent = runTailrace(['run', plain()])
  await agent.until(/GET \/ 200/)
  agent.child.kill('SIGUSR1')
  await agent.until(/counters and gauges:/)
  const report = agent.stderr()
  for (const part of [
    /tailrace, process \d+, up/,
    /memory: .* heap/,
    /event loop: busy/,
    /receiver sample_app: offered \d+ = taken/,
  ])
    expect(report).toMatch(part)
  agent.child.kill('SIGHUP')
  await agent.until(/reloaded: nothing has changed/)
  const lines = agent.stdout().split('\n').length
  await agent.until((stdout) => stdout.split('\n').length > lines + 2)
  expect(await agent.end()).toBe(0)
})

test('a port that is taken ends the start with 1 and a sentence', async () => {
  const { server, port } = await taken()
  const file = save(
    'taken.yaml',
    `receivers: {loggregator: {endpoint: '127.0.0.1:${port}'}}
exporters: {debug: {}}
service: {pipelines: {envelopes: {receivers: [loggregator], exporters: [debug]}}}
`,
  )
  const agent = runTailrace(['run', file])
  expect(await agent.done).toBe(1)
  expect(agent.stderr()).toMatch(
    /cannot start pipelines: failed to start "loggregator" receiver: 127\.0\.0\.1:\d+ is in use; another process listens/,
  )
  server.close()
})

test('a component that is not required is left out instead', async () => {
  const { server, port } = await taken()
  const file = save(
    'optional.yaml',
    `receivers: {sample_app: {interval: 20ms}, loggregator: {endpoint: '127.0.0.1:${port}', required: false}}
exporters: {debug: {}}
service: {pipelines: {envelopes: {receivers: [sample_app, loggregator], exporters: [debug]}}}
`,
  )
  const agent = runTailrace(['run', file])
  await agent.until(/GET \/ 200/)
  await agent.until(/going on without it/)
  expect(await agent.end()).toBe(0)
  server.close()
})

test('own telemetry whose receiver is not there does not hold up the end', async () => {
  const otlp = "{otlp: {protocol: grpc, endpoint: 'http://127.0.0.1:1'}}"
  const telemetry = `telemetry: {logs: {processors: [{batch: {exporter: ${otlp}}}]}, metrics: {readers: [{periodic: {exporter: ${otlp}}}]}}`
  const file = save(
    'telemetry.yaml',
    `receivers: {sample_app: {interval: 20ms}}
exporters: {debug: {}}
service: {${telemetry}, pipelines: {envelopes: {receivers: [sample_app], exporters: [debug]}}}
`,
  )
  const agent = runTailrace(['run', file])
  await agent.until(/GET \/ 200/)
  expect(await agent.end()).toBe(0)
})

test('logs as JSON, one object a line', async () => {
  const agent = runTailrace(['run', plain(), '--log-format', 'json'])
  await agent.until(/GET \/ 200/)
  expect(await agent.end()).toBe(0)
  const records = agent
    .stderr()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(records[0]).toMatchObject({ level: 'info', message: 'ready: everything is running', pipelines: 1 })
})
