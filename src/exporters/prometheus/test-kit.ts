import { afterEach } from 'vitest'
import { encodeOtlpMetrics } from '../../../test/support/decode.ts'
import { fetchPage } from '../../../test/support/fetch-page.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { Batch } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import prometheus from './index.ts'

const closers: (() => unknown)[] = []
afterEach(() => Promise.all(closers.splice(0).map((close) => close())))

export const at = 1_700_000_000_000n
export const nanos = (ms: bigint) => ms * 1_000_000n
const attributes = (of: Record<string, string>) =>
  Object.entries(of).map(([key, stringValue]) => ({ key, value: { stringValue } }))

export type Point = Record<string, unknown>
export const point = (value: number, of: Record<string, string> = {}, more: Point = {}): Point => ({
  timeUnixNano: nanos(at),
  asDouble: value,
  attributes: attributes(of),
  ...more,
})
export const gauge = (name: string, dataPoints: Point[], unit = '') => ({ name, unit, gauge: { dataPoints } })
export const sum = (name: string, dataPoints: Point[], aggregationTemporality = 2, isMonotonic = true) => ({
  name,
  sum: { dataPoints, aggregationTemporality, isMonotonic },
})

export function batchOf(metrics: object[], resource: Record<string, string> = {}, scope: object = {}): Batch {
  const bytes = encodeOtlpMetrics({
    resourceMetrics: [{ resource: { attributes: attributes(resource) }, scopeMetrics: [{ scope, metrics }] }],
  })
  return Batch.copyOf('metrics', bytes)
}

export async function exporting(written: Record<string, unknown> = {}) {
  const clock = new ManualClock()
  const ledger = new Ledger()
  const metrics = new Metrics()
  const lines: string[] = []
  const log = newLog({ level: 'info', write: (line) => void lines.push(line) })
  const host = newHost(
    { log, clock, metrics, ledger, budget: new Budget('service') },
    { kind: 'exporter', type: 'prometheus', id: 'prometheus', readsOrigins: false, extension: () => undefined },
  )
  const exporter = prometheus.create({ config: prometheus.config.parse({ endpoint: '127.0.0.1:0', ...written }), host })
  await exporter.start()
  closers.push(() => exporter.stop(AbortSignal.abort()))
  const [, address] = /listening on (\S+)/.exec(lines.join(''))!
  const page = (headers?: Record<string, string>) => fetchPage(`http://${address}/metrics`, headers)
  return {
    exporter,
    clock,
    lines,
    metrics,
    account: ledger.accounts[0]!,
    page,
    text: async (headers?: Record<string, string>) => (await page(headers)).text,
    take: (...metrics: object[]) => exporter.consume(batchOf(metrics)),
  }
}
