import { expect, onTestFinished, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import type { ServiceStatus } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { goDuration } from './answer.ts'
import healthCheck from './index.ts'

async function started(settings: object = {}) {
  const lines: string[] = []
  const clock = new ManualClock()
  let status: ServiceStatus = { ready: false, readySince: undefined, components: [], pipelines: [] }
  const shared = {
    log: newLog({ write: (text) => void lines.push(text) }),
    clock,
    metrics: new Metrics(),
    ledger: new Ledger(),
    budget: new Budget('test'),
  }
  const host = newHost(shared, {
    kind: 'extension',
    type: 'health_check',
    id: 'health_check',
    readsOrigins: false,
    extension: () => undefined,
    status: () => status,
  })
  const config = healthCheck.config.parse({ endpoint: '127.0.0.1:0', ...settings })
  const extension = healthCheck.create({ config, host })
  await extension.start()
  onTestFinished(() => extension.stop(AbortSignal.abort()))
  const [, address] = /endpoint=(\S+)/.exec(lines.join(''))!
  return {
    clock,
    set(next: Partial<ServiceStatus>) {
      status = { ...status, ...next }
    },
    async get(path = '/') {
      const response = await fetch(`http://${address}${path}`)
      return { status: response.status, text: await response.text() }
    },
  }
}

test('not available before everything runs, and again while it stops', async () => {
  const { set, get, clock } = await started()
  const not = { status: 503, text: '{"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""}' }
  expect(await get()).toEqual(not)
  set({ ready: true, readySince: clock.now() })
  clock.advance(62_500)
  expect(await get()).toEqual({
    status: 200,
    text: '{"status":"Server available","upSince":"2023-11-14T22:13:20.000Z","uptime":"1m2.5s"}',
  })
  set({ ready: false })
  expect(await get()).toEqual(not)
})

test('path and bodies as written', async () => {
  const { set, get } = await started({ path: '/health', response_body: { healthy: 'fine', unhealthy: 'ill' } })
  expect(await get('/health')).toEqual({ status: 503, text: 'ill' })
  set({ ready: true, readySince: 0 })
  expect(await get('/health')).toEqual({ status: 200, text: 'fine' })
  expect((await get('/')).status).toBe(404)
})

test.each([
  [0, '0s'],
  [950, '950ms'],
  [2500, '2.5s'],
  [62_000, '1m2s'],
  [3_602_000, '1h0m2s'],
])('%d ms is %s', (ms, text) => expect(goDuration(ms)).toBe(text))
