import { type HrTime, SpanStatusCode } from '@opentelemetry/api'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace'
import type { SamplerPlan } from '../../src/runtime/otel-sampler.ts'
import { tracesTo } from '../../src/runtime/otel-traces.ts'

/** A span as tests read it. Times are wall time in milliseconds. */
export interface SeenSpan {
  readonly name: string
  readonly trace: string
  readonly id: string
  readonly parent: string | undefined
  readonly start: number
  readonly end: number
  readonly attributes: Readonly<Record<string, unknown>>
  /** Undefined: it went well. */
  readonly error: string | undefined
  /** Traces that it is linked to. */
  readonly links: readonly string[]
}

/** A tracer of the real SDK, and the spans that have ended, in this order. */
export function recordSpans(sampler: SamplerPlan = { kind: 'always_on' }, readsParents = true) {
  const exporter = new InMemorySpanExporter()
  const { tracer } = tracesTo([new SimpleSpanProcessor({ exporter })], { sampler, readsParents })
  return { tracer, spans: () => exporter.getFinishedSpans().map(seen) }
}

const ms = ([seconds, nanos]: HrTime) => seconds * 1000 + nanos / 1e6

const seen = (span: ReadableSpan): SeenSpan => ({
  name: span.name,
  trace: span.spanContext().traceId,
  id: span.spanContext().spanId,
  parent: span.parentSpanContext?.spanId,
  start: ms(span.startTime),
  end: ms(span.endTime),
  attributes: Object.fromEntries(Object.entries(span.attributes).map(([key, value]) => [key.slice(9), value])),
  error: span.status.code === SpanStatusCode.ERROR ? (span.status.message ?? '') : undefined,
  links: span.links.map(({ context }) => context.traceId),
})
