import { SeverityNumber } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordExporter,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs'
import type { Level, LogRecord } from './log.ts'
import type { LogProcessor } from './otel-settings.ts'
import type { Target } from './otel-target.ts'

const severity: Record<Level, SeverityNumber> = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
}

/** Sends the records of the agent's log. At most 2,048 wait; what comes beyond is lost. */
export async function newLogsOut(processors: readonly LogProcessor[], resource: Resource) {
  const provider = new LoggerProvider({
    resource,
    processors: await Promise.all(
      processors.map(async ({ interval, target }) => {
        const exporter = await exporterTo(target)
        if (interval === undefined) return new SimpleLogRecordProcessor({ exporter })
        const timeout = { exportTimeoutMillis: target.timeoutMillis }
        return new BatchLogRecordProcessor({ exporter, scheduledDelayMillis: interval, ...timeout })
      }),
    ),
  })
  const logger = provider.getLogger('tailrace')
  return {
    log({ time, level, name, message, fields }: LogRecord): void {
      const attributes = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
      logger.emit({
        timestamp: time,
        severityNumber: severity[level],
        severityText: level,
        body: message,
        attributes: { ...(name && { component: name }), ...attributes },
      })
    },
    close: () => provider.shutdown(),
  }
}

/** Only the protocol that is spoken is loaded. */
async function exporterTo(target: Target): Promise<LogRecordExporter> {
  if (target.protocol !== 'grpc') return (await import('./otel-http.ts')).newHttpLogs(target)
  const [{ OTLPLogExporter }, { grpcOptions }] = await Promise.all([
    import('@opentelemetry/exporter-logs-otlp-grpc'),
    import('./otel-grpc.ts'),
  ])
  return new OTLPLogExporter(grpcOptions(target))
}
