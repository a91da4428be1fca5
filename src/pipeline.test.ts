import { describe, expect, test } from 'vitest'
import { envelopes, textsOf } from '../test/support/delivery.ts'
import { object } from './config/fields.ts'
import { Budget } from './delivery/budget.ts'
import { Ledger } from './delivery/ledger.ts'
import type { Instance, PipelinePlan } from './engine/plan.ts'
import { buildGraph } from './pipeline.ts'
import {
  type AnySpec,
  type Batch,
  type Component,
  defineConnector,
  defineExporter,
  defineExtension,
  defineProcessor,
  defineReceiver,
  type Format,
  type Host,
  type Intakes,
  Receipt,
} from './plugin.ts'
import { ManualClock } from './runtime/clock.ts'
import { newLog } from './runtime/log.ts'
import { Metrics } from './runtime/metrics.ts'
import type { Outcome } from './telemetry/receipt.ts'

const about = { stability: 'experimental', summary: 'For a test.', config: object({}) } as const

/** A little world: components that note what happens to them. */
function newWorld() {
  const events: string[] = []
  const got = new Map<string, Batch[]>()
  const intakes = new Map<string, Intakes>()
  const life = (name: string, fails = false): Component => ({
    async start() {
      events.push(`start ${name}`)
      if (fails) throw new Error('port taken')
    },
    async stop() {
      events.push(`stop ${name}`)
    },
  })
  const receiver = (makes: Format[], fails = false) =>
    defineReceiver({
      ...about,
      type: 'r',
      makes,
      pushesBack: true,
      create: ({ host, intakes: given }) => {
        intakes.set(host.id, given)
        return life(`receiver ${host.id}`, fails)
      },
    })
  const exporter = (takes: Format[]) =>
    defineExporter({
      ...about,
      type: 'x',
      takes,
      delivery: { semantics: 'none', order: 'kept', on_kill: 'everything' },
      create: ({ host }) => ({
        ...life(`exporter ${host.id}`),
        admissions: () => [],
        consume: (batch) => void got.set(host.id, [...(got.get(host.id) ?? []), batch]),
      }),
    })
  const processor = (process: (batch: Batch) => Batch) =>
    defineProcessor({ ...about, type: 'p', takes: ['envelopes'], create: () => process })
  const connector = defineConnector({
    ...about,
    type: 'c',
    takes: ['envelopes'],
    makes: ['envelopes'],
    create: ({ host, next }) => ({
      consume(batch) {
        host.consumed(batch.count)
        host.made(batch.count)
        next.consume(batch)
      },
    }),
  })
  const extension = defineExtension({ ...about, type: 'e', create: ({ host }) => life(`extension ${host.id}`) })
  return { events, got, intakes, receiver, exporter, processor, connector, extension }
}

const exporterThatStops = (stop: Component['stop']) =>
  defineExporter({
    ...about,
    type: 'x',
    takes: ['envelopes'],
    delivery: { semantics: 'none', order: 'kept', on_kill: 'everything' },
    create: () => ({ start: async () => {}, stop, admissions: () => [], consume: () => {} }),
  })

const of = (id: string, spec: AnySpec, required = true): Instance => ({ id, spec, config: {}, required })

const pipe = (
  id: string,
  receivers: string[],
  processors: string[],
  exporters: string[],
  format: Format = 'envelopes',
): PipelinePlan => ({ id, format, receivers, processors, exporters })

function build(instances: Instance[], pipelines: PipelinePlan[], extensions: string[] = []) {
  const lines: string[] = []
  const ledger = new Ledger()
  const shared = {
    log: newLog({ write: (line) => void lines.push(line) }),
    clock: new ManualClock(),
    metrics: new Metrics(),
    ledger,
    budget: new Budget('test'),
  }
  const plan = { instances, pipelines, extensions, memoryLimit: Number.POSITIVE_INFINITY, shutdownTimeoutMs: 1000 }
  return { graph: buildGraph(plan, shared), ledger, lines, clock: shared.clock }
}

const never = new AbortController().signal

describe('the life cycle', () => {
  test('starts extensions, exporters, then receivers, and stops the other way round', async () => {
    const { events, receiver, exporter, extension } = newWorld()
    const { graph } = build(
      [of('r', receiver(['envelopes'])), of('x', exporter(['envelopes'])), of('e', extension)],
      [pipe('envelopes', ['r'], [], ['x'])],
      ['e'],
    )
    await graph.start()
    await graph.stop(never)
    expect(events).toEqual([
      'start extension e',
      'start exporter x',
      'start receiver r',
      'stop receiver r',
      'stop exporter x',
      'stop extension e',
    ])
  })

  test('a required component that cannot start is named with the reason', async () => {
    const { receiver, exporter } = newWorld()
    const { graph } = build(
      [of('r', receiver(['envelopes'], true)), of('x', exporter(['envelopes']))],
      [pipe('envelopes', ['r'], [], ['x'])],
    )
    await expect(graph.start()).rejects.toThrow('cannot start pipelines: failed to start "r" receiver: port taken')
    expect(graph.ready()).toBe(false)
  })

  test('a component that cannot even be created is named too', () => {
    const { receiver, exporter } = newWorld()
    const faulty = defineReceiver({
      ...receiver(['envelopes']),
      create() {
        throw new Error('failed to load keypair: no certificate')
      },
    })
    const all = [of('r', faulty), of('x', exporter(['envelopes']))]
    expect(() => build(all, [pipe('envelopes', ['r'], [], ['x'])])).toThrow(
      'failed to build pipelines: failed to create "r" receiver: failed to load keypair: no certificate',
    )
  })

  test('a component that never stops is left behind after the deadline', async () => {
    const { exporter, receiver } = newWorld()
    const hanging = defineExporter({
      ...exporter(['envelopes']),
      create: () => ({
        start: async () => {},
        stop: () => new Promise<void>(() => {}),
        admissions: () => [],
        consume: () => {},
      }),
    })
    const { graph, lines } = build(
      [of('r', receiver(['envelopes'])), of('x', hanging)],
      [pipe('envelopes', ['r'], [], ['x'])],
    )
    await graph.start()
    await graph.stop(AbortSignal.abort())
    expect(lines.join('')).toContain('it did not come back in time')
  })

  test('a receiver that never comes to an end leaves the exporters time to drain', async () => {
    const lasting = defineReceiver({
      ...about,
      type: 'r',
      makes: ['envelopes'],
      pushesBack: true,
      create: () => ({
        start: async () => {},
        stop: (deadline) => new Promise((resolve) => deadline.addEventListener('abort', () => resolve())),
      }),
    })
    let late: boolean | undefined
    const draining = exporterThatStops(async (deadline) => {
      late = deadline.aborted
    })
    const { graph } = build([of('r', lasting), of('x', draining)], [pipe('envelopes', ['r'], [], ['x'])])
    await graph.start()
    await graph.stop(AbortSignal.timeout(1000))
    expect(late).toBe(false)
  })

  test('exporters start before the processors from the last to the first, receivers last; the stop is the reverse', async () => {
    const { events, receiver, exporter } = newWorld()
    const living = (name: string) =>
      defineProcessor({
        ...about,
        type: 'p',
        takes: ['envelopes'],
        create: () => ({
          process: (batch) => batch,
          start: async () => void events.push(`start ${name}`),
          stop: async () => void events.push(`stop ${name}`),
        }),
      })
    const all = [
      of('r', receiver(['envelopes'])),
      of('p1', living('p1')),
      of('p2', living('p2')),
      of('x', exporter(['envelopes'])),
    ]
    const { graph } = build(all, [pipe('envelopes', ['r'], ['p1', 'p2'], ['x'])])
    await graph.start()
    expect(events).toEqual(['start exporter x', 'start p2', 'start p1', 'start receiver r'])
    await graph.stop(never)
    expect(events.slice(4)).toEqual(['stop receiver r', 'stop p1', 'stop p2', 'stop exporter x'])
  })

  test('pipelines share one receiver and one exporter, each has processors of its own', async () => {
    const { events, receiver, exporter } = newWorld()
    let made = 0
    const counted = defineProcessor({
      ...about,
      type: 'p',
      takes: ['envelopes', 'logs'],
      create: () => {
        made++
        return (batch) => batch
      },
    })
    const { graph } = build(
      [of('r', receiver(['envelopes', 'logs'])), of('p', counted), of('x', exporter(['envelopes', 'logs']))],
      [
        pipe('envelopes/a', ['r'], ['p'], ['x']),
        pipe('envelopes/b', ['r'], ['p'], ['x']),
        pipe('logs', ['r'], ['p'], ['x'], 'logs'),
      ],
    )
    await graph.start()
    await graph.stop(never)
    expect(events).toEqual(['start exporter x', 'start receiver r', 'stop receiver r', 'stop exporter x'])
    expect(made).toBe(3)
  })

  test('an exporter that cannot start is named; everything that was started can be stopped', async () => {
    const { events, receiver, exporter, extension } = newWorld()
    const broken = defineExporter({
      ...exporter(['envelopes']),
      create: () => ({
        start: () => Promise.reject(new Error('no route')),
        stop: async () => {},
        admissions: () => [],
        consume: () => {},
      }),
    })
    const { graph } = build(
      [of('r', receiver(['envelopes'])), of('x', broken), of('e', extension)],
      [pipe('envelopes', ['r'], [], ['x'])],
      ['e'],
    )
    await expect(graph.start()).rejects.toThrow('cannot start pipelines: failed to start "x" exporter: no route')
    await graph.stop(never)
    expect(events).toEqual(['start extension e', 'stop receiver r', 'stop extension e'])
  })

  test('what runs can be asked for: components with their state, pipelines', async () => {
    let host: Host | undefined
    const { receiver, exporter, processor } = newWorld()
    const curious = defineExtension({
      ...about,
      type: 'e',
      create: (use) => {
        host = use.host
        return { start: async () => {}, stop: async () => {} }
      },
    })
    let working = true
    const doubtful = defineExporter({
      ...exporter(['envelopes']),
      create: () => ({
        start: async () => {},
        stop: async () => {},
        ready: () => working,
        admissions: () => [],
        consume: () => {},
      }),
    })
    const { graph } = build(
      [
        of('r', receiver(['envelopes'], true), false),
        of(
          'p',
          processor((batch) => batch),
        ),
        of('x', doubtful),
        of('e', curious),
      ],
      [pipe('envelopes', ['r'], ['p'], ['x'])],
      ['e'],
    )
    expect(host!.status()).toMatchObject({ ready: false, readySince: undefined })
    await graph.start()
    const states = () => host!.status().components.map(({ kind, id, state, error }) => [kind, id, state, error])
    expect(states()).toEqual([
      ['extension', 'e', 'ok', undefined],
      ['exporter', 'x', 'ok', undefined],
      ['receiver', 'r', 'recoverable error', 'port taken'],
      ['processor', 'p', 'ok', undefined],
    ])
    expect(host!.status().ready).toBe(true)
    working = false
    expect(host!.status().ready).toBe(false)
    expect(states()).toContainEqual(['exporter', 'x', 'recoverable error', 'it says that it cannot work right now'])
    working = true
    const stopped = graph.stop(never)
    expect(host!.status().ready).toBe(false)
    await stopped
  })

  test('an exporter that says nothing of itself is judged by what its queues deliver', async () => {
    const { receiver, exporter } = newWorld()
    let host: Host
    const silent = defineExporter({
      ...exporter(['envelopes']),
      create: (use) => {
        host = use.host
        return { start: async () => {}, stop: async () => {}, admissions: () => [], consume: () => {} }
      },
    })
    const { graph } = build([of('r', receiver(['envelopes'])), of('x', silent)], [pipe('envelopes', ['r'], [], ['x'])])
    const account = host!.account()
    await graph.start()
    expect(graph.ready()).toBe(true)
    account.trouble = () => ({ error: 'everything is refused: 401', since: 0, lasting: true })
    expect(graph.ready()).toBe(false)
    const told = { id: 'x', state: 'permanent error', error: 'everything is refused: 401' }
    expect(graph.status().components).toContainEqual(expect.objectContaining(told))
  })

  test('one that is not required is left out', async () => {
    const { receiver, exporter } = newWorld()
    const { graph, lines } = build(
      [of('r', receiver(['envelopes'], true), false), of('x', exporter(['envelopes']))],
      [pipe('envelopes', ['r'], [], ['x'])],
    )
    await graph.start()
    expect(graph.ready()).toBe(true)
    expect(lines.join('')).toContain('going on without it')
  })
})

describe('the way of a batch', () => {
  test('goes through processors in order to every exporter, uncopied', () => {
    const { got, intakes, receiver, exporter, processor } = newWorld()
    const seen: string[] = []
    const note = (name: string) =>
      processor((batch) => {
        seen.push(name)
        return batch
      })
    const { ledger } = build(
      [
        of('r', receiver(['envelopes'])),
        of('a', note('a')),
        of('b', note('b')),
        of('x', exporter(['envelopes'])),
        of('y', exporter(['envelopes'])),
      ],
      [pipe('envelopes', ['r'], ['a', 'b'], ['x', 'y'])],
    )
    intakes.get('r')!.envelopes!.offer(envelopes(['1']))
    expect(seen).toEqual(['a', 'b'])
    expect(got.get('x')![0]).toBe(got.get('y')![0])
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
  })

  test('a processor that throws loses the batch, by name, and nothing else', () => {
    const { got, intakes, receiver, exporter, processor } = newWorld()
    let calls = 0
    const faulty = processor((batch) => {
      if (calls++ === 0) throw new Error('bug')
      return batch
    })
    const { ledger } = build(
      [of('r', receiver(['envelopes'])), of('p', faulty), of('x', exporter(['envelopes']))],
      [pipe('envelopes', ['r'], ['p'], ['x'])],
    )
    const { envelopes: intake } = intakes.get('r')!
    intake!.offer(envelopes(['1', '2']))
    intake!.offer(envelopes(['3']))
    expect(got.get('x')!.flatMap(textsOf)).toEqual(['3'])
    const books = ledger.open('processor', 'p', { pipeline: 'envelopes' })
    expect(books.dropped('fault')).toBe(2)
    expect(books.imbalance()).toBe(0)
  })

  test('a processor that throws half way keeps its books, and its receipts tell of the loss', () => {
    const { got, intakes, receiver, exporter } = newWorld()
    const faulty = defineProcessor({
      ...about,
      type: 'p',
      takes: ['envelopes'],
      create:
        ({ host }) =>
        (batch) => {
          host.consumed(1)
          host.made(5)
          if (batch.count === 2) throw new Error('bug')
          return envelopes(['1', '2', '3', '4', '5'])
        },
    })
    const { ledger } = build(
      [of('r', receiver(['envelopes'])), of('p', faulty), of('x', exporter(['envelopes']))],
      [pipe('envelopes', ['r'], ['p'], ['x'])],
    )
    const outcomes: Outcome[] = []
    const receipts = [new Receipt((outcome) => void outcomes.push(outcome))]
    intakes.get('r')!.envelopes!.offer(envelopes(['a', 'b'], 'app', { receipts }))
    intakes.get('r')!.envelopes!.offer(envelopes(['c']))
    expect(got.get('x')!.map(({ count }) => count)).toEqual([5])
    expect(outcomes).toEqual([{ dropped: 'fault' }])
    const books = ledger.open('processor', 'p', { pipeline: 'envelopes' })
    expect(books).toMatchObject({ received: 3, consumed: 2, made: 5, passed: 0 })
    expect([books.dropped('fault'), books.imbalance()]).toEqual([1, 0])
  })

  test('where formats do not fit one converter serves all takers', () => {
    const { got, intakes, receiver, exporter } = newWorld()
    const { ledger } = build(
      [of('r', receiver(['envelopes'])), of('x', exporter(['logs', 'metrics', 'traces'])), of('y', exporter(['logs']))],
      [pipe('envelopes', ['r'], [], ['x', 'y'])],
    )
    intakes.get('r')!.envelopes!.offer(envelopes(['1', '2']))
    expect(got.get('x')!.map(({ format, count }) => [format, count])).toEqual([['logs', 2]])
    expect(got.get('y')![0]).toBe(got.get('x')![0])
    const books = ledger.open('processor', 'envelopes to logs, metrics, traces', { pipeline: 'envelopes' })
    expect(books).toMatchObject({ received: 2, consumed: 2, made: 2 })
    expect(books.imbalance()).toBe(0)
  })

  test('a receiver that cannot make the format of the pipeline is converted too', () => {
    const { got, intakes, receiver, exporter } = newWorld()
    build([of('r', receiver(['envelopes'])), of('x', exporter(['logs']))], [pipe('logs', ['r'], [], ['x'], 'logs')])
    intakes.get('r')!.envelopes!.offer(envelopes(['1']))
    expect(got.get('x')).toMatchObject([{ format: 'logs', count: 1 }])
  })

  test('a connector joins two pipelines', () => {
    const { got, intakes, receiver, exporter, connector } = newWorld()
    build(
      [of('r', receiver(['envelopes'])), of('c', connector), of('x', exporter(['envelopes']))],
      [pipe('envelopes/in', ['r'], [], ['c']), pipe('envelopes/out', ['c'], [], ['x'])],
    )
    intakes.get('r')!.envelopes!.offer(envelopes(['1']))
    expect(got.get('x')).toHaveLength(1)
  })
})

describe('a connector that chooses among pipelines', () => {
  const newSorter = (named: readonly string[]) =>
    defineConnector({
      ...about,
      type: 'c',
      takes: ['envelopes'],
      makes: ['envelopes'],
      create: ({ host, into }) => {
        const [first, both] = [into(named.slice(0, 1)), into(named)]
        return {
          consume(batch) {
            first.consume(batch.slice(0, 1))
            host.made(1)
            both.consume(batch)
          },
        }
      },
    })

  test('hands records to those it says, converted where they want it, and its books add up', () => {
    const { got, intakes, receiver, exporter } = newWorld()
    const { ledger } = build(
      [
        of('r', receiver(['envelopes'])),
        of('c', newSorter(['envelopes/a', 'logs/b'])),
        of('x', exporter(['envelopes'])),
        of('y', exporter(['logs'])),
        of('z', exporter(['envelopes'])),
      ],
      [
        pipe('envelopes/in', ['r'], [], ['c']),
        pipe('envelopes/a', ['c'], [], ['x']),
        pipe('logs/b', ['c'], [], ['y'], 'logs'),
        pipe('envelopes/c', ['c'], [], ['z']),
      ],
    )
    intakes.get('r')!.envelopes!.offer(envelopes(['1', '2', '3']))
    expect(got.get('x')!.map(textsOf)).toEqual([['1'], ['1', '2', '3']])
    expect(got.get('y')).toMatchObject([{ format: 'logs', count: 3 }])
    expect(got.get('z')).toBeUndefined()
    expect(ledger.open('processor', 'c')).toMatchObject({ received: 3, passed: 3, made: 1 })
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
  })

  test('is refused when one of them does not receive from it', () => {
    const { receiver, exporter } = newWorld()
    const instances = [
      of('r', receiver(['envelopes'])),
      of('c', newSorter(['envelopes/b'])),
      of('x', exporter(['envelopes'])),
    ]
    const pipelines = [pipe('envelopes/in', ['r'], [], ['c']), pipe('envelopes/a', ['c'], [], ['x'])]
    expect(() => build(instances, pipelines)).toThrow('connector "c": pipeline "envelopes/b" does not receive from it')
  })
})

describe('a fault costs its own branch only', () => {
  const bug = () => {
    throw new Error('bug')
  }
  const faultyExporter = (consume: (batch: Batch, host: Host) => void) =>
    defineExporter({
      ...about,
      type: 'x',
      takes: ['envelopes'],
      delivery: { semantics: 'none', order: 'kept', on_kill: 'everything' },
      create: ({ host }) => ({
        start: async () => {},
        stop: async () => {},
        admissions: () => [],
        consume: (batch) => consume(batch, host),
      }),
    })

  test('of an exporter that throws before it counts anything', () => {
    const { got, intakes, receiver, exporter } = newWorld()
    const { ledger, lines, clock } = build(
      [of('r', receiver(['envelopes'])), of('bad', faultyExporter(bug)), of('x', exporter(['envelopes']))],
      [pipe('envelopes', ['r'], [], ['bad', 'x'])],
    )
    const outcomes: Outcome[] = []
    const receipts = [new Receipt((outcome) => void outcomes.push(outcome))]
    for (const text of ['1', '2', '3']) intakes.get('r')!.envelopes!.offer(envelopes([text], 'app', { receipts: [] }))
    clock.advance(10_000)
    intakes.get('r')!.envelopes!.offer(envelopes(['4'], 'app', { receipts }))
    expect(got.get('x')!.flatMap(textsOf)).toEqual(['1', '2', '3', '4'])
    const books = ledger.open('queue', 'bad')
    expect([books.received, books.dropped('fault'), books.imbalance()]).toEqual([4, 4, 0])
    // The first, and what came in the ten seconds after it.
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/bad.*failed on a batch, which is lost.*error="Error: bug".*at=pipeline\.test\.ts:\d+:\d+/)
    expect(lines[1]).toMatch(/records=3 batches=3/)
    // The exporter that kept them has not settled yet.
    expect(outcomes).toEqual([])
    got.get('x')!.at(-1)!.receipts[0]!.settle('delivered')
    expect(outcomes).toEqual([{ dropped: 'fault' }])
  })

  test('of an exporter that throws after it has counted a batch', () => {
    const { got, intakes, receiver, exporter } = newWorld()
    const bad = faultyExporter((batch, host) => {
      const account = host.account({ destination: 'a' })
      account.received += batch.count
      account.sent += 1
      bug()
    })
    const { ledger } = build(
      [of('r', receiver(['envelopes'])), of('bad', bad), of('x', exporter(['envelopes']))],
      [pipe('envelopes', ['r'], [], ['bad', 'x'])],
    )
    for (let i = 0; i < 2; i++) intakes.get('r')!.envelopes!.offer(envelopes(['1', '2', '3']))
    expect(got.get('x')).toHaveLength(2)
    const books = ledger.open('queue', 'bad', { destination: 'a' })
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
    expect([books.received, books.sent, books.droppedTotal]).toEqual([6, 2, 4])
  })

  test('of a connector that throws half way', () => {
    const { got, intakes, receiver, exporter } = newWorld()
    const bad = defineConnector({
      ...about,
      type: 'c',
      takes: ['envelopes'],
      makes: ['envelopes'],
      create: ({ host, next }) => ({
        consume(batch) {
          next.consume(batch.slice(0, 1))
          host.made(1)
          bug()
        },
      }),
    })
    const { ledger } = build(
      [
        of('r', receiver(['envelopes'])),
        of('c', bad),
        of('x', exporter(['envelopes'])),
        of('y', exporter(['envelopes'])),
      ],
      [pipe('envelopes/in', ['r'], [], ['c', 'x']), pipe('envelopes/out', ['c'], [], ['y'])],
    )
    for (let i = 0; i < 2; i++) intakes.get('r')!.envelopes!.offer(envelopes(['1', '2', '3']))
    expect(got.get('x')!.flatMap(textsOf)).toEqual(['1', '2', '3', '1', '2', '3'])
    expect(got.get('y')!.flatMap(textsOf)).toEqual(['1', '1'])
    expect(ledger.open('processor', 'c')).toMatchObject({ received: 6, passed: 2, made: 0, droppedTotal: 4 })
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
  })

  test('of a conversion that throws, and of a taker behind one that works', () => {
    const { got, intakes, receiver, exporter } = newWorld()
    const bad = defineExporter({ ...faultyExporter(bug), takes: ['logs'] })
    const { ledger } = build(
      [of('r', receiver(['envelopes'])), of('bad', bad), of('l', exporter(['logs'])), of('x', exporter(['envelopes']))],
      [pipe('envelopes', ['r'], [], ['bad', 'l', 'x'])],
    )
    const offer = (batch: Batch) => intakes.get('r')!.envelopes!.offer(batch)
    offer(envelopes(['1']))
    expect([got.get('l'), got.get('x')].map((batches) => batches?.length)).toEqual([1, 1])
    // Places that lie outside of the bytes: what a bug of a receiver looks like to a converter.
    const broken = envelopes(['2', '3'])
    Object.defineProperty(broken, 'index', { value: bug })
    offer(broken)
    expect([got.get('l'), got.get('x')].map((batches) => batches?.length)).toEqual([1, 2])
    const books = ledger.open('processor', 'envelopes to logs, metrics, traces', { pipeline: 'envelopes' })
    expect([books.received, books.consumed, books.dropped('fault')]).toEqual([3, 1, 2])
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
  })

  test('of a receiver that throws when it is told what became of its records', () => {
    const { got, intakes, receiver, exporter, processor } = newWorld()
    const { ledger } = build(
      [
        of('r', receiver(['envelopes'])),
        of(
          'p',
          processor((batch) => batch.slice(0, 0)),
        ),
        of('x', exporter(['envelopes'])),
      ],
      [pipe('envelopes/none', ['r'], ['p'], ['x']), pipe('envelopes/all', ['r'], [], ['x'])],
    )
    const receipt = { fork() {}, settle: bug } as unknown as Receipt
    intakes.get('r')!.envelopes!.offer(envelopes(['1'], 'app', { receipts: [receipt] }))
    expect(got.get('x')!.flatMap(textsOf)).toEqual(['1'])
    expect(ledger.open('receiver', 'r').imbalance()).toBe(0)
  })
})

test('an edge that nothing converts is an error that names both ends', () => {
  const { receiver, exporter } = newWorld()
  const instances = [of('r', receiver(['logs'])), of('x', exporter(['metrics']))]
  expect(() => build(instances, [pipe('logs', ['r'], [], ['x'], 'logs')])).toThrow(
    'pipeline "logs": the pipeline hands on logs, exporter "x" takes metrics: nothing converts the one into the other',
  )
})
