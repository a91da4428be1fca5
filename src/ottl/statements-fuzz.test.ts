import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeOtlpLogs, decodeOtlpMetrics, decodeOtlpTraces } from '../../test/support/decode.ts'
import transform from '../processors/transform/index.ts'
import { Batch } from '../telemetry/batch.ts'
import { pathNames } from '../telemetry/paths.ts'
import { double, field, int, type Part } from '../telemetry/testing/encode.ts'
import { Cache } from './cache.ts'
import { converters } from './converters.ts'
import { editors } from './editors.ts'
import type { Parameter } from './expression.ts'
import { compileStatement, contextsOf } from './statements.ts'
import {
  exponential,
  exponentialPoint,
  gauge,
  histogram,
  histogramPoint,
  numberPoint,
  sum,
  summary,
  summaryPoint,
} from './testing/metrics.ts'
import { faults, processorOf } from './testing/run.ts'
import { any, entries, fixed64, logRequest, metricRequest, type Plain, traceRequest } from './testing/samples.ts'
import { ConditionError } from './tokens.ts'

type Signal = 'logs' | 'metrics' | 'traces'

const names = { logs: pathNames('logs'), metrics: pathNames('metrics'), traces: pathNames('traces') }
/** Arguments that have to be written as such. */
const written: Readonly<Record<string, string>> = {
  mode: '"key"',
  strategy: '"upsert"',
  aggregation_temporality: '"delta"',
  function: '"sum"',
  distribution: '"uniform"',
  is_monotonic: 'true',
  factor: '2.5',
  percentile: '95',
  bound: '20',
  explicit_bounds: '[1.0, 20.0]',
  format: '"%Y-%m"',
  location: '"Europe/Berlin"',
}

/** Statements as the grammar has them: all editors, converters and paths, with arguments of the kind they take, or of any. */
function statementOf(signal: Signal): fc.Arbitrary<string> {
  const maps = [...names[signal].filter((name) => name.endsWith(']')), 'cache["..."]'].map((name) => name.slice(0, -7))
  const key = fc.constantFrom('["k"]', '["m"]["n"]', '["none"]')
  const map = fc.constantFrom(...maps)
  const entry = fc.tuple(map, key).map((both) => both.join(''))
  const path = fc.oneof(fc.constantFrom(...names[signal].filter((name) => !name.endsWith(']'))), entry, map)
  const text = fc.constantFrom(
    '"k"',
    '"v"',
    '""',
    '"^(\\\\w+)$"',
    '"upsert"',
    '"sum"',
    '"delta"',
    '"uniform"',
    '"%Y-%m"',
    '"é😀"',
  )
  const number = fc.constantFrom('0', '1', '-1', '2.5', '9223372036854775807', '1e300', '95')
  const literal = fc.oneof(
    text,
    number,
    fc.constantFrom('nil', 'true', 'false', '0x0102', '[1.0, 2.0]', '["k"]', '{"a": {"b": [1]}}'),
  )
  const { value, where } = fc.letrec<{ value: string; call: string; where: string; one: string }>((tie) => ({
    value: fc.oneof({ maxDepth: 3, depthSize: 'small' }, path, literal, tie('call'), tie('one')),
    one: fc
      .tuple(tie('value'), fc.constantFrom('+', '-', '*', '/'), tie('value'))
      .map((parts) => `(${parts.join(' ')})`),
    call: fc
      .constantFrom(...Object.entries(converters))
      .chain(([name, { parameters }]) => argumentsFor(parameters, tie('value')).map((args) => `${name}(${args})`)),
    where: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      fc.tuple(tie('value'), fc.constantFrom('==', '!=', '<', '>='), tie('value')).map((parts) => parts.join(' ')),
      fc.constantFrom('true', 'not IsString(attributes["k"])', 'IsMatch(name, "a+")'),
      fc.tuple(tie('where'), fc.constantFrom('and', 'or'), tie('where')).map((parts) => `(${parts.join(' ')})`),
    ),
  }))
  function argumentsFor(parameters: readonly Parameter[], anything: fc.Arbitrary<string>): fc.Arbitrary<string> {
    const kinds: Record<Parameter['takes'], fc.Arbitrary<string>> = {
      value: anything,
      pattern: fc.constantFrom('"^(?P<a>.+)b?$"', '"k|m"', '".*"'),
      text,
      integer: fc.constantFrom('0', '1', '5'),
      list: fc.constantFrom('["k"]', '[]', '["v", "w"]', '[1.0, 20.0]'),
      map,
      field: path,
    }
    const usual = fc.tuple(
      ...parameters.map(({ name, takes }) => (written[name] ? fc.constant(written[name]) : kinds[takes])),
    )
    const wild = fc.array(anything, { maxLength: parameters.length + 1 })
    return fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: wild }).map((args) => args.join(', '))
  }
  return fc
    .constantFrom(...Object.entries(editors))
    .chain(([name, { parameters }]) =>
      fc
        .tuple(argumentsFor(parameters, value), fc.option(where))
        .map(([args, condition]) => `${name}(${args})${condition === null ? '' : ` where ${condition}`}`),
    )
}

const plain = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom<Plain>(
      '',
      'v',
      'k=v',
      '2026-01',
      'é😀',
      null,
      true,
      0,
      1.5,
      Number.NaN,
      7n,
      -1n,
      Buffer.from([0xff]),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('k', 'm', 'n', '', 'a.b'), tie('value'), { maxKeys: 3 }),
  ),
})).value
const attributes = fc.dictionary(fc.constantFrom('k', 'm', 'quantile'), plain, { maxKeys: 3 })
const several = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 3 })
const value = fc.oneof(fc.double(), fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }))
const count = fc.nat(9)
const points = several(fc.tuple(value, attributes).map(([number, map]) => numberPoint(number, map)))
const explicit = several(
  fc
    .tuple(fc.array(count, { maxLength: 4 }), several(fc.constantFrom(1, 5, 20)), attributes)
    .map(([counts, bounds, map]) => histogramPoint({ counts, bounds, sum: 1 }, map)),
)
const side = fc.record({ offset: fc.integer({ min: -40, max: 40 }), counts: fc.array(count, { maxLength: 4 }) })
const powers = several(
  fc
    .tuple(fc.integer({ min: -12, max: 20 }), count, side, side, attributes)
    .map(([scale, zeros, positive, negative, map]) => exponentialPoint({ scale, zeros, positive, negative }, map)),
)
const quantiles = several(
  fc.tuple(count, value, attributes).map(([n, of, map]) => summaryPoint(BigInt(n), Number(of), map)),
)
const log = fc
  .tuple(plain, attributes)
  .map(([body, map]): Part => [fixed64(1, 7n), int(2, 9), field(5, any(body)), entries(6, map)])
const span = fc
  .tuple(attributes, several(attributes), attributes)
  .map(
    ([map, events, link]): Part => [
      field(1, Buffer.alloc(16, 1)),
      field(2, Buffer.alloc(8, 1)),
      field(5, 'aa'),
      entries(9, map),
      events.map((event) => field(11, [field(2, 'e'), entries(3, event)])),
      field(13, [field(1, Buffer.alloc(16, 2)), entries(4, link)]),
      field(15, int(3, 2)),
    ],
  )
const requests: Record<Signal, fc.Arbitrary<Buffer>> = {
  logs: several(log).map((records) => logRequest(...records)),
  traces: several(span).map((spans) => traceRequest(...spans)),
  metrics: several(
    fc.oneof(
      points.map((all) => gauge('aa', ...all)),
      points.map((all) => sum('b', 1, true, ...all)),
      explicit.map((all) => histogram('h', 2, ...all)),
      powers.map((all) => exponential('e', 1, ...all)),
      quantiles.map((all) => summary('s', ...all)),
      fc.constant([field(1, 'none'), double(90, 1)]),
    ),
  ).map((metrics) => metricRequest(...metrics)),
}
const decoders = { logs: decodeOtlpLogs, metrics: decodeOtlpMetrics, traces: decodeOtlpTraces }
const statementKeys = { logs: 'log_statements', metrics: 'metric_statements', traces: 'trace_statements' }

/** Whether it compiles; what does not is refused with its place. */
function compiles(source: string, signal: Signal, context: (typeof contextsOf)[Signal][number]): boolean {
  try {
    compileStatement(source, signal, context, new Cache())
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(ConditionError)
    expect((error as ConditionError).position).toBeLessThanOrEqual(source.length)
    return false
  }
}

test.each<Signal>(['logs', 'metrics', 'traces'])(
  'statements of every kind over %s of every shape leave what can be decoded',
  (signal) => {
    const context = fc.constantFrom(...contextsOf[signal])
    const statements = fc.array(statementOf(signal), { minLength: 4, maxLength: 24 })
    let ran = 0
    fc.assert(
      fc.property(requests[signal], context, statements, fc.boolean(), (bytes, where, sources, ignores) => {
        const sound = sources.filter((source) => compiles(source, signal, where))
        ran += sound.length
        if (sound.length === 0) return
        const groups = [{ context: where, statements: sound }]
        const settings = { error_mode: ignores ? 'silent' : 'propagate', [statementKeys[signal]]: groups }
        const { run, account } = processorOf(transform, settings, signal)
        const before = Batch.of(signal, bytes).count
        const out = run(bytes)
        expect(out?.count ?? 0).toBe(before + account.made - account.consumed - account.droppedTotal)
        if (!out) return
        decoders[signal](out.bytes())
        expect(Batch.of(signal, out.bytes()).count).toBe(out.count)
      }),
      { numRuns: 150 },
    )
    // Some 400: a fifth of them.
    expect(ran).toBeGreaterThan(50)
  },
)

test.each<Signal>(['logs', 'metrics', 'traces'])(
  'a statement on %s with something wrong in it is a problem of its place',
  (signal) => {
    const mutated = fc
      .tuple(
        statementOf(signal),
        fc.nat(),
        fc.nat(3),
        fc.string({ unit: fc.constantFrom(...'()[]{}",.=+-*/ \\a1é😀\u0000') }),
      )
      .map(([source, at, cut, more]) => {
        const from = at % (source.length + 1)
        return source.slice(0, from) + more + source.slice(from + cut)
      })
    fc.assert(
      fc.property(mutated, fc.constantFrom(...contextsOf[signal]), (source, context) => {
        const isSound = compiles(source, signal, context)
        const problems = faults(transform, { [statementKeys[signal]]: [{ context, statements: [source] }] })
        if (isSound) expect(problems).toBe('')
        // Functions on metrics may stand in a group for points, too.
        else if (context !== 'datapoint') expect(problems).toContain(`${statementKeys[signal]}.0.statements.0: `)
      }),
      { numRuns: 400 },
    )
  },
)
