import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fates } from '../delivery/ledger.ts'
import { Batch, type Format, type ProcessorSpec } from '../plugin.ts'
import attributes from '../processors/attributes/index.ts'
import filter from '../processors/filter/index.ts'
import redaction from '../processors/redaction/index.ts'
import resource from '../processors/resource/index.ts'
import transform from '../processors/transform/index.ts'
import { editor } from '../telemetry/pass.ts'
import { Receipt } from '../telemetry/receipt.ts'
import { batchOf, double, envelope, field, int } from '../telemetry/testing/encode.ts'
import { processorHost } from '../telemetry/testing/processor-host.ts'
import { Port, ProcessorNode } from './nodes.ts'

type Signal = 'logs' | 'metrics' | 'traces' | 'envelopes'
type Written = readonly [spec: unknown, config: object]

const keys = ['a', 'b', 'c', 'k']
const key = fc.constantFrom(...keys)
const texts = ['x', 'y', '', '4111111111111111', '12', 'z'.repeat(140)]
const any = fc.oneof(
  fc.constantFrom(...texts).map((text) => field(1, text)),
  fc.integer({ min: 0, max: 3 }).map((value) => int(3, value)),
  fc.constant(double(4, 1.5)),
  fc.constant(int(2, 1)),
  fc.constant(field(6, field(1, [field(1, 'k'), field(2, field(1, 'x'))]))),
  fc.constant(Buffer.alloc(0)),
)
const several = <T>(item: fc.Arbitrary<T>, maxLength: number) => fc.array(item, { maxLength })
const joined = (parts: fc.Arbitrary<Buffer[]>) => parts.map((all) => Buffer.concat(all))
const attribute = (number: number) =>
  fc.tuple(key, any).map(([name, value]) => field(number, [field(1, name), field(2, value)]))
const body = (number: number, ...others: Buffer[]) =>
  joined(several(fc.oneof(attribute(number), fc.constantFrom(field(40, 'unknown'), ...others)), 6))

const resourceOf = body(1).map((bytes) => field(1, bytes))
const scopeOf = body(3, field(1, 'lib'), field(1, 'other')).map((bytes) => field(1, bytes))
const request = (records: fc.Arbitrary<Buffer>) =>
  joined(
    several(
      fc
        .tuple(fc.option(resourceOf), several(fc.tuple(fc.option(scopeOf), several(records, 5)), 3), fc.boolean())
        .map(([head, scopes, late]) => {
          const inner = scopes.map(([scope, all]) => field(2, [...(scope ? [scope] : []), ...all]))
          const first = head ? [head] : []
          return field(1, late ? [...inner, ...first] : [...first, ...inner])
        }),
      3,
    ),
  )
const pointFields: Record<number, number> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 }
const event = body(3, field(2, 'x'), field(2, 'y')).map((bytes) => field(11, bytes))
const span = fc
  .tuple(body(9, field(5, 'x'), field(5, 'y'), int(6, 2)), several(event, 3), body(9))
  .map(([head, events, tail]) => field(2, [head, ...events, tail]))
const metric = fc
  .constantFrom(5, 7, 9, 10, 11)
  .chain((data) =>
    fc
      .tuple(
        fc.constantFrom('x', 'y', ''),
        several(body(pointFields[data]!, data === 5 || data === 7 ? double(4, 2) : double(5, 3)), 4),
        fc.boolean(),
      )
      .map(([name, points, unit]) =>
        field(2, [
          field(1, name),
          field(data, [...points.map((point) => field(1, point)), ...(data === 7 ? [int(2, 2), int(3, 1)] : [])]),
          ...(unit ? [field(3, 'ms')] : []),
        ]),
      ),
  )
const tags = several(fc.tuple(key, fc.constantFrom(...texts)), 4).map((all) => Object.fromEntries(all))
const envelopeOf = fc
  .tuple(fc.constantFrom('x', 'y', ''), tags, fc.constantFrom('log', 'counter', 'gauge'))
  .map(([source, own, kind]) =>
    envelope({
      source,
      tags: own,
      ...(kind === 'log' ? { log: 'x' } : kind === 'counter' ? { counter: { name: 'x', delta: 1 } } : {}),
    }),
  )
const requests: Record<Signal, fc.Arbitrary<Buffer>> = {
  logs: request(
    body(6, field(5, field(1, 'x')), field(5, field(1, 'y')), field(3, 'INFO'), int(2, 9)).map((bytes) =>
      field(2, bytes),
    ),
  ),
  traces: request(span),
  metrics: request(metric),
  envelopes: several(envelopeOf, 8).map((all) => batchOf(...all)),
}

const one = <T>(...all: T[]) => fc.constantFrom(...all)
const actions = one<object[]>(
  [{ key: 'a', value: 'new', action: 'upsert' }],
  [
    { key: 'b', value: 1, action: 'insert' },
    { key: 'k', action: 'delete' },
  ],
  [{ key: 'a', action: 'delete' }],
  [{ key: 'c', from_attribute: 'a', action: 'upsert' }],
  [{ key: 'a', action: 'hash' }],
  [{ key: 'b', value: 'y', action: 'update' }],
  [{ key: 'a', converted_type: 'int', action: 'convert' }],
  [{ pattern: '^[ab]$', action: 'delete' }],
)
const mode = one('propagate', 'ignore', 'silent')

/** Statements by format, some of which fail, and some of which write around their records. */
const statementsOf: Record<Signal, string[]> = {
  logs: [
    'set(log.attributes["a"], "t")',
    'set(log.attributes["b"], resource.attributes["a"])',
    'set(resource.attributes["a"], "r")',
    'delete_key(resource.attributes, "a")',
    'set(resource.attributes["b"], log.attributes["a"])',
    'set(scope.attributes["a"], resource.attributes["a"])',
    'set(scope.name, "renamed") where scope.name == "lib"',
    'set(log.body, "b") where log.attributes["a"] == "x"',
    'set(log.attributes["c"], Substring(log.attributes["a"], 0, 1))',
    'delete_key(log.attributes, "a") where resource.attributes["b"] == nil',
    'set(log.attributes["k"], log.source_id)',
  ],
  metrics: [
    'set(datapoint.attributes["a"], "t")',
    'set(datapoint.attributes["b"], metric.name)',
    'set(metric.name, "renamed") where metric.name == "x"',
    'set(metric.unit, resource.attributes["a"]) where resource.attributes["a"] == "x"',
    'set(metric.description, "d") where HasAttrKeyOnDatapoint("a")',
    'set(metric.is_monotonic, false)',
    'set(resource.attributes["a"], "r")',
    'delete_key(resource.attributes, "a")',
    'set(metric.name, datapoint.attributes["a"]) where datapoint.attributes["a"] == "x"',
    'set(datapoint.attributes["k"], kind)',
  ],
  traces: [
    'set(span.attributes["a"], "t")',
    'set(span.name, resource.attributes["a"]) where resource.attributes["a"] == "x"',
    'set(spanevent.attributes["a"], span.name)',
    'set(spanevent.name, "e") where spanevent.attributes["a"] == "x"',
    'set(resource.attributes["a"], "r")',
    'delete_key(span.attributes, "k")',
    'set(span.attributes["c"], Substring(span.attributes["a"], 0, 1))',
  ],
  envelopes: [
    'set(attributes["a"], "t")',
    'set(source_id, "new") where attributes["a"] == "x"',
    'set(attributes["k"], source_id)',
    'set(attributes["c"], Substring(attributes["a"], 0, 1))',
  ],
}
const conditionsOf: Record<Signal, string[]> = {
  logs: ['log.body == "b"', 'resource.attributes["a"] == "r"', 'scope.name == "renamed"', 'log.severity_number > 5'],
  metrics: ['metric.name == "renamed"', 'resource.attributes["a"] == "r"', 'HasAttrKeyOnDatapoint("a")'],
  traces: ['span.name == "x"', 'spanevent.name == "e"', 'resource.attributes["a"] == "r"', 'spanevent.name == "y"'],
  envelopes: [],
}
const anyCondition = [
  'attributes["a"] == "x"',
  'attributes["a"] == "t" or attributes["b"] == 1',
  'attributes["k"] == nil and attributes["c"] == nil',
  'source_id == "x"',
  'Substring(attributes["a"], 0, 1) == "x"',
  'kind == "counter"',
]
const flat = { logs: 'log_conditions', metrics: 'metric_conditions', traces: 'trace_conditions', envelopes: 'drop' }
const written = { logs: 'log', metrics: 'metric', traces: 'trace', envelopes: 'envelope' }

function processors(format: Signal): fc.Arbitrary<Written> {
  const dropped = fc
    .tuple(
      mode,
      one(...anyCondition),
      several(one(...conditionsOf[format], ...(format === 'envelopes' ? [''] : [])), 1),
    )
    .map(([error_mode, drop, more]): Written => {
      const others = more.filter((each) => each !== '')
      return [filter, others.length > 0 ? { error_mode, [flat[format]]: others } : { error_mode, drop: [drop] }]
    })
  const edited = fc
    .tuple(mode, fc.array(one(...statementsOf[format]), { minLength: 1, maxLength: 2 }))
    .map(([error_mode, all]): Written => [transform, { error_mode, [`${written[format]}_statements`]: all }])
  const matched = one<object>(
    {},
    { include: { match_type: 'strict', attributes: [{ key: 'a', value: 'x' }] } },
    format === 'envelopes' ? {} : { exclude: { match_type: 'strict', resources: [{ key: 'a', value: 'r' }] } },
  )
  const acted = fc.tuple(actions, matched).map(([all, match]): Written => [attributes, { actions: all, ...match }])
  const redacted = one<object>(
    { allow_all_keys: true, blocked_values: ['4[0-9]{15}'] },
    { allowed_keys: ['a', 'k'], summary: 'debug' },
  ).map((config): Written => [redaction, config])
  const around = actions.map((all): Written => [resource, { attributes: all }])
  return fc.oneof(dropped, edited, acted, redacted, ...(format === 'envelopes' ? [] : [around]))
}

/** A chain of nodes, with what is behind it and what was told. */
function newChain(all: readonly Written[], format: Format, isShared: boolean) {
  const out: Buffer[] = []
  const faults: number[] = []
  const entrance = new Port()
  const ports: Port[] = []
  const hosts = all.map(([spec]) => processorHost((spec as ProcessorSpec).type))
  let next: Port = entrance
  all.forEach(([written, config], i) => {
    const spec = written as ProcessorSpec
    const { host, account } = hosts[i]!
    const made = spec.create({ config: spec.config.parse(config), host, format })
    if (typeof made === 'function') throw new Error(`${spec.type} is no editor`)
    const behind = new Port()
    const node = new ProcessorNode(made.process, account, behind, (_, lost) => void faults.push(lost), made.editor)
    next.target = node
    next = behind
    ports.push(behind)
  })
  next.target = { consume: (batch) => void out.push(Buffer.from(batch.bytes())) }
  if (!isShared) for (const port of ports) port.probe = (target) => target
  const books = () =>
    hosts.map(({ account, metric }) => ({
      ...Object.fromEntries(fates.map((fate) => [fate, account[fate]])),
      losses: account.losses(),
      failed: metric('failed_statements_total'),
      events: metric('dropped_span_events_total'),
      balance: account.imbalance(),
      sampled: account.notes('rule')?.samples.length,
    }))
  return { entrance, out, books, faults, ports, accounts: hosts.map(({ account }) => account) }
}

describe.each(['logs', 'metrics', 'traces', 'envelopes'] as const)('%s', (format) => {
  test('whatever follows what: the bytes and the books are those of one after the other', () => {
    fc.assert(
      fc.property(requests[format], fc.array(processors(format), { minLength: 2, maxLength: 4 }), (bytes, all) => {
        const [shared, apart] = [newChain(all, format, true), newChain(all, format, false)]
        for (const { entrance } of [shared, apart]) entrance.consume(Batch.of(format, bytes))
        expect(shared.books()).toEqual(apart.books())
        expect(shared.out).toEqual(apart.out)
        expect(shared.faults).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

const record = (severity: string) => field(2, [field(3, severity), field(5, field(1, `${severity} line`))])
const threeLogs = field(1, [field(1, []), field(2, [record('INFO'), record('WARN'), record('ERROR')])])
const adds: Written = [attributes, { actions: [{ key: 'a', value: 'secret', action: 'upsert' }] }]
const removes: Written = [attributes, { actions: [{ key: 'a', action: 'delete' }] }]
const dropsInfo: Written = [filter, { drop: ['log.severity_text == "INFO"'] }]
const dropsAll: Written = [filter, { drop: ['log.severity_number == 0'] }]

/** Counts what it is asked for, batch by batch or record by record. */
function counting(throwsAt = -1): { spec: Written; whole: () => number; single: () => number } {
  let [whole, single] = [0, 0]
  const create = () => {
    const made = editor({
      writes: 1,
      reads: 0,
      each: () => {
        if (single++ === throwsAt || throwsAt === Number.POSITIVE_INFINITY) throw new Error('no')
        return true
      },
    })
    const process = (batch: Batch) => {
      whole++
      return made.process(batch)
    }
    return { ...made, process }
  }
  const spec = { type: 'counting', config: { parse: () => ({}) }, create }
  return { spec: [spec, {}], whole: () => whole, single: () => single }
}

test('neighbours run as one, and each by itself while somebody looks on in between', () => {
  const counter = counting()
  const { entrance, out, ports } = newChain([adds, counter.spec, removes], 'logs', true)
  const send = () => entrance.consume(Batch.of('logs', threeLogs))
  send()
  expect([counter.whole(), counter.single()]).toEqual([0, 3])
  const seen: boolean[] = []
  for (const port of ports.slice(0, 2)) {
    port.probe = (next) => ({
      consume(batch) {
        seen.push(batch.bytes().includes('secret'))
        next.consume(batch)
      },
    })
  }
  send()
  expect(seen).toEqual([true, true])
  expect([counter.whole(), counter.single()]).toEqual([1, 6])
  for (const port of ports) port.probe = undefined
  send()
  expect([counter.whole(), counter.single()]).toEqual([1, 9])
  expect(out).toEqual([threeLogs, threeLogs, threeLogs])
})

test('one that throws loses what it got, and those in front of it nothing', () => {
  const { entrance, out, books, faults } = newChain(
    [dropsInfo, adds, counting(Number.POSITIVE_INFINITY).spec, removes],
    'logs',
    true,
  )
  entrance.consume(Batch.of('logs', threeLogs))
  expect(faults).toEqual([2])
  expect(out).toEqual([])
  const [first, second, third, fourth] = books()
  expect(first).toMatchObject({ received: 3, passed: 2, losses: [['rule', 1]] })
  expect(second).toMatchObject({ received: 2, passed: 2, losses: [] })
  expect(third).toMatchObject({ received: 2, passed: 0, losses: [['fault', 2]] })
  expect(fourth).toMatchObject({ received: 0, passed: 0 })
})

test('failures of statements before one that throws are counted once', () => {
  const fails: Written = [
    transform,
    { error_mode: 'ignore', log_statements: ['set(log.attributes["a"], Substring(log.attributes["b"], 0, 1))'] },
  ]
  const { entrance, books } = newChain([fails, counting(2).spec], 'logs', true)
  entrance.consume(Batch.of('logs', threeLogs))
  expect(books()[0]).toMatchObject({ received: 3, failed: 3 })
})

test('when everything is dropped on the way the receipt is settled, once', () => {
  const settled: unknown[] = []
  const receipt = new Receipt((outcome) => void settled.push(outcome))
  const { entrance, out, books } = newChain([adds, dropsAll, removes], 'logs', true)
  entrance.consume(Batch.of('logs', threeLogs, { receipts: [receipt] }))
  expect(settled).toEqual(['delivered'])
  expect(out).toEqual([])
  expect(books()[2]).toMatchObject({ received: 0, passed: 0 })
})

test('a sample of what was dropped shows it as it came to who dropped it', () => {
  const hides: Written = [redaction, { allow_all_keys: true, blocked_values: ['INFO line'] }]
  const { entrance, accounts } = newChain([hides, dropsInfo], 'logs', true)
  entrance.consume(Batch.of('logs', threeLogs))
  expect(accounts[1]!.notes('rule')!.samples.map(({ extract }) => extract)).toEqual([expect.stringContaining('****')])
})

test('one that is plugged in later joins the run', () => {
  const counter = counting()
  const before = newChain([adds, counter.spec], 'logs', true)
  const after = newChain([dropsInfo], 'logs', true)
  before.ports[1]!.target = after.entrance
  before.entrance.consume(Batch.of('logs', threeLogs))
  expect(after.books()[0]).toMatchObject({ received: 3, passed: 2 })
  expect(counter.whole()).toBe(0)
  expect(after.out).toHaveLength(1)
})

test.each([
  ['alone', []],
  ['behind others that share a walk', [[resource, { attributes: [{ key: 'r', value: 'x', action: 'insert' }] }]]],
] as [string, Written[]][])('who looks at all points of a metric, %s, sees none that were dropped', (_, between) => {
  const point = (key: string) => field(1, [field(7, [field(1, key), field(2, field(1, 'v'))])])
  const bytes = field(1, field(2, field(2, [field(1, 'm'), field(5, [point('a'), point('b')])])))
  const dropsPoint: Written = [filter, { drop: ['attributes["a"] == "v"'] }]
  const dropsMetric: Written = [filter, { metric_conditions: ['HasAttrKeyOnDatapoint("a")'] }]
  const { entrance, books } = newChain([dropsPoint, ...between, dropsMetric], 'metrics', true)
  entrance.consume(Batch.of('metrics', bytes))
  expect(books().at(-1)).toMatchObject({ received: 1, passed: 1 })
})
