import { expect, onTestFinished, test } from 'vitest'
import { runTailrace } from '../repository/process.ts'
import { newFolder } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'

test('an agent is ready while its backend takes what it sends, and says why it is not', async () => {
  const [backend, health] = [await freePort(), await freePort()]
  const folder = newFolder({
    'agent.yaml': `
receivers: {sample_app: {interval: 20ms}}
exporters:
  otlp: {endpoint: "127.0.0.1:${backend}", tls: {insecure: true}, retry_on_failure: {initial_interval: 100ms, max_interval: 200ms}}
extensions: {health_check: {endpoint: "127.0.0.1:${health}"}}
service:
  admin: {enabled: false}
  extensions: [health_check]
  pipelines: {logs: {receivers: [sample_app], exporters: [otlp]}}
`,
    'backend.yaml': `
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:${backend}"}}}}
exporters: {nop: {}}
service:
  admin: {enabled: false}
  pipelines: {logs: {receivers: [otlp], exporters: [nop]}}
`,
  })
  const start = (file: string) => {
    const run = runTailrace(['run', `${folder}/${file}`])
    onTestFinished(() => void run.child.kill('SIGKILL'))
    return run
  }
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${health}${path}`)
    return { code: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const becomes = (path: string, answer: object) => expect.poll(() => ask(path)).toMatchObject(answer)

  await start('agent.yaml').until(/everything is running/)
  await becomes('/ready', { code: 503, body: { status: 'Server not available' } })
  const refused = { status: 'StatusRecoverableError', error: expect.stringContaining('connection refused') }
  await becomes('/status?pipeline=logs', { code: 500, body: { healthy: false, ...refused } })
  expect(await ask('/live')).toEqual({ code: 200, body: { status: 'alive' } })

  const sink = start('backend.yaml')
  await becomes('/ready', { code: 200, body: { status: 'Server available' } })
  await becomes('/status', { code: 200, body: { healthy: true, status: 'StatusOK' } })
  await sink.end()
  await becomes('/ready', { code: 503 })
})
