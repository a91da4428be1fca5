import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newFolder } from '../../support/folder.ts'
import { startProcess } from '../../support/role.ts'
import { startAgent } from './agent.ts'

// The Collector's table, part 3: the graph, and the order of things.

const noted = (lines: readonly string[]) => lines.filter((line) => /\] (started|stopped|listening for OTLP)/.test(line))

test('who is shared, who starts before whom, and the stop is the reverse', async () => {
  const { role } = await startAgent(`
extensions: {noting/e: }
processors: {noting/p1: , noting/p2: }
exporters: {noting/x: }
service:
  extensions: [noting/e]
  pipelines:
    logs/a: {receivers: [otlp], processors: [noting/p1, noting/p2], exporters: [noting/x]}
    logs/b: {receivers: [otlp], processors: [noting/p1], exporters: [noting/x]}
    metrics: {receivers: [otlp], exporters: [noting/x]}
`)
  expect((await role.stop()).code).toBe(0)
  const lines = noted(role.lines).map((line) => line.replace(/ (over|address).*/, ''))
  const [receiver, running] = ['[otlp] listening for OTLP', lines.filter((line) => line.includes('started'))]
  // One receiver for three pipelines and two signals, one exporter; processors for each pipeline.
  expect(running.toSorted()).toEqual([
    '[noting/e] started',
    '[noting/p1] started in logs/a',
    '[noting/p1] started in logs/b',
    '[noting/p2] started in logs/a',
    '[noting/x] started',
  ])
  const order = (...expected: string[]) => {
    const places = expected.map((line) => lines.indexOf(line))
    expect(places, lines.join('\n')).not.toContain(-1)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  }
  order('[noting/e] started', '[noting/x] started', '[noting/p2] started in logs/a', '[noting/p1] started in logs/a')
  order('[noting/p1] started in logs/a', receiver, '[noting/p1] stopped in logs/a', '[noting/p2] stopped in logs/a')
  order('[noting/p2] stopped in logs/a', '[noting/x] stopped', '[noting/e] stopped')
  expect(lines.filter((line) => line === '[noting/x] stopped')).toHaveLength(1)
})

test('one branch out of order: the others are called once, its loss has a name', async () => {
  const agent = await startAgent(`
exporters: {noting/a: , noting/b: {does: throw}, noting/c: }
service: {pipelines: {logs: {receivers: [otlp], exporters: [noting/a, noting/b, noting/c]}}}
`)
  expect((await agent.post()).status).toBe(200)
  await agent.role.stop()
  const called = agent.role.lines.filter((line) => line.endsWith('] called'))
  expect(called).toEqual(['[noting/a] called', '[noting/b] called', '[noting/c] called'])
  expect(agent.role.lines.join('\n')).toMatch(/noting\/b.*out of order/)
})

test('one branch without room: the sender is told so, and nobody has it twice when it comes again', async () => {
  const agent = await startAgent(`
exporters: {noting/a: , noting/b: {does: refuse}, noting/c: }
service: {pipelines: {logs: {receivers: [otlp], exporters: [noting/a, noting/b, noting/c]}}}
`)
  expect([await agent.post(), await agent.call()]).toMatchObject([
    { status: 503, text: expect.stringContaining('no room') },
    { code: 14, message: 'no room' },
  ])
  await agent.role.stop()
  expect(agent.role.lines.filter((line) => line.endsWith('] called'))).toEqual([])
})

test('what one pipeline changes another does not see', async () => {
  const folder = newFolder()
  const agent = await startAgent(`
processors: {attributes: {actions: [{key: changed, value: true, action: insert}]}}
exporters: {file/changed: {path: ${folder}/changed}, file/read: {path: ${folder}/read}}
service:
  pipelines:
    logs/changed: {receivers: [otlp], processors: [attributes], exporters: [file/changed]}
    logs/read: {receivers: [otlp], exporters: [file/read]}
`)
  expect((await agent.post()).status).toBe(200)
  await agent.role.stop()
  const record = (name: string) =>
    JSON.parse(readFileSync(join(folder, name), 'utf8')).resourceLogs[0].scopeLogs[0].logRecords[0]
  expect(record('read')).toEqual({ body: { stringValue: 'record 0' } })
  expect(record('changed')).toEqual({
    body: { stringValue: 'record 0' },
    attributes: [{ key: 'changed', value: { boolValue: true } }],
  })
})

test('one connector joins pipelines of several signals, each to its own', async () => {
  const folder = newFolder()
  const agent = await startAgent(`
connectors: {forward: }
exporters: {file/logs: {path: ${folder}/logs}, file/metrics: {path: ${folder}/metrics}}
service:
  pipelines:
    logs/in: {receivers: [otlp], exporters: [forward]}
    metrics/in: {receivers: [otlp], exporters: [forward]}
    logs/out: {receivers: [forward], exporters: [file/logs]}
    metrics/out: {receivers: [forward], exporters: [file/metrics]}
`)
  const headers = { 'content-type': 'application/json' }
  const body = '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{}]}}]}]}]}'
  expect((await fetch(`http://${agent.http}/v1/metrics`, { method: 'POST', headers, body })).status).toBe(200)
  expect((await agent.post()).status).toBe(200)
  await agent.role.stop()
  const keys = (name: string) => Object.keys(JSON.parse(readFileSync(join(folder, name), 'utf8')))
  expect([keys('logs'), keys('metrics')]).toEqual([['resourceLogs'], ['resourceMetrics']])
})

test('an exporter that cannot start: named, what ran is stopped, the process ends', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  onTestFinished(() => void taken.close())
  const { port } = taken.address() as AddressInfo
  const yaml = `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
extensions: {noting/e: }
exporters: {prometheus: {endpoint: "127.0.0.1:${port}"}}
service:
  plugins: ["${new URL('../../support/noting-plugin.ts', import.meta.url).pathname}"]
  extensions: [noting/e]
  pipelines: {metrics: {receivers: [otlp], exporters: [prometheus]}}
`
  const role = startProcess(['--config', `${newFolder({ 'otel.yaml': yaml })}/otel.yaml`])
  const { code } = await role.ended
  expect(code).toBe(1)
  const text = role.lines.join('\n')
  expect(text).toMatch(/failed to start "prometheus" exporter: .*in use/)
  expect(noted(role.lines)).toEqual(['[noting/e] started', '[noting/e] stopped'])
})

test('SIGHUP with a file that is broken: what is wrong is told, and everything goes on', async () => {
  const yaml = `
exporters: {noting/a: , noting/b: }
service: {pipelines: {logs: {receivers: [otlp], exporters: [noting/a]}}}
`
  const agent = await startAgent(yaml)
  writeFileSync(agent.file, yaml.replace('exporters: [noting/a]', 'exporters: [noting/c]'))
  agent.role.signal('SIGHUP')
  await agent.role.line(/references exporter "noting\/c" which is not configured/)
  expect((await agent.post()).status).toBe(200)
  await agent.role.line(/^\[noting\/a\] called/)
  writeFileSync(agent.file, yaml.replace('exporters: [noting/a]', 'exporters: [noting/b]'))
  agent.role.signal('SIGHUP')
  await agent.role.line(/^\[noting\/a\] stopped/)
  expect((await agent.post()).status).toBe(200)
  await agent.role.line(/^\[noting\/b\] called/)
  expect((await agent.role.stop()).code).toBe(0)
})
