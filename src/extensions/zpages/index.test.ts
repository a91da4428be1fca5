import { expect, onTestFinished, test } from 'vitest'
import type { Report } from '../../admin/report.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import type { ServiceStatus } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import zpages from './index.ts'

const status: ServiceStatus = {
  ready: true,
  readySince: 1_700_000_000_000,
  components: [
    { kind: 'extension', id: 'zpages', required: true, state: 'ok', since: 0 },
    { kind: 'receiver', id: 'otlp/<b>', required: false, state: 'recoverable error', since: 0, error: 'port taken' },
  ],
  pipelines: [{ id: 'logs', format: 'logs', receivers: ['otlp'], processors: ['batch'], exporters: ['otlp'] }],
}

async function started() {
  const lines: string[] = []
  const clock = new ManualClock()
  const ledger = new Ledger()
  const log = newLog({ write: (text) => void lines.push(text) })
  const shared = { log, clock, metrics: new Metrics(), ledger, budget: new Budget('test') }
  const host = newHost(shared, {
    kind: 'extension',
    type: 'zpages',
    id: 'zpages',
    readsOrigins: false,
    extension: () => undefined,
    status: () => status,
  })
  const extension = zpages.create({ config: zpages.config.parse({ endpoint: '127.0.0.1:0' }), host })
  await extension.start()
  onTestFinished(() => extension.stop(AbortSignal.abort()))
  const [, address] = /endpoint=(\S+)/.exec(lines.join(''))!
  const get = (path: string) => fetch(`http://${address}${path}`)
  return { clock, ledger, get, json: async (path: string) => (await get(path)).json() as Promise<Report> }
}

const shownComponents = status.components.map((each) => ({ ...each, since: '1970-01-01T00:00:00.000Z' }))

test('the whole state as JSON, with rates over the last five to ten seconds', async () => {
  const { clock, ledger, json } = await started()
  const queue = ledger.open('queue', 'otlp', { destination: 'a:4317' })
  queue.held = () => 3
  clock.advance(5000)
  queue.received = 100
  queue.sent = 90
  queue.drop('queue_full', 7)
  clock.advance(5000)
  const report = await json('/debug/servicez?format=json')
  expect(report.service).toMatchObject({ ready: true, ready_since: '2023-11-14T22:13:20.000Z', pid: process.pid })
  expect(report.service.connections.tcp_listeners).toBeGreaterThan(0)
  expect(report.components).toEqual(shownComponents)
  expect(report.pipelines).toEqual(status.pipelines)
  expect(report.flows).toEqual([
    {
      kind: 'queue',
      id: 'otlp',
      labels: { destination: 'a:4317' },
      in: 100,
      out: 90,
      refused: 0,
      held: 3,
      dropped: { queue_full: 7 },
      rate: { in: 20, out: 18, dropped: 1.4 },
    },
  ])
})

test('pages for people: ids are text, not markup', async () => {
  const { get } = await started()
  for (const path of ['/debug/servicez', '/debug/pipelinez', '/debug/extensionz']) {
    const response = await get(path)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await response.text()).not.toContain('<b>')
  }
  expect(await (await get('/debug/servicez')).text()).toContain('otlp/&lt;b&gt;')
  expect(await (await get('/')).text()).toContain('Process')
  expect((await get('/debug/nothing')).status).toBe(404)
})

test('pipelinez and extensionz narrow it', async () => {
  const { get, json } = await started()
  expect(await json('/debug/extensionz?format=json')).toEqual([shownComponents[0]])
  expect(await json('/debug/pipelinez?format=json')).toEqual({ pipelines: status.pipelines, flows: [] })
  expect(await (await get('/debug/pipelinez?pipelinenamez=none')).text()).not.toContain('<td>logs')
})
