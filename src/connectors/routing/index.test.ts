import { describe, expect, test } from 'vitest'
import { faults } from '../../ottl/testing/run.ts'
import {
  any,
  at,
  entries,
  logRequest,
  metricRequest,
  resource,
  scope,
  traceRequest,
} from '../../ottl/testing/samples.ts'
import { Batch, type Format, Receipt } from '../../plugin.ts'
import type { Outcome } from '../../telemetry/receipt.ts'
import { batchOf, double, envelope, field, int, type Part } from '../../telemetry/testing/encode.ts'
import { processorHost } from '../../telemetry/testing/processor-host.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import routing from './index.ts'

/** The connector with pipelines that keep what they get; what it handed on counts as the engine counts it. */
function newRouting(config: unknown) {
  const { host, account, metric } = processorHost('routing')
  const got: Record<string, Batch[]> = {}
  let madeBefore = 0
  const into = (ids: readonly string[]) => ({
    consume(batch: Batch) {
      account.passed += batch.count - (account.made - madeBefore)
      madeBefore = account.made
      for (const id of ids) got[id] = [...(got[id] ?? []), batch]
    },
  })
  const connector = routing.create({ config: routing.config.parse(config), host, next: into([]), into })
  const run = (batch: Batch) => {
    account.received += batch.count
    connector.consume(batch)
    expect(account.imbalance()).toBe(0)
  }
  return { run, got, account, metric, connector }
}

const bodies = (batches: readonly Batch[] | undefined) =>
  (batches ?? []).map((batch) =>
    (
      batch
        .bytes()
        .toString('latin1')
        .match(/\x2a\x03\x0a\x01[a-z]/g) ?? []
    )
      .map((x) => x[4])
      .join(''),
  )
const record = (body: string, severity = 9, values = {}): Part => [
  int(2, severity),
  field(5, any(body)),
  entries(6, values),
]
const from = (tenant: string, ...records: Part[]) =>
  field(1, [resource({ tenant }), field(2, [scope('lib'), ...records.map((each) => field(2, each))])])
const logs = Batch.of(
  'logs',
  Buffer.concat([
    from('acme', record('a', 17), record('b'), record('c', 9, { k: 'v' })),
    from('ecorp', record('d'), record('e', 17)),
    from('none', record('f')),
  ]),
)
const to = (condition: string, pipeline: string, more = {}) => ({ condition, pipelines: [`logs/${pipeline}`], ...more })
const acme = to('attributes["tenant"] == "acme"', 'acme')
const errors = to('severity_number >= SEVERITY_NUMBER_ERROR', 'errors', { context: 'log' })

describe('rows of the table', () => {
  test.each<[string, object, Record<string, string>, number]>([
    ['a resource goes with all its records', { table: [acme] }, { acme: 'abc' }, 3],
    ['records go by themselves', { table: [errors] }, { errors: 'ae' }, 4],
    [
      'what no row took goes to the default',
      { table: [acme], default_pipelines: ['logs/rest'] },
      { acme: 'abc', rest: 'def' },
      0,
    ],
    ['the first row takes, the next gets what is left', { table: [errors, acme] }, { errors: 'ae', acme: 'bc' }, 2],
    [
      'copied records stay',
      { table: [{ ...errors, action: 'copy' }, acme], default_pipelines: ['logs/rest'] },
      { errors: 'ae', acme: 'abc', rest: 'def' },
      0,
    ],
    [
      'copied records that go nowhere else are not lost',
      { table: [{ ...errors, action: 'copy' }, acme] },
      { errors: 'ae', acme: 'abc' },
      2,
    ],
    [
      'a statement',
      { table: [{ statement: 'route() where attributes["tenant"] == "ecorp"', pipelines: ['logs/x', 'logs/y'] }] },
      { x: 'de', y: 'de' },
      4,
    ],
    [
      'a statement without a condition',
      { table: [{ statement: 'route()', pipelines: ['logs/x'] }] },
      { x: 'abcdef' },
      0,
    ],
    [
      'the context is what the prefixes say',
      { table: [to('log.body == "b"', 'x'), to('resource.attributes["tenant"] == "none"', 'y')] },
      { x: 'b', y: 'f' },
      4,
    ],
    [
      'mixed fields without a context are of the resource',
      { table: [to('attributes["tenant"] == "acme" and resource.attributes["tenant"] != "x"', 'x')] },
      { x: 'abc' },
      3,
    ],
    [
      'a record is asked about its resource too',
      { table: [to('attributes["k"] == "v" and resource.attributes["tenant"] == "acme"', 'x', { context: 'log' })] },
      { x: 'c' },
      5,
    ],
    [
      'every way that is met, in the old manner',
      { match_once: false, table: [errors, acme], default_pipelines: ['logs/rest'] },
      { errors: 'ae', acme: 'abc', rest: 'df' },
      0,
    ],
    [
      'once, in the old manner',
      { match_once: true, table: [errors, acme], default_pipelines: ['logs/rest'] },
      { errors: 'ae', acme: 'bc', rest: 'df' },
      0,
    ],
    ['nothing is met', { table: [to('attributes["tenant"] == "nobody"', 'x')] }, {}, 6],
  ])('%s', (_, config, expected, lost) => {
    const { run, got, account } = newRouting(config)
    run(logs)
    const found = Object.entries(got).map(([id, batches]) => [id.slice(5), bodies(batches).join('|')])
    expect(Object.fromEntries(found)).toEqual(expected)
    expect(account.dropped('no_destination')).toBe(lost)
  })

  test('a batch that goes one way whole is handed on as it is', () => {
    const { run, got } = newRouting({ table: [to('attributes["tenant"] != nil', 'x')] })
    run(logs)
    expect(got['logs/x']![0]).toBe(logs)
  })

  test('batches of many sizes, one after the other', () => {
    const { run, got } = newRouting({ table: [{ ...errors, action: 'copy' }], default_pipelines: ['logs/rest'] })
    for (const n of [1, 40, 3, 0, 200]) {
      const records = Array.from({ length: n }, (_, i) => record('x', i % 2 ? 17 : 9))
      run(Batch.of('logs', logRequest(...records)))
    }
    const count = (id: string) => got[id]!.reduce((sum, batch) => sum + batch.count, 0)
    expect([count('logs/errors'), count('logs/rest')]).toEqual([121, 244])
  })
})

describe('other signals', () => {
  const point = (value: number, values = {}) => field(1, [double(4, value), entries(7, values)])
  const metrics = metricRequest(
    [field(1, 'first'), field(5, [point(1, { k: 'v' }), point(2)])],
    [field(1, 'second'), field(5, [point(3)])],
  )
  const names = (batch: Batch | undefined) =>
    batch &&
    fieldsOf(at(batch.bytes(), 1, 2))
      .slice(1)
      .map(({ value }) => `${at(value as Buffer, 1)} ${fieldsOf(at(value as Buffer, 5)).length}`)

  test.each<[object, string[]]>([
    [{ context: 'metric', condition: 'name == "first"' }, ['first 2']],
    [{ context: 'metric', condition: 'HasAttrKeyOnDatapoint("k")' }, ['first 2']],
    [{ context: 'datapoint', condition: 'value_double > 1.5' }, ['first 1', 'second 1']],
    [{ condition: 'metric.name == "second"' }, ['second 1']],
  ])('metrics: %j', (row, expected) => {
    const { run, got } = newRouting({ table: [{ ...row, pipelines: ['metrics/x'] }], default_pipelines: ['metrics/y'] })
    run(Batch.of('metrics', metrics))
    expect(names(got['metrics/x']![0])).toEqual(expected)
    expect(got['metrics/x']![0]!.count + got['metrics/y']![0]!.count).toBe(3)
  })

  test('spans', () => {
    const { run, got } = newRouting({
      table: [{ context: 'span', condition: 'kind == SPAN_KIND_CLIENT', pipelines: ['traces/x'] }],
      default_pipelines: ['traces/y'],
    })
    run(Batch.of('traces', traceRequest([field(5, 'a'), int(6, 3)], [field(5, 'b')])))
    expect([got['traces/x']![0]!.bytes(), got['traces/y']![0]!.bytes()]).toEqual([
      traceRequest([field(5, 'a'), int(6, 3)]),
      traceRequest([field(5, 'b')]),
    ])
  })

  test('envelopes', () => {
    const all = ['a', 'b', 'c'].map((source) => envelope({ source, log: 'x' }))
    const { run, got, account } = newRouting({
      table: [{ condition: 'source_id == "b"', pipelines: ['envelopes/b'] }],
      default_pipelines: ['envelopes'],
    })
    run(Batch.of('envelopes', batchOf(...all)))
    expect(got['envelopes/b']![0]!.bytes()).toEqual(batchOf(all[1]!))
    expect(got.envelopes![0]!.bytes()).toEqual(batchOf(all[0]!, all[2]!))
    expect(account).toMatchObject({ received: 3, passed: 3, made: 0 })
  })
})

test.each<[string, Record<string, string> | undefined, string]>([
  ['request["X-Tenant"] == "acme"', { 'x-tenant': 'acme' }, 'x'],
  ['request["x-tenant"] == "acme"', { 'x-tenant': 'other' }, 'rest'],
  ['request["x-tenant"] != "acme"', { 'x-tenant': 'other' }, 'x'],
  ['request["x-tenant"] != "acme"', {}, 'rest'],
  ['request["x-tenant"] != "acme"', undefined, 'rest'],
])('request: %s of %j goes to %s', (condition, metadata, expected) => {
  const origin = metadata && { address: '', port: 0, subject: undefined, metadata }
  const { run, got } = newRouting({
    table: [{ ...to(condition, 'x'), context: 'request' }],
    default_pipelines: ['logs/rest'],
  })
  run(Batch.of('logs', logs.bytes(), { origin }))
  expect(Object.keys(got)).toEqual([`logs/${expected}`])
})

test('requests are told apart only where a row looks at them', () => {
  const reads = routing.readsOrigins as (config: unknown) => boolean
  expect([reads({ table: [{ context: 'request' }] }), reads({ table: [{}] })]).toEqual([true, false])
})

describe('receipts', () => {
  const outcomes = (config: object) => {
    const told: Outcome[] = []
    const { run, got } = newRouting(config)
    const receipt = new Receipt((outcome) => told.push(outcome))
    run(Batch.of('logs', logs.bytes(), { receipts: [receipt] }))
    for (const batches of Object.values(got)) for (const batch of batches) batch.receipts[0]!.settle('durable')
    return told
  }

  test('are settled when every part is', () => {
    expect(outcomes({ table: [errors, acme], default_pipelines: ['logs/rest'] })).toEqual(['durable'])
  })

  test('say that nothing went anywhere', () => {
    expect(outcomes({ table: [to('attributes["x"] == "y"', 'x')] })).toEqual([{ dropped: 'no_destination' }])
  })
})

describe('a condition that fails', () => {
  const input = logRequest(field(5, any(5n)), field(5, any('x')))
  const failing = to('ToLowerCase(body) == "x"', 'x', { context: 'log' })
  test.each<[string, number, number]>([
    ['propagate', 0, 1],
    ['ignore', 1, 0],
    ['silent', 1, 0],
  ])('with %s: %i to the default, %i dropped', (mode, rest, dropped) => {
    const { run, got, account, metric } = newRouting({
      error_mode: mode,
      table: [failing],
      default_pipelines: ['logs'],
    })
    run(Batch.of('logs', input))
    expect([got['logs/x']![0]!.count, got.logs?.[0]?.count ?? 0, account.dropped('rule')]).toEqual([1, rest, dropped])
    expect(metric('failed_statements_total')).toBe(1)
  })

  test('on a record that another row has copied loses nothing', () => {
    const { run, account } = newRouting({ table: [to('true', 'a', { action: 'copy' }), failing] })
    run(Batch.of('logs', input))
    expect(account).toMatchObject({ received: 2, passed: 2, made: 1, droppedTotal: 0 })
  })
})

test.each<[string, object, string]>([
  ['an empty table', { table: [] }, 'table: invalid routing table: the routing table is empty'],
  [
    'a row without a condition',
    { table: [{ pipelines: ['logs/x'] }] },
    'table.0: invalid route: no condition or statement provided',
  ],
  [
    'a row with both',
    { table: [{ ...acme, statement: 'route()' }] },
    'table.0: invalid route: both condition and statement provided',
  ],
  [
    'a row without pipelines',
    { table: [{ condition: 'true', pipelines: [] }] },
    'table.0.pipelines: invalid route: no pipelines defined',
  ],
  [
    'no pipeline',
    { table: [{ condition: 'true', pipelines: ['lots/x'] }] },
    'table.0.pipelines.0: unknown pipeline signal: "lots"',
  ],
  [
    'two kinds',
    { table: [acme], default_pipelines: ['traces/x'] },
    'default_pipelines.0: "traces/x" carries other records than "logs/acme"',
  ],
  [
    'a context of another kind',
    { table: [{ ...acme, context: 'span' }] },
    'table.0.context: logs have no context span: write one of resource, log, request',
  ],
  [
    'a context of envelopes',
    { table: [{ context: 'log', condition: 'true', pipelines: ['envelopes'] }] },
    'envelopes have no context log: write one of request, or none',
  ],
  [
    'no condition',
    { table: [to('attributes["x"] = 1', 'x')] },
    'table.0.condition: expected "==": one "=" compares nothing, got "=", at position 17',
  ],
  ['a field that there is not', { table: [to('log.bodi == "x"', 'x')] }, 'did you mean log.body?'],
  [
    'an editor',
    { table: [{ statement: 'delete_key(attributes, "k") where true', pipelines: ['logs'] }] },
    'table.0.statement: a route is written route() where ...; delete_key changes records',
  ],
  [
    'a statement on requests',
    { table: [{ context: 'request', statement: 'route()', pipelines: ['logs'] }] },
    `table.0.statement: "request" context requires a 'condition'`,
  ],
  [
    'another condition on requests',
    { table: [to('request["x"] > 1', 'x', { context: 'request' })] },
    'expected request["<header>"] == "<value>"',
  ],
  ['a misspelt key', { table: [acme], default_pipeline: [] }, 'Unrecognized key'],
])('%s is named in the configuration', (_, config, message) => expect(faults(routing, config)).toContain(message))

test.each<[Format, string]>([
  ['logs', 'logs/a'],
  ['dropsonde', 'dropsonde'],
])('it takes and makes %s when its pipelines are of that kind', (format, id) => {
  const config = routing.config.parse({ table: [{ condition: 'true', pipelines: [` ${id} `] }] })
  expect([
    (routing.takes as (c: unknown) => Format[])(config),
    (routing.makes as (c: unknown) => Format[])(config),
  ]).toEqual([[format], [format]])
  expect(routing.pipelines!(config)).toEqual([{ id, path: ['table', 0, 'pipelines', 0] }])
})
