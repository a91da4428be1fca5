import { describe, expect, test } from 'vitest'
import { recordSpans } from '../../test/support/spans.ts'
import { isOff, readSampler, type SamplerPlan } from './otel-sampler.ts'
import { type OtelSettings, otelPlan } from './otel-settings.ts'
import type { OtelFault } from './otel-target.ts'

const on = { kind: 'always_on' } as const
const off = { kind: 'always_off' } as const

describe('the sampler as the Collector writes it', () => {
  test.each<[string, unknown, SamplerPlan]>([
    ['nothing', undefined, { kind: 'parent_based', root: on }],
    ['null', null, { kind: 'parent_based', root: on }],
    ['always on', { always_on: {} }, on],
    ['always off, without braces', { always_off: null }, off],
    ['a ratio', { trace_id_ratio_based: { ratio: 0.25 } }, { kind: 'trace_id_ratio_based', ratio: 0.25 }],
    ['a ratio left out', { trace_id_ratio_based: {} }, { kind: 'trace_id_ratio_based', ratio: 1 }],
    ['around nothing', { parent_based: {} }, { kind: 'parent_based', root: on }],
    [
      'around others',
      { parent_based: { root: { trace_id_ratio_based: { ratio: 0 } }, remote_parent_sampled: { always_off: {} } } },
      {
        kind: 'parent_based',
        root: { kind: 'trace_id_ratio_based', ratio: 0 },
        remote_parent_sampled: off,
      },
    ],
  ])('%s', (_, written, plan) => {
    const faults: OtelFault[] = []
    expect(readSampler(written, ['sampler'], faults)).toEqual(plan)
    expect(faults).toEqual([])
  })

  const nested = (depth: number): unknown =>
    depth === 0 ? { loud: {} } : { parent_based: { root: nested(depth - 1) } }
  test.each<[unknown, string, RegExp]>([
    [{ jaeger_remote: {} }, 'sampler.jaeger_remote', /sampler "jaeger_remote" is not here/],
    [{}, 'sampler', /expected one sampler/],
    [{ always_on: {}, always_off: {} }, 'sampler', /expected one sampler/],
    ['always_on', 'sampler', /expected one sampler/],
    [{ trace_id_ratio_based: { ratio: 2 } }, 'sampler.trace_id_ratio_based.ratio', /from 0 to 1/],
    [{ trace_id_ratio_based: { ratio: 'x' } }, 'sampler.trace_id_ratio_based.ratio', /from 0 to 1/],
    [{ parent_based: { roof: {} } }, 'sampler.parent_based.roof', /"roof" is unknown/],
    [{ parent_based: { root: { loud: {} } } }, 'sampler.parent_based.root.loud', /sampler "loud" is not here/],
    [nested(40), '', /nested too deeply/],
  ])('%j is a problem with its place', (written, place, message) => {
    const faults: OtelFault[] = []
    readSampler(written, ['sampler'], faults)
    expect(faults).toHaveLength(1)
    expect(faults[0]!.message).toMatch(message)
    if (place) expect(faults[0]!.path.join('.')).toBe(place)
    expect(faults[0]!.hint).toBeTruthy()
  })

  test.each<[SamplerPlan, boolean]>([
    [on, false],
    [off, true],
    [{ kind: 'trace_id_ratio_based', ratio: 0 }, true],
    [{ kind: 'trace_id_ratio_based', ratio: 0.1 }, false],
    [{ kind: 'parent_based', root: off }, false],
    [{ kind: 'parent_based', root: off, remote_parent_sampled: off }, true],
    [{ kind: 'parent_based', root: off, remote_parent_sampled: off, remote_parent_not_sampled: on }, false],
  ])('%j never says yes: %s', (plan, never) => {
    expect(isOff(plan)).toBe(never)
  })
})

describe('service.telemetry.traces', () => {
  const planOf = (traces: OtelSettings['telemetry']['traces']) =>
    otelPlan({ telemetry: { logs: {}, metrics: {}, traces, resource: {} } })
  const otlp = { endpoint: 'http://127.0.0.1:4317' }
  const processors = [{ batch: { exporter: { otlp } } }]

  test('has the usual figures, and those that are written', () => {
    const { traces, faults } = planOf({
      processors: [
        ...processors,
        { simple: { exporter: { console: {} } } },
        { batch: { schedule_delay: 7, exporter: { otlp } } },
      ],
      propagators: ['tracecontext', 'b3'],
    })
    expect(faults).toEqual([])
    expect(traces).toMatchObject({ maxPerSecond: 10, readsParents: true, sampler: { kind: 'parent_based' } })
    const usual = { exportTimeoutMillis: 30_000, maxQueueSize: 2048, maxExportBatchSize: 512 }
    expect(traces!.processors).toMatchObject([
      { target: { url: 'http://127.0.0.1:4317', protocol: 'grpc' }, batch: { scheduledDelayMillis: 5000, ...usual } },
      { target: 'console', batch: undefined },
      { batch: { scheduledDelayMillis: 7, ...usual } },
    ])
  })

  test.each([
    ['no processors', {}],
    ['an empty list', { processors: [] }],
    ['level none', { processors, level: 'none' }],
    ['a sampler that never says yes', { processors, sampler: { always_off: {} } }],
    ['none a second', { processors, max_per_second: 0 }],
  ])('makes no traces with %s', (_, written) => {
    expect(planOf(written)).toMatchObject({ traces: undefined, faults: [] })
  })

  test('finds what cannot be carried out, with its place, also when no traces would be made', () => {
    const { faults } = planOf({
      level: 'none',
      processors: [{ batch: { max_queue_size: 0, exporter: { otlp } } }, { batch: { exporter: { zipkin: {} } } }, {}],
      sampler: { loud: {} },
    })
    expect(faults.map(({ path, message }) => `${path.slice(3).join('.')}: ${message}`)).toEqual([
      'processors.1.batch: there is no exporter that could be sent to',
      'processors.2: expected batch or simple',
      'processors.0.batch.max_queue_size: expected a whole number above 0',
      'sampler.loud: sampler "loud" is not here',
    ])
  })
})

describe('the first span of a trace', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const parent = (flags: string) => ({ traceparent: `00-${trace}-b7ad6b7169203331-${flags}` })

  /** How many of `n` are sampled. */
  const sampled = (n: number, sampler: SamplerPlan, metadata?: Record<string, string>) => {
    const { tracer } = recordSpans(sampler)
    let found = 0
    for (let i = 0; i < n; i++) if (tracer.start('receive', i, metadata)) found++
    return found
  }

  test('is there as often as its sampler says', () => {
    expect(sampled(100, on)).toBe(100)
    expect(sampled(100, off)).toBe(0)
    const some = sampled(2000, { kind: 'trace_id_ratio_based', ratio: 0.25 })
    expect(some).toBeGreaterThan(380)
    expect(some).toBeLessThan(620)
  })

  test('does what its parent does, when there is one, and its root when not', () => {
    const plan: SamplerPlan = { kind: 'parent_based', root: off }
    expect(sampled(1, plan)).toBe(0)
    expect(sampled(1, plan, parent('01'))).toBe(1)
    expect(sampled(1, plan, parent('00'))).toBe(0)
    expect(sampled(1, { ...plan, remote_parent_not_sampled: on }, parent('00'))).toBe(1)
  })

  test('continues the trace of the request', () => {
    const { tracer, spans } = recordSpans()
    tracer.start('receive', 1000, { ...parent('01'), tracestate: 'a=1' })!.end(1001.5, {})
    expect(spans()).toMatchObject([{ trace, parent: 'b7ad6b7169203331', start: 1000, end: 1001.5 }])
  })

  test.each([
    ['of the version that there will never be', `ff-${trace}-b7ad6b7169203331-01`],
    ['without a trace', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['without a span', `00-${trace}-0000000000000000-01`],
    ['in capitals', `00-${trace.toUpperCase()}-b7ad6b7169203331-01`],
    ['two of them', `00-${trace}-b7ad6b7169203331-01,00-${trace}-b7ad6b7169203331-01`],
    ['too long', `00-${trace}-b7ad6b7169203331-0101`],
    ['nothing', ''],
  ])('begins a trace of its own for a parent %s', (_, traceparent) => {
    const { tracer, spans } = recordSpans()
    tracer.start('receive', 0, { traceparent })!.end(1, {})
    expect(spans()[0]!.trace).not.toBe(trace)
    expect(spans()[0]!.parent).toBeUndefined()
  })

  test('has no parent unless that is asked for', () => {
    const { tracer, spans } = recordSpans(on, false)
    tracer.start('receive', 0, parent('01'))!.end(1, {})
    expect(spans()[0]!.trace).not.toBe(trace)
  })

  test('every trace has an id of its own, and its spans share it', () => {
    const { tracer, spans } = recordSpans()
    for (let i = 0; i < 3; i++) {
      const root = tracer.start('receive', i)!
      root.child('send', i).end(i, {})
      root.end(i, {})
    }
    const ids = spans().map((span) => span.trace)
    expect(new Set(ids).size).toBe(3)
    expect(ids.filter((id) => id === ids[0])).toHaveLength(2)
  })
})
