import { SeverityNumber } from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc'
import type { Resource } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs'
import type { Level, LogRecord } from './log.ts'
import type { LogProcessor } from './otel.ts'

const severity: Record<Level, SeverityNumber> = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
}

/** Sends the records of the agent's log. At most 2,048 wait; what comes beyond is lost. */
export function newLogsOut(processors: readonly LogProcessor[], resource: Resource) {
  const provider = new LoggerProvider({
    resource,
    processors: processors.map(({ interval, target }) => {
      const exporter = new OTLPLogExporter(target)
      if (interval === undefined) return new SimpleLogRecordProcessor({ exporter })
      const timeout = { exportTimeoutMillis: target.timeoutMillis }
      return new BatchLogRecordProcessor({ exporter, scheduledDelayMillis: interval, ...timeout })
    }),
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
