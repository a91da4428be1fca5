import {
  type Context,
  createTraceState,
  type HrTime,
  ROOT_CONTEXT,
  type Tracer as SdkTracer,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  SamplingDecision,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { SamplerPlan } from './otel-sampler.ts'
import type { SpanProcessorPlan, TracesPlan } from './otel-settings.ts'
import type { Target } from './otel-target.ts'
import { ownScope, type SpanAttributes, type Tracer, type TraceSpan } from './tracer.ts'

export interface TracesOut {
  readonly tracer: Tracer
  /** Sends what has ended. */
  close(): Promise<void>
}

/** Sends the spans of the agent. Loads only the protocol that is spoken. */
export async function newTracesOut(plan: TracesPlan, resource: Resource): Promise<TracesOut> {
  return tracesTo(await Promise.all(plan.processors.map(newProcessor)), plan, resource)
}

/** The same, to processors of the SDK. */
export function tracesTo(
  spanProcessors: SpanProcessor[],
  plan: Pick<TracesPlan, 'sampler' | 'readsParents'>,
  resource?: Resource,
): TracesOut {
  const ids = new RandomIdGenerator()
  const sampler = newSampler(plan.sampler)
  // Asked before a span is made, since most are not: with the id that the span will then have.
  let next = ''
  const provider = new TracerProvider({
    sampler: new AlwaysOnSampler(),
    idGenerator: { generateTraceId: () => next, generateSpanId: () => ids.generateSpanId() },
    spanProcessors,
    ...(resource && { resource }),
  })
  const made = provider.getTracer(ownScope)
  return {
    tracer: {
      start(name, at, metadata) {
        const parent = plan.readsParents && metadata?.traceparent ? parentOf(metadata) : undefined
        const context = parent ?? ROOT_CONTEXT
        const id = (parent && trace.getSpanContext(parent)?.traceId) ?? ids.generateTraceId()
        const { decision } = sampler.shouldSample(context, id, name, SpanKind.SERVER, {}, [])
        if (decision !== SamplingDecision.RECORD_AND_SAMPLED) return undefined
        next = id
        const kind = parent ? SpanKind.SERVER : SpanKind.INTERNAL
        return new SdkSpan(made, made.startSpan(name, { kind, startTime: hrTime(at) }, context))
      },
    },
    close: () => provider.shutdown(),
  }
}

class SdkSpan implements TraceSpan {
  private readonly tracer: SdkTracer
  readonly span: Span

  constructor(tracer: SdkTracer, span: Span) {
    this.tracer = tracer
    this.span = span
  }

  child(name: string, at: number, { links = [], calls = false }: Parameters<TraceSpan['child']>[2] = {}): TraceSpan {
    const options = {
      kind: calls ? SpanKind.CLIENT : SpanKind.INTERNAL,
      startTime: hrTime(at),
      links: links.map((other) => ({ context: (other as SdkSpan).span.spanContext() })),
    }
    return new SdkSpan(this.tracer, this.tracer.startSpan(name, options, trace.setSpan(ROOT_CONTEXT, this.span)))
  }

  end(at: number, attributes: SpanAttributes, error?: string): void {
    const { span } = this
    span.setAttributes(attributes)
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error })
    span.end(hrTime(at))
  }
}

/** Whole milliseconds since 1970 and fractions as seconds and nanoseconds. */
const hrTime = (ms: number): HrTime => [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)]

/** `traceparent`: version, trace, span, flags (W3C Trace Context, 3.2). */
const traceParent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/

function parentOf({ traceparent, tracestate }: Readonly<Record<string, string>>): Context | undefined {
  const [, traceId, spanId, flags] = traceParent.exec(traceparent!) ?? []
  if (!traceId || !spanId) return undefined
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags!, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate && { traceState: createTraceState(tracestate) }),
  })
}

function newSampler(plan: SamplerPlan): Sampler {
  if (plan.kind === 'always_on') return new AlwaysOnSampler()
  if (plan.kind === 'always_off') return new AlwaysOffSampler()
  if (plan.kind === 'trace_id_ratio_based') return new TraceIdRatioBasedSampler(plan.ratio)
  const { root, remote_parent_sampled: sampled, remote_parent_not_sampled: other } = plan
  return new ParentBasedSampler({
    root: newSampler(root),
    ...(sampled && { remoteParentSampled: newSampler(sampled) }),
    ...(other && { remoteParentNotSampled: newSampler(other) }),
  })
}

async function newProcessor({ target, batch }: SpanProcessorPlan): Promise<SpanProcessor> {
  const exporter = target === 'console' ? new ConsoleSpanExporter() : await exporterTo(target)
  if (!batch) return new SimpleSpanProcessor({ exporter })
  return new BatchSpanProcessor({
    exporter,
    ...batch,
    maxExportBatchSize: Math.min(batch.maxExportBatchSize, batch.maxQueueSize),
  })
}

async function exporterTo(target: Target): Promise<SpanExporter> {
  if (target.protocol !== 'grpc') return (await import('./otel-http.ts')).newHttpTraces(target)
  const [{ OTLPTraceExporter }, { grpcOptions }] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-grpc'),
    import('./otel-grpc.ts'),
  ])
  return new OTLPTraceExporter(grpcOptions(target))
}
