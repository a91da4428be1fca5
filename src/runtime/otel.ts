import { type Log, type LogRecord, newLog } from './log.ts'
import type { MetricsSources } from './otel-metrics.ts'
import { type OtelSettings, otelPlan } from './otel-settings.ts'
import type { Tracer } from './tracer.ts'

export type { OtelSettings } from './otel-settings.ts'

/** The agent's own telemetry on its way out. A receiver that fails costs what was sent to it, never the agent. */
export interface Otel {
  /** Takes one record of the agent's log. */
  log(record: LogRecord): void
  /** Where spans are made, when traces are wanted. */
  readonly tracer?: Tracer
  /** Sends what is left; gives up after a second. */
  close(): Promise<void>
}

export interface OtelOptions {
  /** Where failed exports are told; never leads back here. */
  log?: Log
  /** How long `close` may take; default 1000. */
  closeWithinMs?: number
}

/**
 * Sends metrics, logs and traces of the agent itself by OTLP, over gRPC or HTTP, as `service.telemetry` asks. Metrics are read from their
 * slots when an export is due; the SDK is loaded only here. Throws an Error that says what to write when a setting
 * cannot be carried out.
 */
export async function newOtel(
  service: OtelSettings,
  sources: MetricsSources,
  options: OtelOptions = {},
): Promise<Otel> {
  const { telemetry } = service
  const { readers, processors, traces, faults } = otelPlan(service)
  const [fault] = faults
  if (fault) throw new Error(`${fault.path.join('.')}: ${fault.message}${fault.hint ? `; ${fault.hint}` : ''}`)
  const resource = await newResource(telemetry.resource)
  await reportFailures(options.log ?? newLog({ level: 'warn' }).named('telemetry'))
  const metricsOut = readers.length > 0 ? (await import('./otel-metrics.ts')).newMetricsOut : undefined
  const logsOut = processors.length > 0 ? (await import('./otel-logs.ts')).newLogsOut : undefined
  const metricsSent = await metricsOut?.(readers, resource, sources)
  const logsSent = await logsOut?.(processors, resource)
  const tracesSent = traces && (await (await import('./otel-traces.ts')).newTracesOut(traces, resource))
  return {
    ...(tracesSent && { tracer: tracesSent.tracer }),
    log: (record) => logsSent?.log(record),
    async close() {
      const closing = [metricsSent, logsSent, tracesSent].map((out) => out?.close().catch(() => {}))
      await within(options.closeWithinMs ?? 1000, Promise.all(closing))
    },
  }
}

/** Attributes of everything; null removes one. The Collector's `attributes: [{name, value}]` reads the same. */
async function newResource(settings: Readonly<Record<string, unknown>>) {
  const [{ resourceFromAttributes }, { randomUUID }, { hostname }] = await Promise.all([
    import('@opentelemetry/resources'),
    import('node:crypto'),
    import('node:os'),
  ])
  const { attributes: listed, ...plain } = settings
  const given = Array.isArray(listed) ? Object.fromEntries(listed.map(({ name, value }) => [name, value])) : {}
  const all = {
    'service.name': 'tailrace',
    'service.instance.id': randomUUID(),
    'host.name': hostname(),
    'process.pid': process.pid,
    ...given,
    ...plain,
  }
  const kept = Object.entries(all).filter(([, value]) => value !== null && value !== undefined)
  return resourceFromAttributes(
    Object.fromEntries(kept.map(([key, value]) => [key, typeof value === 'number' ? value : String(value)])),
  )
}

const everyMs = 60_000

/** The SDK tells its troubles to one place of the process: the first of a minute goes to the log. */
async function reportFailures(log: Log): Promise<void> {
  const { diag, DiagLogLevel } = await import('@opentelemetry/api')
  let next = 0
  // Monotonic: a wall clock that is set back must not make an hour of a minute.
  const tell = (message: string, ...more: unknown[]) => {
    if (performance.now() < next) return
    next = performance.now() + everyMs
    const error = [message, ...more].map(String).join(' ').slice(0, 300)
    log.warn('own telemetry could not be sent; going on without', { error })
  }
  const quiet = () => {}
  const logger = { error: tell, warn: quiet, info: quiet, debug: quiet, verbose: quiet }
  diag.setLogger(logger, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true })
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([work, late])
  clearTimeout(timer)
}
