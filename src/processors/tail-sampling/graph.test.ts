import { expect, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { ledgerFamilies } from '../../delivery/ledger-families.ts'
import type { Instance, Plan } from '../../engine/plan.ts'
import { fixed64, traceRequest } from '../../ottl/testing/samples.ts'
import { buildGraph } from '../../pipeline.ts'
import { Batch, defineExporter, defineProcessor, defineReceiver, type Intake, object } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { field, int } from '../../telemetry/testing/encode.ts'
import tailSampling from './index.ts'

const about = { stability: 'beta', summary: '', config: object({}) } as const

/** A receiver of traces, two samplers one behind the other, a processor, an exporter without a queue. */
function newGraph() {
  const got: number[] = []
  let intake: Intake | undefined
  const receiver = defineReceiver({
    ...about,
    type: 'r',
    makes: ['traces'],
    pushesBack: true,
    create: ({ intakes }) => {
      intake = intakes.traces
      return { start: async () => {}, stop: async () => {} }
    },
  })
  const pass = defineProcessor({ ...about, type: 'p', takes: ['traces'], create: () => (batch) => batch })
  const exporter = defineExporter({
    ...about,
    type: 'x',
    takes: ['traces'],
    delivery: { semantics: 'none', order: 'kept', on_kill: 'everything' },
    create: ({ host }) => {
      const account = host.account()
      return {
        start: async () => {},
        stop: async () => {},
        admissions: () => [],
        consume(batch) {
          account.received += batch.count
          account.sent += batch.count
          got.push(batch.count)
        },
      }
    },
  })
  const policies = [{ name: 'long', type: 'latency', latency: { threshold_ms: 5 } }]
  const settings = (wait: string) => tailSampling.config.parse({ decision_wait: wait, policies })
  const config = settings('2s')
  const of = (id: string, spec: unknown, settings: unknown = {}) =>
    ({ id, spec, config: settings, required: true }) as Instance
  const plan: Plan = {
    instances: [
      of('r', receiver),
      of('tail_sampling', tailSampling, config),
      of('tail_sampling/2', tailSampling, config),
      of('p', pass),
      of('x', exporter),
    ],
    pipelines: [
      {
        id: 'traces',
        format: 'traces',
        receivers: ['r'],
        processors: ['tail_sampling', 'p', 'tail_sampling/2'],
        exporters: ['x'],
      },
    ],
    extensions: [],
    memoryLimit: 1 << 24,
    shutdownTimeoutMs: 0,
  }
  const clock = new ManualClock()
  const ledger = new Ledger()
  const budget = new Budget('service', plan.memoryLimit)
  const graph = buildGraph(plan, { log: silentLog, clock, metrics: new Metrics(), ledger, budget })
  const offer = (...traces: [id: number, ms: number][]) => {
    const spans = traces.map(([id, ms]) => [
      field(1, Buffer.alloc(16, id)),
      fixed64(7, 1_000_000n),
      fixed64(8, BigInt(ms + 1) * 1_000_000n),
      int(6, 2),
    ])
    intake!.offer(Batch.copyOf('traces', traceRequest(...spans)))
  }
  const balanced = () => ledger.accounts.map((account) => account.imbalance())
  /** The same with another `decision_wait` for the first sampler. */
  const reload = (wait: string) => {
    const instances = plan.instances.map((each) =>
      each.id === 'tail_sampling' ? of('tail_sampling', tailSampling, settings(wait)) : each,
    )
    return graph.reload({ ...plan, instances, shutdownTimeoutMs: 1000 })
  }
  return { graph, clock, ledger, budget, got, offer, balanced, reload }
}

test('spans that are held have their place in the books of the graph', () => {
  const { clock, ledger, budget, got, offer, balanced } = newGraph()
  offer([1, 9], [2, 1], [3, 9])
  offer([1, 0])
  expect(balanced().every((rest) => rest === 0)).toBe(true)
  const held = () => ledgerFamilies(ledger).find(({ name }) => name === 'tailrace_held_records')!.series
  expect(held().map(({ labels, value }) => [labels.id, value])).toContainEqual(['tail_sampling', 4])
  expect(budget.used).toBeGreaterThan(0)
  clock.advance(2000)
  expect(balanced().every((rest) => rest === 0)).toBe(true)
  expect(held().map(({ labels, value }) => [labels.id, value])).toContainEqual(['tail_sampling/2', 3])
  clock.advance(2000)
  expect(got).toEqual([3])
  expect(balanced().every((rest) => rest === 0)).toBe(true)
  // What is remembered of five decisions.
  expect(budget.used).toBe(5 * 80)
})

test('a stop decides what is held before exporters stop', async () => {
  const { graph, ledger, got, offer, balanced } = newGraph()
  await graph.start()
  offer([1, 9], [2, 1])
  await graph.stop(AbortSignal.timeout(1000))
  expect(got).toEqual([1])
  expect(balanced().every((rest) => rest === 0)).toBe(true)
  expect(ledger.accounts.map((account) => account.held())).not.toContain(1)
})

test('a reload decides what the old one of a changed sampler holds, and leaves the others alone', async () => {
  const { graph, clock, ledger, budget, got, offer, balanced, reload } = newGraph()
  await graph.start()
  offer([1, 9], [2, 1])
  const { settled } = await reload('5s')
  offer([3, 9])
  expect(balanced().every((rest) => rest === 0)).toBe(true)
  await settled
  expect(balanced().every((rest) => rest === 0)).toBe(true)
  const held = (id: string) => ledger.accounts.find((account) => account.id === id)!.held()
  expect([held('tail_sampling'), held('tail_sampling/2')]).toEqual([1, 1])
  clock.advance(2000)
  expect(got).toEqual([1])
  clock.advance(5000)
  expect(got).toEqual([1, 1])
  await graph.stop(AbortSignal.timeout(1000))
  expect(budget.used).toBe(0)
})
