import { readProcessors } from './otel-processors.ts'
import { isOff, readSampler, type SamplerPlan } from './otel-sampler.ts'
import { type OtelFault, type OtlpTarget, readTarget, type Target } from './otel-target.ts'

/** What `service.telemetry` says about sending by OTLP. */
export interface OtelSettings {
  telemetry: {
    logs: { processors?: unknown }
    metrics: {
      level?: string | undefined
      readers?:
        | readonly {
            periodic?: { interval: number; exporter: { otlp?: OtlpTarget | undefined; console?: unknown } } | undefined
          }[]
        | undefined
    }
    traces: {
      level?: string | undefined
      processors?: unknown
      sampler?: unknown
      propagators?: readonly string[] | undefined
      max_per_second?: number | undefined
    }
    resource: Readonly<Record<string, unknown>>
  }
}

export interface MetricsTarget {
  /** Milliseconds between two exports. */
  readonly interval: number
  /** Standard output: for trying. */
  readonly target: Target | 'console'
}

export interface LogProcessor {
  readonly target: Target
  /** Milliseconds between two exports; undefined: every record at once. */
  readonly interval: number | undefined
}

/** Where spans go. */
export interface SpanProcessorPlan {
  /** Standard output: for trying. */
  readonly target: Target | 'console'
  /** Undefined: every span at once. */
  readonly batch:
    | {
        readonly scheduledDelayMillis: number
        readonly exportTimeoutMillis: number
        readonly maxQueueSize: number
        readonly maxExportBatchSize: number
      }
    | undefined
}

export interface TracesPlan {
  readonly processors: readonly SpanProcessorPlan[]
  readonly sampler: SamplerPlan
  /** Traces that begin in a second, at most. */
  readonly maxPerSecond: number
  /** Whether `traceparent` of a request is the parent of its trace. */
  readonly readsParents: boolean
}

export interface OtelPlan {
  readonly readers: readonly MetricsTarget[]
  readonly processors: readonly LogProcessor[]
  /** Undefined: no traces are made. */
  readonly traces: TracesPlan | undefined
  readonly faults: readonly OtelFault[]
}

const root = ['service', 'telemetry']

/** Reads what `service.telemetry` asks for, and finds everything that cannot be carried out; loads nothing heavy. */
export function otelPlan({ telemetry }: OtelSettings): OtelPlan {
  const faults: OtelFault[] = []
  const readers = telemetry.metrics.level === 'none' ? [] : (telemetry.metrics.readers ?? [])
  const targets = readers.flatMap(({ periodic }, i): MetricsTarget[] => {
    if (!periodic) return []
    const { otlp: written, console } = periodic.exporter
    if (!written) return console === undefined ? [] : [{ interval: periodic.interval, target: 'console' }]
    const at = [...root, 'metrics', 'readers', i, 'periodic', 'exporter', 'otlp']
    const target = readTarget(written, at, faults)
    return target ? [{ interval: periodic.interval, target }] : []
  })
  const processors = readProcessors(telemetry.logs.processors, [...root, 'logs', 'processors'], faults).flatMap(
    // What its console exporter would print stands on stderr already.
    ({ kind, settings, target }): LogProcessor[] => {
      const interval = kind === 'batch' ? Number(settings.schedule_delay ?? 1000) : undefined
      return target === 'console' ? [] : [{ target, interval }]
    },
  )
  const traces = tracesPlan(telemetry.traces, faults)
  return { readers: targets, processors, traces, faults }
}

function tracesPlan(written: OtelSettings['telemetry']['traces'], faults: OtelFault[]): TracesPlan | undefined {
  const at = [...root, 'traces']
  const processors = readProcessors(written.processors, [...at, 'processors'], faults).map(
    ({ kind, settings, target, path }): SpanProcessorPlan => {
      const number = (key: string, usual: number) => readNumber(settings[key] ?? usual, [...path, key], faults)
      // The SDKs' own figures.
      const batch = {
        scheduledDelayMillis: number('schedule_delay', 5000),
        exportTimeoutMillis: number('export_timeout', 30_000),
        maxQueueSize: number('max_queue_size', 2048),
        maxExportBatchSize: number('max_export_batch_size', 512),
      }
      return { target, batch: kind === 'batch' ? batch : undefined }
    },
  )
  const sampler = readSampler(written.sampler, [...at, 'sampler'], faults)
  const { level = 'basic', propagators = [], max_per_second: maxPerSecond = 10 } = written
  if (level === 'none' || processors.length === 0 || maxPerSecond === 0 || isOff(sampler)) return undefined
  return { processors, sampler, maxPerSecond, readsParents: propagators.includes('tracecontext') }
}

function readNumber(value: unknown, path: OtelFault['path'], faults: OtelFault[]): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 31) return value
  faults.push({ path, message: 'expected a whole number above 0', hint: 'leave it out for the usual one' })
  return 1
}
