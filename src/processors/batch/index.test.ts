import { describe, expect, test } from 'vitest'
import { deliveryConfig, envelopes, textsOf } from '../../../test/support/delivery.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { queued } from '../../delivery/queued.ts'
import { sent } from '../../delivery/sender.ts'
import type { Instance } from '../../engine/plan.ts'
import { buildGraph } from '../../pipeline.ts'
import { type Batch, defineConnector, defineExporter, defineReceiver, type Intake, object } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import batch from './index.ts'

const about = { stability: 'experimental', summary: 'For a test.', config: object({}) } as const

interface World {
  /** Settings of `batch` in the first pipeline; undefined: it is not there. */
  settings?: object
  /** What the exporter's own settings say. */
  own?: Record<string, unknown>
  /** The exporter stands behind a connector. */
  connector?: boolean
}

/** A receiver, perhaps `batch`, and an exporter that notes what it sends. */
async function run({ settings, own = {}, connector = false }: World) {
  const clock = new ManualClock()
  const sends: string[][] = []
  let intake: Intake | undefined
  const sender = {
    send(part: Batch) {
      sends.push(textsOf(part))
      return sent(part.count)
    },
    close() {},
  }
  const receiver = defineReceiver({
    ...about,
    type: 'r',
    makes: ['envelopes'],
    pushesBack: true,
    create: ({ intakes }) => {
      intake = intakes.envelopes
      return { start: async () => {}, stop: async () => {} }
    },
  })
  const exporter = defineExporter({
    ...about,
    type: 'x',
    takes: ['envelopes'],
    delivery: { semantics: 'none', order: 'kept', on_kill: 'everything' },
    create: ({ host }) => queued(deliveryConfig(own), host, sender),
  })
  const forward = defineConnector({
    ...about,
    type: 'c',
    takes: ['envelopes'],
    makes: ['envelopes'],
    create: ({ next }) => ({ consume: (part) => next.consume(part) }),
  })
  const instance = (id: string, spec: Instance['spec'], config: unknown = {}) => ({ id, spec, config, required: true })
  const processors = settings ? ['batch'] : []
  const pipeline = { id: 'envelopes', format: 'envelopes' as const, receivers: ['r'], processors, exporters: ['x'] }
  const second = { ...pipeline, id: 'envelopes/2', receivers: ['c'], processors: [] }
  const graph = buildGraph(
    {
      instances: [
        instance('r', receiver),
        instance('x', exporter),
        instance('c', forward),
        ...(settings ? [instance('batch', batch, batch.config.parse(settings))] : []),
      ],
      pipelines: connector ? [{ ...pipeline, exporters: ['c'] }, second] : [pipeline],
      extensions: [],
      memoryLimit: Number.POSITIVE_INFINITY,
      shutdownTimeoutMs: 1000,
    },
    { log: silentLog, clock, metrics: new Metrics(), ledger: new Ledger(), budget: new Budget('test') },
  )
  await graph.start()
  const offer = (...texts: string[]) => intake!.offer(envelopes(texts))
  return { graph, clock, sends, offer }
}

describe('what the queues behind it do', () => {
  test('a written timeout is obeyed to the letter: nothing before it, everything then', async () => {
    const { sends, offer, clock } = await run({ settings: { timeout: '200ms' } })
    void offer('a')
    clock.advance(150)
    void offer('b')
    clock.advance(49)
    expect(sends).toEqual([])
    clock.advance(1)
    expect(sends).toEqual([['a', 'b']])
  })

  test('without a written timeout an idle destination is sent to at once, then within five milliseconds', async () => {
    const { sends, offer, clock } = await run({ settings: {}, own: { linger: '25ms' } })
    void offer('a')
    expect(sends).toEqual([['a']])
    void offer('b')
    void offer('c')
    clock.advance(4)
    expect(sends).toHaveLength(1)
    clock.advance(1)
    expect(sends).toEqual([['a'], ['b', 'c']])
  })

  test('timeout 0 sends at once', async () => {
    const { sends, offer } = await run({ settings: { timeout: 0 } })
    void offer('a')
    void offer('b')
    expect(sends).toEqual([['a'], ['b']])
  })

  test('send_batch_size sends before the timeout, send_batch_max_size cuts', async () => {
    const settings = { timeout: '10s', send_batch_size: 3, send_batch_max_size: 3 }
    const { sends, offer, clock } = await run({ settings })
    void offer('a', 'b')
    expect(sends).toEqual([])
    void offer('c', 'd')
    expect(sends).toEqual([['a', 'b', 'c']])
    clock.advance(10_000)
    expect(sends).toEqual([['a', 'b', 'c'], ['d']])
  })

  test('it reaches through connectors', async () => {
    const { sends, offer, clock } = await run({ settings: { timeout: '1s' }, connector: true })
    void offer('a')
    clock.advance(999)
    expect(sends).toEqual([])
    clock.advance(1)
    expect(sends).toEqual([['a']])
  })

  test('sending_queue.batch of the exporter stands above it', async () => {
    const own = { sending_queue: { batch: { flush_timeout: '50ms', min_size: 10 } } }
    const { sends, offer, clock } = await run({ settings: { timeout: '1s' }, own })
    void offer('a')
    clock.advance(50)
    expect(sends).toEqual([['a']])
  })

  test('what waits for its batch goes when the process stops', async () => {
    const { graph, sends, offer } = await run({ settings: { timeout: '1h' } })
    void offer('a')
    await graph.stop(new AbortController().signal)
    expect(sends).toEqual([['a']])
  })
})

describe('settings', () => {
  const faults: [object, string][] = [
    [
      { send_batch_size: 10, send_batch_max_size: 5 },
      'send_batch_max_size must be greater or equal to send_batch_size',
    ],
    [{ timeout: '-1s' }, 'timeout must be greater or equal to 0'],
    [{ metadata_keys: ['a', 'A'] }, 'duplicate entry in metadata_keys: "a" (case-insensitive)'],
  ]
  test.each(faults)('%j', (settings, message) => {
    expect(batch.config.safeParse(settings).error?.issues.map((issue) => issue.message)).toEqual([message])
  })

  test('metadata keys ask receivers to keep origins apart', () => {
    const reads = batch.readsOrigins as (config: unknown) => boolean
    expect(reads(batch.config.parse({ metadata_keys: ['X-Tenant'] }))).toBe(true)
    expect(reads(batch.config.parse({}))).toBe(false)
    expect(batch.batching?.(batch.config.parse({ metadata_keys: ['X-Tenant'] }))).toMatchObject({
      metadataKeys: ['x-tenant'],
    })
  })
})
