import { expect, test } from 'vitest'
import { encodeOtlpTraces } from '../../test/support/decode.ts'
import { envelopes } from '../../test/support/delivery.ts'
import { recordSpans } from '../../test/support/spans.ts'
import { Account } from '../delivery/ledger.ts'
import { ManualClock } from '../runtime/clock.ts'
import { Metrics } from '../runtime/metrics.ts'
import type { SamplerPlan } from '../runtime/otel-sampler.ts'
import { ownScope } from '../runtime/tracer.ts'
import { Batch } from '../telemetry/batch.ts'
import { type Outcome, Receipt } from '../telemetry/receipt.ts'
import { BatchSampler } from './batch-sampler.ts'

function newSampler(maxPerSecond = 10, plan?: SamplerPlan) {
  const { tracer, spans } = recordSpans(plan)
  const clock = new ManualClock()
  const metrics = new Metrics()
  const sampler = new BatchSampler({ tracer, clock, metrics, maxPerSecond })
  const account = new Account('receiver', 'otlp', {})
  /** How many of `n` batches are traced. */
  const traced = (n: number, batch = () => envelopes(['a'])) => {
    let found = 0
    for (let i = 0; i < n; i++) if (sampler.follow(batch(), account).receipts.length > 0) found++
    return found
  }
  const value = (name: string) => metrics.value(`tailrace_own_traces_${name}`, {})
  return { sampler, account, clock, spans, traced, value }
}

const settle = (batch: Batch, outcome: Outcome) => {
  for (const receipt of batch.receipts) receipt.settle(outcome)
}

test.each<[Outcome, Record<string, unknown>, string | undefined]>([
  ['delivered', { outcome: 'delivered' }, undefined],
  ['durable', { outcome: 'durable' }, undefined],
  [{ dropped: 'rejected' }, { outcome: 'dropped', reason: 'rejected' }, 'rejected'],
])('the first span says what came of it: %j', (outcome, attributes, error) => {
  const { sampler, account, clock, spans } = newSampler()
  clock.advance(50)
  const batch = sampler.follow(envelopes(['a', 'b']), account, 20)
  clock.advance(7)
  settle(batch, outcome)
  const [span, ...more] = spans()
  expect(more).toEqual([])
  expect(span).toMatchObject({ name: 'receive otlp', error })
  expect(span!.attributes).toEqual({
    component: 'otlp',
    format: 'envelopes',
    records: 2,
    bytes: batch.size,
    ...attributes,
  })
  // It has waited for room.
  expect([span!.start, span!.end].map((time) => time - clock.now())).toEqual([-37, 0])
})

test('the receipts that a batch has are kept', () => {
  const { sampler, account } = newSampler()
  const outcomes: Outcome[] = []
  const given = envelopes(['a'], 'app', { receipts: [new Receipt((outcome) => outcomes.push(outcome))] })
  const batch = sampler.follow(given, account)
  expect(batch.receipts).toHaveLength(2)
  settle(batch, 'delivered')
  expect(outcomes).toEqual(['delivered'])
})

test('a flood costs so many traces a second and no more, whatever the sampler says', () => {
  const { clock, traced, value } = newSampler(5)
  expect(traced(1000)).toBe(5)
  clock.advance(1000)
  expect(traced(1000)).toBe(5)
  let found = 0
  for (let i = 0; i < 100; i++) {
    clock.advance(100)
    found += traced(20)
  }
  expect(found).toBe(50)
  clock.advance(3_600_000)
  expect(traced(1000)).toBe(5)
  expect(value('total')).toBe(65)
})

test('one a second is one a second', () => {
  const { clock, traced } = newSampler(1)
  expect(traced(10)).toBe(1)
  clock.advance(900)
  expect(traced(10)).toBe(0)
  clock.advance(100)
  expect(traced(10)).toBe(1)
})

test('what the sampler leaves out takes nothing from the others', () => {
  const { traced } = newSampler(10, { kind: 'trace_id_ratio_based', ratio: 0.02 })
  expect(traced(20_000)).toBe(10)
})

test('batches with spans of a tailrace are not traced, or there would be no end', () => {
  const { traced, spans, value } = newSampler(10)
  const of = (scope: string) => () => {
    const span = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 1), name: 'x' }
    const bytes = encodeOtlpTraces({ resourceSpans: [{ scopeSpans: [{ scope: { name: scope }, spans: [span] }] }] })
    return Batch.copyOf('traces', bytes)
  }
  expect(traced(20, of(ownScope))).toBe(0)
  expect([value('total'), value('open'), spans()]).toEqual([0, 0, []])
  // Looking costs, but leaves room for others.
  expect(traced(20, of('app'))).toBeGreaterThanOrEqual(7)
})

test('what never settles is bounded: the oldest traces end with their outcome unknown', () => {
  const { spans, traced, value, sampler } = newSampler(5000)
  expect(traced(1200)).toBe(1200)
  expect(value('open')).toBe(1000)
  expect(spans()).toHaveLength(200)
  expect(spans()[0]!.attributes).toMatchObject({ outcome: 'unknown' })
  sampler.close()
  expect(value('open')).toBe(0)
  expect(spans()).toHaveLength(1200)
})

test('a trace that has ended does not end again when its batch settles late', () => {
  const { sampler, account, spans } = newSampler()
  const batch = sampler.follow(envelopes(['a']), account)
  sampler.close()
  settle(batch, 'delivered')
  expect(spans().map(({ attributes }) => attributes.outcome)).toEqual(['unknown'])
})
