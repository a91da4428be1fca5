import { expect, test } from 'vitest'
import { deliveryConfig, envelopes } from '../../test/support/delivery.ts'
import { recordSpans } from '../../test/support/spans.ts'
import { object } from '../config/fields.ts'
import { Budget } from '../delivery/budget.ts'
import { Ledger } from '../delivery/ledger.ts'
import { queued } from '../delivery/queued.ts'
import { sent } from '../delivery/sender.ts'
import { buildGraph } from '../pipeline.ts'
import {
  type AnySpec,
  type Batch,
  defineConnector,
  defineExporter,
  defineProcessor,
  defineReceiver,
  type Format,
  type Intake,
} from '../plugin.ts'
import { ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { Metrics } from '../runtime/metrics.ts'
import { BatchSampler } from './batch-sampler.ts'

const about = { stability: 'experimental', summary: 'For a test.', config: object({}) } as const

/** Exporters that deliver at once. */
const exporter = (takes: Format[]) =>
  defineExporter({
    ...about,
    type: 'x',
    takes,
    delivery: { semantics: 'none', order: 'kept', on_kill: 'everything' },
    create: ({ host }) =>
      queued(deliveryConfig({ linger: 0 }), host, { send: (batch) => sent(batch.count), close() {} }),
  })

const processor = (process: (batch: Batch) => Batch | undefined) =>
  defineProcessor({ ...about, type: 'p', takes: ['envelopes'], create: () => process })

/** Hands on every batch, and takes two milliseconds before. */
const connector = (clock: ManualClock) =>
  defineConnector({
    ...about,
    type: 'c',
    takes: ['envelopes'],
    makes: ['envelopes'],
    create: ({ next }) => ({
      consume(batch) {
        clock.advance(2)
        next.consume(batch)
      },
    }),
  })

interface Pipe {
  readonly id: string
  readonly receivers: readonly string[]
  readonly processors?: readonly string[]
  readonly exporters: readonly string[]
}

async function run(specs: (clock: ManualClock) => Record<string, AnySpec>, pipes: readonly Pipe[]) {
  const { tracer, spans } = recordSpans()
  const clock = new ManualClock()
  const metrics = new Metrics()
  const sampler = new BatchSampler({ tracer, clock, metrics, maxPerSecond: 10 })
  let intake: Intake | undefined
  const r = defineReceiver({
    ...about,
    type: 'r',
    makes: ['envelopes'],
    pushesBack: true,
    create: ({ intakes }) => {
      intake = intakes.envelopes
      return { async start() {}, async stop() {} }
    },
  })
  const instances = Object.entries({ r, ...specs(clock) }).map(([id, spec]) => ({
    id,
    spec,
    config: {},
    required: true,
  }))
  const pipelines = pipes.map(({ processors = [], ...pipe }) => ({ ...pipe, processors, format: 'envelopes' as const }))
  const ledger = new Ledger()
  const graph = buildGraph(
    { instances, pipelines, extensions: [], memoryLimit: Number.POSITIVE_INFINITY, shutdownTimeoutMs: 1000 },
    { log: silentLog, clock, metrics, ledger, budget: new Budget('test'), sampler },
  )
  await graph.start()
  await intake!.offer(envelopes(['a', 'b']))
  await graph.stop(AbortSignal.abort())
  const root = spans().find(({ name }) => name === 'receive r')!
  expect(spans().every((span) => span === root || span.trace === root.trace)).toBe(true)
  const inside = spans().filter(({ id }) => id !== root.id)
  expect(inside.every(({ parent }) => parent === root.id)).toBe(true)
  return {
    root,
    names: spans().map(({ name }) => name),
    of: (name: string) => spans().filter((span) => span.name === name),
  }
}

test('every processor, queue and send of a fan-out is in one trace, which ends with the last of them', async () => {
  const pass = processor((batch) => batch)
  const { names, of, root } = await run(
    () => ({ p: pass, 'p/two': pass, x: exporter(['envelopes']), 'x/two': exporter(['envelopes']) }),
    [
      { id: 'envelopes', receivers: ['r'], processors: ['p', 'p/two'], exporters: ['x', 'x/two'] },
      { id: 'envelopes/more', receivers: ['r'], processors: ['p'], exporters: ['x'] },
    ],
  )
  expect(names).toEqual([
    ...['process p', 'process p/two', 'queue x', 'send x', 'queue x/two', 'send x/two'],
    ...['process p', 'queue x', 'send x', 'receive r'],
  ])
  expect(of('process p').map(({ attributes }) => attributes.pipeline)).toEqual(['envelopes', 'envelopes/more'])
  expect(root.attributes).toMatchObject({ records: 2, format: 'envelopes', outcome: 'delivered' })
})

test('a processor that lets nothing through ends the trace', async () => {
  const { names, of } = await run(
    () => ({ p: processor(() => undefined), x: exporter(['envelopes']) }),
    [{ id: 'envelopes', receivers: ['r'], processors: ['p'], exporters: ['x'] }],
  )
  expect(names).toEqual(['process p', 'receive r'])
  expect(of('process p')[0]!.attributes).toMatchObject({ records: 2, records_out: 0 })
})

test('a processor that throws says what, and the trace ends as a fault', async () => {
  const fails = processor(() => {
    throw new Error('cannot')
  })
  const { of, root } = await run(
    () => ({ p: fails, x: exporter(['envelopes']) }),
    [{ id: 'envelopes', receivers: ['r'], processors: ['p'], exporters: ['x'] }],
  )
  expect(of('process p')[0]!.error).toBe('cannot')
  expect(root).toMatchObject({ error: 'fault', attributes: { outcome: 'dropped', reason: 'fault' } })
})

test('conversions have a span of their own', async () => {
  const { names, of } = await run(
    () => ({ x: exporter(['logs']) }),
    [{ id: 'envelopes', receivers: ['r'], exporters: ['x'] }],
  )
  expect(names).toEqual(['process envelopes to logs, metrics, traces', 'queue x', 'send x', 'receive r'])
  expect(of('process envelopes to logs, metrics, traces')[0]!.attributes).toMatchObject({ records: 2, records_out: 2 })
})

test('the span of a connector is its own work, not that of what stands behind it', async () => {
  const { names, of } = await run(
    (clock) => ({
      c: connector(clock),
      p: processor((batch) => {
        clock.advance(5)
        return batch
      }),
      x: exporter(['envelopes']),
    }),
    [
      { id: 'envelopes', receivers: ['r'], exporters: ['c'] },
      { id: 'envelopes/behind', receivers: ['c'], processors: ['p'], exporters: ['x'] },
    ],
  )
  expect(names).toEqual(['process c', 'process p', 'queue x', 'send x', 'receive r'])
  const took = (name: string) => of(name).map(({ start, end }) => end - start)
  expect([took('process c'), took('process p'), took('receive r')]).toEqual([[2], [5], [7]])
})
