import { expect, onTestFinished, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { newGrpcClient } from '../../net/grpc-client.ts'
import { GrpcCode } from '../../net/status.ts'
import type { ComponentStatus, ServiceStatus } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog, silentLog } from '../../runtime/log.ts'
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
  const addresses = [...lines.join('').matchAll(/endpoint=(\S+)/g)].map(([, address]) => address!)
  return {
    clock,
    lines,
    addresses,
    set(next: Partial<ServiceStatus>) {
      status = { ...status, ...next }
    },
    async get(path = '/') {
      const response = await fetch(`http://${addresses[0]}${path}`)
      return { status: response.status, text: await response.text() }
    },
    async json(path: string) {
      const response = await fetch(`http://${addresses[0]}${path}`)
      return { code: response.status, body: (await response.json()) as Record<string, unknown> }
    },
  }
}

const at = 1_700_000_000_000
const time = '2023-11-14T22:13:20.000Z'
const of = (kind: ComponentStatus['kind'], id: string, more: Partial<ComponentStatus> = {}): ComponentStatus => ({
  kind,
  id,
  required: true,
  state: 'ok',
  since: at,
  ...more,
})
const pipelines: ServiceStatus['pipelines'] = [
  { id: 'logs', format: 'logs', receivers: ['otlp'], processors: ['batch'], exporters: ['otlp', 'otlp/2'] },
  { id: 'traces/web', format: 'traces', receivers: ['otlp'], processors: [], exporters: ['otlp/2'] },
]
const refused = { state: 'recoverable error', since: at + 5, error: 'connection refused' } as const
const running = (first: Partial<ComponentStatus> = {}): Partial<ServiceStatus> => ({
  ready: first.state === undefined || first.required === false,
  readySince: at,
  pipelines,
  components: [
    of('extension', 'health_check'),
    of('exporter', 'otlp', first),
    of('exporter', 'otlp/2'),
    of('receiver', 'otlp'),
    of('processor', 'batch'),
  ],
})

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

test('alive is whoever answers, ready or not', async () => {
  const { get } = await started()
  expect(await get('/live')).toEqual({ status: 200, text: '{"status":"alive"}' })
  expect((await get('/ready')).status).toBe(503)
})

test('the detailed answer is that of the Collector: the whole, its pipelines, their components', async () => {
  const { set, json } = await started()
  set(running(refused))
  const ill = {
    healthy: false,
    status: 'StatusRecoverableError',
    error: refused.error,
    status_time: '2023-11-14T22:13:20.005Z',
  }
  const ok = { healthy: true, status: 'StatusOK', status_time: time }
  const logs = { 'receiver:otlp': ok, 'processor:batch': ok, 'exporter:otlp': ill, 'exporter:otlp/2': ok }
  const whole = {
    start_time: time,
    ...ill,
    components: {
      extensions: { ...ok, components: { 'extension:health_check': ok } },
      'pipeline:logs': { ...ill, components: logs },
      'pipeline:traces/web': { ...ok, components: { 'receiver:otlp': ok, 'exporter:otlp/2': ok } },
    },
  }
  expect(await json('/status?verbose')).toEqual({ code: 500, body: whole })
  expect(await json('/?verbose')).toEqual({ code: 503, body: whole })
  expect(await json('/status')).toEqual({ code: 500, body: { start_time: time, ...ill } })
  expect(await json('/status?pipeline=traces/web')).toEqual({ code: 200, body: { start_time: time, ...ok } })
  const verbose = { code: 500, body: { start_time: time, ...ill, components: logs } }
  expect(await json('/status?pipeline=logs&verbose')).toEqual(verbose)
  expect((await json('/status?pipeline=nope')).code).toBe(404)
})

test('one that is not required is shown with its error, and does not make the agent unhealthy', async () => {
  const { set, json } = await started()
  set(running({ ...refused, required: false }))
  expect(await json('/status')).toMatchObject({ code: 200, body: { healthy: true, status: 'StatusRecoverableError' } })
})

test('starting and stopping are 503 and no error', async () => {
  const { set, json } = await started()
  expect(await json('/status')).toMatchObject({ code: 503, body: { healthy: false, status: 'StatusStarting' } })
  set({
    ...running(),
    ready: false,
    readySince: undefined,
    components: [of('receiver', 'otlp', { state: 'stopping' })],
  })
  expect(await json('/status')).toMatchObject({ code: 503, body: { healthy: false, status: 'StatusStopping' } })
})

test('component_health says what counts as healthy, and for how long what fails may', async () => {
  const { set, json, clock } = await started({ component_health: { recovery_duration: '1m' } })
  set(running({ ...refused, since: at }))
  clock.advance(59_999)
  expect((await json('/status')).code).toBe(200)
  clock.advance(1)
  expect((await json('/status')).code).toBe(500)
  const lenient = { include_permanent_errors: false, include_recoverable_errors: false }
  const other = await started({ component_health: lenient })
  for (const state of ['recoverable error', 'permanent error'] as const) {
    other.set(running({ state, error: 'x' }))
    expect((await other.json('/status')).code).toBe(200)
  }
})

test('version 2 listens for HTTP and gRPC where it is told', async () => {
  const { set, addresses, json, get, lines } = await started({
    use_v2: true,
    http: { endpoint: '127.0.0.1:0', status: { path: '/health/status' }, config: { enabled: true } },
    grpc: { endpoint: '127.0.0.1:0' },
  })
  expect(await json('/health/status')).toMatchObject({ code: 503 })
  expect((await get('/')).status).toBe(404)
  expect(lines.join('')).toContain('the configuration is not shown here')
  const client = newGrpcClient({ address: addresses[1]!, log: silentLog })
  onTestFinished(() => client.close())
  const ask = async (service: string) => {
    const name = Buffer.from(service)
    return client.unary('/grpc.health.v1.Health/Check', Buffer.from([10, name.length, ...name]))
  }
  expect(await ask('')).toEqual(Buffer.from([8, 2]))
  set(running(refused))
  expect(await ask('traces/web')).toEqual(Buffer.from([8, 1]))
  expect(await ask('logs')).toEqual(Buffer.from([8, 2]))
  await expect(ask('nope')).rejects.toMatchObject({ code: GrpcCode.notFound })
})

test('version 2 without a protocol is told so', async () => {
  await expect(started({ use_v2: true })).rejects.toThrow('use_v2: true takes http: {} or grpc: {} to listen on')
})

test.each([
  [0, '0s'],
  [950, '950ms'],
  [2500, '2.5s'],
  [62_000, '1m2s'],
  [3_602_000, '1h0m2s'],
])('%d ms is %s', (ms, text) => expect(goDuration(ms)).toBe(text))
