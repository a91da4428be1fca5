import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'

const dir = mkdtempSync(join(tmpdir(), 'tailrace-run-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('goes on when nobody reads its log any more, and still ends when asked to', async () => {
  const file = join(dir, 'plain.yaml')
  writeFileSync(
    file,
    `receivers: {sample_app: {interval: 10ms}}
exporters: {debug: {}}
service: {pipelines: {envelopes: {receivers: [sample_app], exporters: [debug]}}, telemetry: {logs: {starting: here}}}
`,
  )
  const agent = spawn(resolve(import.meta.dirname, '../../bin/tailrace'), ['run', file])
  const exit = once(agent, 'exit')
  await once(agent.stderr, 'data')
  agent.stderr.destroy()
  await once(agent.stdout, 'data')
  // A line for a log without a reader.
  agent.kill('SIGHUP')
  await once(agent.stdout, 'data')
  agent.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
})

test('tells who asks no secrets of the settings on its command line', async () => {
  const file = join(dir, 'quiet.yaml')
  writeFileSync(
    file,
    `receivers: {sample_app: {}}
exporters: {debug: {}, otlphttp: {endpoint: "http://127.0.0.1:1"}}
service: {pipelines: {envelopes: {receivers: [sample_app], exporters: [debug, otlphttp]}}}
`,
  )
  const inline = 'yaml:exporters::otlphttp::headers::authorization: Bearer inline1234'
  const env = { ...process.env, XDG_RUNTIME_DIR: dir, RUNTIME_DIRECTORY: '' }
  const args = ['run', '--config', file, '--config', inline]
  const agent = spawn(resolve(import.meta.dirname, '../../bin/tailrace'), args, { env, stdio: 'ignore' })
  const exit = once(agent, 'exit')
  const sockets = () => readdirSync(join(dir, 'tailrace'))
  await expect.poll(sockets).toHaveLength(1)
  const request = get({ socketPath: join(dir, 'tailrace', sockets()[0]!), headers: { host: 'localhost' } })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const answer = await text(response)
  agent.kill('SIGTERM')
  await exit
  expect(answer).toContain('quiet.yaml')
  expect(answer).toContain('authorization: ****')
  expect(answer).not.toContain('inline1234')
})
