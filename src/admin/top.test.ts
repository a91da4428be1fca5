import { expect, test } from 'vitest'
import { Ledger } from '../delivery/ledger.ts'
import { Port } from '../engine/nodes.ts'
import { Taps } from '../engine/taps.ts'
import { ManualClock } from '../runtime/clock.ts'
import type { Batch } from '../telemetry/batch.ts'
import { startTop, type TopSample } from './top.ts'

function running() {
  const clock = new ManualClock()
  const ledger = new Ledger(clock)
  const taps = new Taps()
  const components = [{ kind: 'exporter' as const, id: 'otlp', required: true, state: 'ok' as const, since: 0 }]
  const status = () => ({ ready: true, readySince: 0, components, pipelines: [] })
  const samples: TopSample[] = []
  const budget = { used: 5, maxBytes: 100 }
  const top = startTop({ ledger, clock, taps, budget, status }, 1000, (sample) => samples.push(sample))
  return { clock, ledger, taps, samples, top }
}

test('rates since the look before, what is held, how full, how long', () => {
  const { clock, ledger, samples } = running()
  const queue = ledger.open('queue', 'otlp')
  queue.fill = { size: () => 25, capacity: 100 }
  queue.received = 150
  queue.sent = 100
  queue.drop('queue_full', 10)
  queue.turned_away = 5
  queue.held = () => 40
  clock.advance(1000)
  expect(samples[0]).toMatchObject({
    interval_ms: 1000,
    process: { pid: process.pid, ready: true, queued: 5, memory_limit: 100 },
  })
  expect(samples[0]!.rows).toEqual([
    {
      kind: 'queue',
      id: 'otlp',
      labels: {},
      state: 'ok',
      in: 150,
      out: 100,
      dropped: 10,
      refused: 5,
      total: { in: 150, out: 100, dropped: 10 },
      held: 40,
      fill: 0.25,
      latency_ms: 400,
      cpu: 0,
    },
  ])
  clock.advance(1000)
  expect(samples[1]!.rows[0]).toMatchObject({ in: 0, out: 0, dropped: 0, latency_ms: null })
})

test('the work of an exporter is split among its queues as what comes in', () => {
  const { clock, ledger, taps, samples, top } = running()
  const port = new Port({
    consume() {
      const end = performance.now() + 10
      while (performance.now() < end);
    },
  })
  taps.enters({ kind: 'queue', id: 'otlp' }, port)
  const queues = ['logs', 'traces', 'metrics'].map((signal) => ledger.open('queue', 'otlp', { signal }))
  queues[0]!.received = 75
  queues[1]!.received = 25
  port.consume({} as Batch)
  clock.advance(1000)
  const [logs, traces, metrics] = samples[0]!.rows.map(({ cpu }) => cpu!)
  expect(logs).toBeGreaterThanOrEqual(0.0075)
  expect(traces! / logs!).toBeCloseTo(1 / 3)
  expect(metrics).toBe(0)
  top.stop()
  clock.advance(5000)
  expect(samples).toHaveLength(1)
})
