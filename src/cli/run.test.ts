import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
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
}, 30_000)
