import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root, runTailrace } from '../repository/process.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tailrace-reload-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const save = (name: string, text: string): string => {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

const sample = (verbosity: string, more = '') => `receivers: {sample_app: {interval: 20ms}}
exporters: {debug: {verbosity: ${verbosity}}}
service: {${more}pipelines: {envelopes: {receivers: [sample_app], exporters: [debug]}}}
`

/** Waits for the so many-th line of the log that matches. */
const said = (agent: ReturnType<typeof runTailrace>, pattern: RegExp, times: number) =>
  agent.until(() => (agent.stderr().match(new RegExp(pattern, 'g')) ?? []).length >= times)

test('SIGHUP puts a changed file into effect, and says what changed', async () => {
  const file = save('hup.yaml', sample('normal'))
  const agent = runTailrace(['run', file])
  await agent.until(/GET \/ 200/)
  save('hup.yaml', sample('detailed'))
  agent.child.kill('SIGHUP')
  await agent.until(/reloaded changed="exporter debug" kept=1 took="\d+ ms"/)
  await agent.until(/source_id=sample-app/)
  expect(await agent.end()).toBe(0)
})

test('a wrong file changes nothing, and everything that is wrong with it is said', async () => {
  const file = save('wrong.yaml', sample('normal'))
  const agent = runTailrace(['run', file])
  await agent.until(/GET \/ 200/)
  save('wrong.yaml', sample('loud'))
  agent.child.kill('SIGHUP')
  await agent.until(/reload failed: everything runs on as before/)
  await agent.until(/wrong\.yaml:2:\d+\s+exporters\.debug\.verbosity\s+TR_CONFIG_TYPE/)
  const lines = agent.stdout().split('\n').length
  await agent.until((stdout) => stdout.split('\n').length > lines + 2)
  expect(await agent.end()).toBe(0)
})

test('a port that another process holds fails the reload by name; when it is free the next one succeeds', async () => {
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as { port: number }
  const file = save('port.yaml', sample('normal'))
  const agent = runTailrace(['run', file])
  await agent.until(/GET \/ 200/)
  save(
    'port.yaml',
    `receivers: {sample_app: {interval: 20ms}, loggregator: {endpoint: '127.0.0.1:${port}'}}
exporters: {debug: {}}
service: {pipelines: {envelopes: {receivers: [sample_app, loggregator], exporters: [debug]}}}
`,
  )
  agent.child.kill('SIGHUP')
  await agent.until(new RegExp(`failed to start "loggregator" receiver: 127.0.0.1:${port} is in use`))
  await said(agent, /reload failed/, 1)
  await new Promise((resolve) => holder.close(resolve))
  agent.child.kill('SIGHUP')
  await agent.until(
    /reloaded changed="exporter debug" added="receiver loggregator"|reloaded added="receiver loggregator"/,
  )
  expect(await agent.end()).toBe(0)
})

test('--watch reloads by itself; tailrace reload finds the process by its pid file, which goes with it', async () => {
  const file = save('watched.yaml', sample('normal'))
  const pidFile = join(dir, 'agent.pid')
  const agent = runTailrace(['run', file, '--watch', '--pid-file', pidFile])
  await agent.until(/ready: everything is running/)
  save('watched.yaml', sample('detailed'))
  await said(agent, /reloaded changed/, 1)
  const asked = runTailrace(['reload', '--pid-file', pidFile])
  expect(await asked.done).toBe(0)
  expect(asked.stdout()).toContain(`process ${agent.child.pid} was asked to reload`)
  await agent.until(/reloaded: nothing has changed/)
  expect(readFileSync(pidFile, 'utf8')).toBe(`${agent.child.pid}\n`)
  expect(await agent.end()).toBe(0)
  const gone = runTailrace(['reload', '--pid-file', pidFile])
  expect(await gone.done).toBe(1)
  expect(gone.stderr()).toContain('ENOENT')
})

test.each([
  [['--pid-file', '/nowhere/agent.pid'], 'ENOENT'],
  [['x1'], '"x1" is no process id'],
  [['999999999'], 'there is no such process'],
])('tailrace reload %j says what is missing', async (args, sentence) => {
  const asked = runTailrace(['reload', ...args])
  expect(await asked.done).toBe(1)
  expect(asked.stderr()).toContain(sentence)
})

test('what a reload cannot change is said: service.telemetry', async () => {
  const file = save('telemetry.yaml', sample('normal'))
  const agent = runTailrace(['run', file])
  await agent.until(/GET \/ 200/)
  save('telemetry.yaml', sample('normal', 'telemetry: {logs: {level: debug}}, '))
  agent.child.kill('SIGHUP')
  await agent.until(/service\.telemetry has changed: that takes effect with a restart/)
  expect(await agent.end()).toBe(0)
})

test('a component of a plugin comes in by a reload', async () => {
  const plugin = join(root, 'plugins', 'hello', 'index.ts')
  const file = save('plugin.yaml', sample('normal'))
  const agent = runTailrace(['run', file])
  await agent.until(/GET \/ 200/)
  save(
    'plugin.yaml',
    `receivers: {sample_app: {interval: 20ms}}
processors: {hello: {}}
exporters: {debug: {verbosity: normal}}
service: {plugins: ['${plugin}'], pipelines: {envelopes: {receivers: [sample_app], processors: [hello], exporters: [debug]}}}
`,
  )
  agent.child.kill('SIGHUP')
  await agent.until(/reloaded added="processor hello envelopes"/)
  expect(await agent.end()).toBe(0)
})

test('what could not be sent in time is counted when the process ends', async () => {
  const file = save(
    'unsent.yaml',
    `receivers: {sample_app: {interval: 20ms}}
exporters: {loggregator: {endpoint: '127.0.0.1:1'}}
service: {shutdown_timeout: 200ms, pipelines: {envelopes: {receivers: [sample_app], exporters: [loggregator]}}}
`,
  )
  const agent = runTailrace(['run', file])
  await agent.until(/Exporting failed/)
  expect(await agent.end()).toBe(0)
  expect(agent.stderr()).toMatch(/stopped before everything was sent lost=\d+/)
})
