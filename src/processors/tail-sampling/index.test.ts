import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import { at, entries, fixed32, fixed64, type Plain, resource, scope } from '../../ottl/testing/samples.ts'
import { Batch } from '../../plugin.ts'
import { Receipt } from '../../telemetry/receipt.ts'
import { field, int, type Part } from '../../telemetry/testing/encode.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import tailSampling from './index.ts'

interface SpanParts {
  trace?: number
  name?: string
  startMs?: number
  endMs?: number
  status?: number
  attributes?: Record<string, Plain>
  state?: string
  flags?: number
  events?: string[]
}
const idOf = (trace: number) => Buffer.concat([Buffer.alloc(12, 9), Buffer.from(Uint32Array.of(trace).buffer)])
const nanos = (ms: number) => 1_760_000_000_000_000_000n + BigInt(ms) * 1_000_000n
const span = ({ trace = 1, name = 's', startMs = 0, endMs = 1, ...more }: SpanParts = {}): Part => [
  field(1, idOf(trace)),
  ...(more.state === undefined ? [] : [field(3, more.state)]),
  field(5, name),
  fixed64(7, nanos(startMs)),
  fixed64(8, nanos(endMs)),
  entries(9, more.attributes ?? {}),
  ...(more.events ?? []).map((event) => field(11, field(2, event))),
  ...(more.status === undefined ? [] : [field(15, int(3, more.status))]),
  ...(more.flags === undefined ? [] : [fixed32(16, more.flags)]),
]
const request = (spans: SpanParts[], attributes: Record<string, Plain> = { 'service.name': 'shop' }) =>
  field(1, [resource(attributes), field(2, [scope('lib'), ...spans.map((each) => field(2, span(each)))])])

/** Names of all spans of requests, with the service and scope that they came from. */
function namesOf(bytes: Buffer): string[] {
  const all = (body: Buffer, number: number) =>
    fieldsOf(body)
      .filter((each) => each.field === number)
      .map((each) => each.value as Buffer)
  return all(bytes, 1).flatMap((each) =>
    all(each, 2).flatMap((scopes) => all(scopes, 2).map((body) => at(body, 5).toString())),
  )
}

type Config = Record<string, unknown>
const always = [{ name: 'all', type: 'always_sample' }]
function start(config: Config, memory?: number) {
  const made = processorOf(tailSampling, { policies: always, decision_wait: '10s', ...config }, 'traces', memory)
  const processor = made.made as { stop(deadline: AbortSignal): Promise<void> }
  const left = () => made.handed.splice(0).flatMap((batch) => namesOf(batch.bytes()))
  const stop = () => processor.stop(AbortSignal.timeout(1000))
  return { ...made, left, stop }
}
type Started = ReturnType<typeof start>

/** The law of the books, between two turns. What the node in front would count is counted here. */
function take({ run, account }: Started, spans: SpanParts[], attributes?: Record<string, Plain>): void {
  const bytes = request(spans, attributes)
  account.received += spans.length
  expect(run(bytes)).toBeUndefined()
  expect(account.imbalance()).toBe(0)
}

describe('a trace', () => {
  test('is held until it is decided, and goes on whole', () => {
    const sampler = start({})
    take(sampler, [{ name: 'a' }, { name: 'b', trace: 2 }])
    sampler.clock.advance(9000)
    take(sampler, [{ name: 'c' }])
    expect(sampler.left()).toEqual([])
    expect(sampler.account.held()).toBe(3)
    expect(sampler.metric('held_traces')).toBe(2)
    expect(sampler.budget.used).toBe(sampler.metric('held_bytes'))
    sampler.clock.advance(1000)
    expect(sampler.left()).toEqual(['a', 'c', 'b'])
    expect(sampler.account).toMatchObject({ received: 3, passed: 3, droppedTotal: 0 })
    expect(sampler.account.held()).toBe(0)
    // Two decisions are remembered.
    expect(sampler.budget.used).toBe(2 * 80)
    expect(sampler.account.imbalance()).toBe(0)
    expect(sampler.metric('traces_total', { decision: 'sampled' })).toBe(2)
  })

  test('that nobody wants is dropped by rule', () => {
    const sampler = start({ policies: [{ name: 'n', type: 'span_count', span_count: { min_spans: 3 } }] })
    take(sampler, [{ name: 'a' }, { name: 'b', trace: 2 }, { name: 'c', trace: 2 }, { name: 'd', trace: 2 }])
    sampler.clock.advance(20_000)
    expect(sampler.left()).toEqual(['b', 'c', 'd'])
    expect(sampler.account.dropped('rule')).toBe(1)
    expect(sampler.account.imbalance()).toBe(0)
    expect(sampler.metric('policy_traces_total', { policy: 'n', decision: 'not_sampled' })).toBe(1)
  })

  test('that was decided decides about spans that come late', () => {
    const sampler = start({ policies: [{ name: 'n', type: 'span_count', span_count: { min_spans: 2 } }] })
    take(sampler, [{ name: 'a' }, { trace: 2 }, { name: 'b' }])
    sampler.clock.advance(10_000)
    expect(sampler.left()).toEqual(['a', 'b'])
    take(sampler, [{ name: 'late' }, { name: 'lost', trace: 2 }, { name: 'new', trace: 3 }])
    expect(sampler.left()).toEqual(['late'])
    expect(sampler.account.dropped('rule')).toBe(2)
    expect(sampler.account.held()).toBe(1)
    expect(sampler.metric('late_spans_total', { sampled: 'true' })).toBe(1)
    expect(sampler.metric('late_spans_total', { sampled: 'false' })).toBe(1)
  })

  test('is forgotten when the cache of decisions is full', () => {
    const sampler = start({ decision_cache: { sampled_cache_size: 1 } })
    take(sampler, [{ trace: 1 }, { trace: 2 }])
    sampler.clock.advance(10_000)
    sampler.left()
    take(sampler, [{ trace: 1, name: 'anew' }])
    take(sampler, [{ trace: 2, name: 'late' }])
    expect(sampler.left()).toEqual(['late'])
    expect(sampler.account.held()).toBe(1)
  })

  test('keeps its resources and scopes', () => {
    const sampler = start({})
    const other = field(1, [
      resource({ 'service.name': 'other' }),
      field(2, [scope('x'), field(2, span({ name: 'p' })), field(2, span({ name: 'q', trace: 2 }))]),
      field(2, [scope('y'), field(2, span({ name: 'r' })), field(3, 'schema')]),
      field(3, 'http://schema'),
    ])
    sampler.account.received += 4
    sampler.run(Buffer.concat([request([{ name: 'o' }]), other]))
    sampler.clock.advance(10_000)
    const bytes = sampler.handed[0]!.bytes()
    const whole = field(1, [
      resource({ 'service.name': 'other' }),
      field(3, 'http://schema'),
      field(2, [scope('x'), field(2, span({ name: 'p' }))]),
      field(2, [scope('y'), field(3, 'schema'), field(2, span({ name: 'r' }))]),
    ])
    const second = field(1, [
      resource({ 'service.name': 'other' }),
      field(3, 'http://schema'),
      field(2, [scope('x'), field(2, span({ name: 'q', trace: 2 }))]),
    ])
    expect(bytes).toEqual(Buffer.concat([request([{ name: 'o' }]), whole, second]))
  })
})

describe('when there are too many', () => {
  test.each<[string, Config, number | undefined]>([
    ['traces', { num_traces: 2 }, undefined],
    ['bytes', { max_held_size: '1600' }, undefined],
    ['bytes for the whole process', {}, 1600],
  ])('the oldest is decided early: %s', (_, config, memory) => {
    const sampler = start(config, memory)
    for (let trace = 1; trace <= 4; trace++) take(sampler, [{ trace, name: `s${trace}` }])
    expect(sampler.left()).toEqual(['s1', 's2'])
    expect(sampler.metric('early_traces_total')).toBe(2)
    take(sampler, [{ trace: 1, name: 'late' }])
    expect(sampler.left()).toEqual(['late'])
  })

  test('or dropped', () => {
    const sampler = start({ num_traces: 2, when_full: 'drop_oldest' })
    for (let trace = 1; trace <= 4; trace++) take(sampler, [{ trace, name: `s${trace}` }])
    expect(sampler.left()).toEqual([])
    expect(sampler.account.dropped('displaced')).toBe(2)
    sampler.clock.advance(10_000)
    expect(sampler.left()).toEqual(['s3', 's4'])
  })

  test('one trace that is too large for itself is decided with what has come', () => {
    const sampler = start({ max_held_size: '10' })
    take(sampler, [{ name: 'a' }])
    take(sampler, [{ name: 'b' }])
    expect(sampler.left()).toEqual(['a', 'b'])
    expect(sampler.metric('held_bytes')).toBe(0)
  })
})

describe('at the end', () => {
  test('what is held is decided with what has come; what comes later is decided at once', async () => {
    const sampler = start({ policies: [{ name: 'e', type: 'status_code', status_code: { status_codes: ['ERROR'] } }] })
    take(sampler, [{ name: 'bad', status: 2 }, { trace: 2 }])
    await sampler.stop()
    expect(sampler.left()).toEqual(['bad'])
    expect(sampler.account.dropped('rule')).toBe(1)
    take(sampler, [{ trace: 3, status: 2, name: 'after' }])
    expect(sampler.left()).toEqual(['after'])
    expect(sampler.account.held()).toBe(0)
    expect(sampler.account.imbalance()).toBe(0)
  })

  test('or is dropped where that is wanted', async () => {
    const sampler = start({ drop_pending_traces_on_shutdown: true })
    take(sampler, [{}, { trace: 2 }])
    await sampler.stop()
    expect(sampler.left()).toEqual([])
    expect(sampler.account.dropped('shutdown')).toBe(2)
  })
})

test('receipts are settled when all traces of their batch are', () => {
  const sampler = start({
    policies: [{ name: 'n', type: 'string_attribute', string_attribute: { key: 'k', values: ['v'] } }],
  })
  const outcomes: unknown[] = []
  const receipt = new Receipt((outcome) => void outcomes.push(outcome))
  const { process } = sampler.made as { process(batch: Batch): unknown }
  const bytes = request([{ attributes: { k: 'v' } }, { trace: 2 }, { trace: 3 }])
  process(Batch.of('traces', bytes, { receipts: [receipt] }))
  receipt.settle('delivered')
  expect(outcomes).toEqual([])
  sampler.clock.advance(10_000)
  expect(outcomes).toEqual([])
  for (const each of sampler.handed[0]!.receipts) each.settle('durable')
  expect(outcomes).toEqual(['delivered'])
})

/** Whether a policy samples a trace. */
function samples(policy: Config, spans: SpanParts[], attributes?: Record<string, Plain>): boolean {
  const sampler = start({ policies: [{ name: 'p', ...policy }] })
  take(sampler, spans, attributes)
  sampler.clock.advance(10_000)
  return sampler.left().length > 0
}
const policy = (type: string, settings: Config = {}) => ({ type, [type]: settings })
const string = (settings: Config) => policy('string_attribute', { key: 'k', ...settings })
const has = (value: Plain): SpanParts[] => [{}, { attributes: { k: value } }]

test.each<[Config, SpanParts[], boolean]>([
  [{ type: 'always_sample' }, [{}], true],
  [
    policy('latency', { threshold_ms: 100 }),
    [
      { startMs: 50, endMs: 80 },
      { startMs: 0, endMs: 20 },
    ],
    false,
  ],
  [
    policy('latency', { threshold_ms: 100 }),
    [
      { startMs: 50, endMs: 100 },
      { startMs: 0, endMs: 20 },
    ],
    true,
  ],
  [policy('latency', { threshold_ms: 100, upper_threshold_ms: 200 }), [{ endMs: 100 }], false],
  [policy('latency', { threshold_ms: 100, upper_threshold_ms: 200 }), [{ endMs: 200 }], true],
  [policy('latency', { threshold_ms: 100, upper_threshold_ms: 200 }), [{ endMs: 150 }, { endMs: 201 }], false],
  [policy('numeric_attribute', { key: 'k', min_value: 400, max_value: 499 }), has(404n), true],
  [policy('numeric_attribute', { key: 'k', min_value: 400, max_value: 499 }), has(500n), false],
  [policy('numeric_attribute', { key: 'k', min_value: 400 }), has(400.5), true],
  [policy('numeric_attribute', { key: 'k', max_value: 5 }), has(-1n), true],
  [policy('numeric_attribute', { key: 'k', min_value: 400 }), has('404'), false],
  [policy('numeric_attribute', { key: 'k', min_value: 400 }), [{}], false],
  [policy('numeric_attribute', { key: 'k', min_value: 400, invert_match: true }), has(404n), false],
  [policy('numeric_attribute', { key: 'k', min_value: 400, invert_match: true }), has(200n), true],
  [policy('status_code', { status_codes: ['ERROR'] }), [{ status: 1 }, { status: 2 }], true],
  [policy('status_code', { status_codes: ['ERROR', 'OK'] }), [{}], false],
  [policy('status_code', { status_codes: ['UNSET'] }), [{}], true],
  [string({ values: ['a', 'b'] }), has('b'), true],
  [string({ values: ['a', 'b'] }), has('c'), false],
  [string({ values: [''] }), has(''), false],
  [string({ values: ['^/h.*h$'], enabled_regex_matching: true }), has('/health'), true],
  [string({ values: ['^/h.*h$'], enabled_regex_matching: true }), has('/help'), false],
  [string({ values: ['a'], invert_match: true }), has('a'), false],
  [string({ values: ['a'], invert_match: true }), [{}], true],
  [policy('boolean_attribute', { key: 'k', value: true }), has(true), true],
  [policy('boolean_attribute', { key: 'k', value: true }), has(false), false],
  [policy('boolean_attribute', { key: 'k', value: false }), has(false), true],
  [policy('boolean_attribute', { key: 'k', value: true, invert_match: true }), has(true), false],
  [policy('span_count', { min_spans: 2 }), [{}], false],
  [policy('span_count', { min_spans: 2, max_spans: 3 }), [{}, {}, {}], true],
  [policy('span_count', { min_spans: 2, max_spans: 3 }), [{}, {}, {}, {}], false],
  [policy('trace_state', { key: 'k', values: ['v'] }), [{ state: 'a=b, k=v' }], true],
  [policy('trace_state', { key: 'k', values: ['v'] }), [{ state: 'k=w,kk=v' }], false],
  [{ type: 'trace_flags' }, [{ flags: 0 }, { flags: 0x101 }], true],
  [{ type: 'trace_flags' }, [{ flags: 2 }, {}], false],
  [policy('rate_limiting', { spans_per_second: 2 }), [{}, {}, {}], false],
  [policy('rate_limiting', { spans_per_second: 3 }), [{}, {}, {}], true],
  [policy('bytes_limiting', { bytes_per_second: 10 }), [{}], false],
  [policy('bytes_limiting', { bytes_per_second: 10, burst_capacity: 1000 }), [{}], true],
  [policy('ottl_condition', { span: ['attributes["k"] == "v" and name == "s"'] }), has('v'), true],
  [policy('ottl_condition', { span: ['attributes["k"] == "w"'] }), has('v'), false],
  [
    policy('ottl_condition', { spanevent: ['name == "oops"'] }),
    [{ events: ['fine'] }, { events: ['x', 'oops'] }],
    true,
  ],
  [policy('ottl_condition', { spanevent: ['name == "oops"'] }), [{}], false],
  [policy('ottl_condition', { span: ['ToLowerCase(attributes["k"]) == "v"'] }), has(5n), false],
  [
    policy('and', {
      and_sub_policy: [
        { name: 'a', type: 'always_sample' },
        { name: 'b', ...string({ values: ['v'] }) },
      ],
    }),
    has('v'),
    true,
  ],
  [
    policy('and', {
      and_sub_policy: [
        { name: 'a', type: 'always_sample' },
        { name: 'b', ...string({ values: ['v'] }) },
      ],
    }),
    has('w'),
    false,
  ],
  [
    policy('and', { and_sub_policy: [{ name: 'b', ...string({ values: ['v'], invert_match: true }) }] }),
    has('w'),
    true,
  ],
  [policy('not', { not_sub_policy: { name: 'b', ...string({ values: ['v'] }) } }), has('w'), true],
  [policy('not', { not_sub_policy: { name: 'b', ...string({ values: ['v'] }) } }), has('v'), false],
  [policy('probabilistic', { sampling_percentage: 100 }), [{}], true],
  [policy('probabilistic', { sampling_percentage: 0 }), [{}], false],
])('the policy %j of %o: %s', (settings, spans, expected) => expect(samples(settings, spans)).toBe(expected))

test('a condition that fails on a span is counted', () => {
  const sampler = start({
    policies: [{ name: 'p', ...policy('ottl_condition', { span: ['ToLowerCase(name) == 1'] }) }],
  })
  take(sampler, [{}])
  sampler.clock.advance(10_000)
  expect(sampler.metric('failed_conditions_total')).toBe(0)
  const failing = policy('ottl_condition', { span: ['ToLowerCase(attributes["k"]) == "v"'] })
  const other = start({ policies: [{ name: 'p', ...failing }] })
  take(other, has(5n))
  other.clock.advance(10_000)
  expect(other.metric('failed_conditions_total')).toBeGreaterThan(0)
})

test('attributes of resources count as those of spans', () => {
  expect(samples(string({ values: ['v'] }), [{}], { k: 'v' })).toBe(true)
  expect(samples(string({ values: ['v'], invert_match: true }), [{}], { k: 'v' })).toBe(false)
  expect(samples(policy('numeric_attribute', { key: 'k', min_value: 1 }), [{}], { k: 5n })).toBe(true)
})

describe('policies together', () => {
  const drop = { name: 'd', type: 'drop', drop: { drop_sub_policy: [{ name: 'x', ...string({ values: ['v'] }) }] } }
  const no = { name: 'no', type: 'span_count', span_count: { min_spans: 9 } }
  const inverted = (value: string) => ({ name: 'i', ...string({ values: [value], invert_match: true }) })
  test.each<[string, Config[], boolean]>([
    ['a drop wins, wherever it stands', [...always, drop], false],
    ['one that wants it is enough', [no, ...always], true],
    ['an inverted match is against it', [...always, inverted('v')], false],
    ['an inverted one without a match is for it', [inverted('w')], true],
    ['but not against others', [inverted('w'), no], false],
    ['nobody', [no], false],
  ])('%s', (_, policies, expected) => {
    const sampler = start({ policies })
    take(sampler, has('v'))
    sampler.clock.advance(10_000)
    expect(sampler.left().length > 0).toBe(expected)
  })

  test('with sample_on_first_match those behind the first are not asked', () => {
    const sampler = start({ sample_on_first_match: true, policies: [...always, inverted('v')] })
    take(sampler, has('v'))
    sampler.clock.advance(10_000)
    expect(sampler.left()).toHaveLength(2)
  })
})

describe('limits', () => {
  const burst = (sampler: Started, from: number, count: number) => {
    for (let trace = from; trace < from + count; trace++) take(sampler, [{ trace, name: String(trace) }])
  }
  test('begin anew each second', () => {
    const sampler = start({ policies: [{ name: 'r', type: 'rate_limiting', rate_limiting: { spans_per_second: 2 } }] })
    burst(sampler, 1, 4)
    sampler.clock.advance(1000)
    burst(sampler, 5, 1)
    sampler.clock.advance(11_000)
    expect(sampler.left()).toEqual(['1', '2', '5'])
  })

  test('of bytes are saved up', () => {
    const bytes = { bytes_per_second: 120, burst_capacity: 120 }
    const sampler = start({ policies: [{ name: 'r', type: 'bytes_limiting', bytes_limiting: bytes }] })
    burst(sampler, 1, 2)
    sampler.clock.advance(1000)
    burst(sampler, 3, 1)
    sampler.clock.advance(11_000)
    expect(sampler.left()).toEqual(['1', '3'])
  })

  test('of a composite are shared out, in the order that is written', () => {
    const composite = {
      max_total_spans_per_second: 4,
      policy_order: ['errors', 'rest'],
      composite_sub_policy: [
        { name: 'rest', type: 'always_sample' },
        { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
      ],
      rate_allocation: [{ policy: 'errors', percent: 50 }],
    }
    const sampler = start({ policies: [{ name: 'c', type: 'composite', composite }] })
    for (let trace = 1; trace <= 8; trace++)
      take(sampler, [{ trace, name: String(trace), status: trace % 2 === 0 ? 2 : 0 }])
    sampler.clock.advance(10_000)
    expect(sampler.left()).toEqual(['1', '2', '3', '4'])
  })
})

test('a percentage picks traces by FNV-1a of salt and id', () => {
  const isPicked = (id: Buffer, salt: string, percentage: number) => {
    let hash = 0xcbf29ce484222325n
    for (const byte of [...Buffer.from(salt || 'default-hash-seed'), ...id]) {
      hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn
    }
    return Number(hash >> 11n) / 2 ** 53 < percentage / 100
  }
  for (const [salt, percentage] of [
    ['', 30],
    ['other', 30],
    ['', 77.7],
  ] as const) {
    const sampler = start({
      policies: [
        { name: 'p', type: 'probabilistic', probabilistic: { hash_salt: salt, sampling_percentage: percentage } },
      ],
    })
    const traces = Array.from({ length: 300 }, (_, i) => i)
    take(
      sampler,
      traces.map((trace) => ({ trace, name: String(trace) })),
    )
    sampler.clock.advance(10_000)
    expect(sampler.left()).toEqual(traces.filter((trace) => isPicked(idOf(trace), salt, percentage)).map(String))
  }
})

test('whatever comes when, no span is lost, doubled or counted twice', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.array(fc.nat(9), { minLength: 1, maxLength: 12 }) },
    { weight: 1, arbitrary: fc.constantFrom(50, 700, 4000) },
  )
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom('decide_oldest', 'drop_oldest'),
      fc.integer({ min: 1, max: 12 }),
      (steps, traces, whenFull, cache) => {
        const sampler = start({
          decision_wait: '3s',
          num_traces: traces,
          when_full: whenFull,
          decision_cache: { sampled_cache_size: cache, non_sampled_cache_size: cache },
          policies: [{ name: 'n', type: 'span_count', span_count: { min_spans: 3 } }],
        })
        const { account } = sampler
        const passed: string[] = []
        let next = 0
        const sent: string[] = []
        for (const each of steps) {
          if (typeof each === 'number') sampler.clock.advance(each)
          else {
            const spans = each.map((trace) => ({ trace, name: `${trace}/${next++}` }))
            sent.push(...spans.map(({ name }) => name))
            take(sampler, spans)
          }
          passed.push(...sampler.left())
          expect(account.imbalance()).toBe(0)
          expect(sampler.metric('held_traces')).toBeLessThanOrEqual(traces)
        }
        sampler.clock.advance(10_000)
        passed.push(...sampler.left())
        expect(account.held()).toBe(0)
        void sampler.stop()
        expect(sampler.budget.used).toBe(0)
        expect(new Set(passed).size).toBe(passed.length)
        expect(sent).toEqual(expect.arrayContaining(passed))
        expect(account.passed).toBe(passed.length)
        expect(account.passed + account.droppedTotal).toBe(sent.length)
      },
    ),
    { numRuns: 80 },
  )
})

test.each<[string, Config, string]>([
  ['no policy', { policies: [] }, 'policies: needs a policy at least'],
  ['two of one name', { policies: [...always, ...always] }, 'policies.1.name: there already is a policy "all"'],
  ['a policy without settings', { policies: [{ name: 'a', type: 'latency' }] }, 'policies.0.latency: is required'],
  [
    'a policy without a name',
    { policies: [{ name: '', type: 'always_sample' }] },
    'policies.0.name: must not be empty',
  ],
  ['another type', { policies: [{ name: 'a', type: 'dunno' }] }, 'policies.0.type: expected one of'],
  [
    'a code that is none',
    { policies: [{ name: 'a', ...policy('status_code', { status_codes: ['BAD'] }) }] },
    'expected one of "OK", "ERROR", "UNSET"',
  ],
  [
    'a pattern that is none',
    { policies: [{ name: 'a', ...string({ values: ['('], enabled_regex_matching: true }) }] },
    'policies.0.string_attribute.values.0',
  ],
  [
    'a condition that is none',
    { policies: [{ name: 'a', ...policy('ottl_condition', { span: ['nam == 1'] }) }] },
    'policies.0.ottl_condition.span.0: traces have no field "nam"',
  ],
  [
    'an order of others',
    {
      policies: [
        {
          name: 'c',
          ...policy('composite', {
            max_total_spans_per_second: 1,
            policy_order: ['x'],
            composite_sub_policy: [{ name: 'y', type: 'always_sample' }],
          }),
        },
      ],
    },
    'policies.0.composite.policy_order.0: there is no policy "x" in it',
  ],
  [
    'a policy in a policy',
    { policies: [{ name: 'a', ...policy('and', { and_sub_policy: [{ name: 'b', type: 'drop' }] }) }] },
    'policies.0.and.and_sub_policy.0.type: expected one of',
  ],
  [
    'an unknown key in a policy in a policy',
    { policies: [{ name: 'a', ...policy('not', { not_sub_policy: { name: 'b', type: 'always_sample', keep: 1 } }) }] },
    'keep',
  ],
])('%s is named in the configuration', (_, config, message) => expect(faults(tailSampling, config)).toContain(message))
