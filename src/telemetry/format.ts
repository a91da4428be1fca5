/** What the bytes of a batch are. Each is a message that stays valid when two of them are concatenated. */
export const Format = {
  /** `loggregator.v2.EnvelopeBatch`: repeated field 1. */
  envelopes: 'envelopes',
  /** A list of v1 `events.Envelope`, framed like an EnvelopeBatch: repeated bytes field 1. */
  dropsonde: 'dropsonde',
  /** `ExportLogsServiceRequest`. */
  logs: 'logs',
  /** `ExportMetricsServiceRequest`. */
  metrics: 'metrics',
  /** `ExportTraceServiceRequest`. */
  traces: 'traces',
} as const
export type Format = (typeof Format)[keyof typeof Format]

export const formats = Object.values(Format)

/** What one record of a format is called in counters and texts. */
export const recordName: Record<Format, string> = {
  envelopes: 'envelope',
  dropsonde: 'v1 envelope',
  logs: 'log record',
  metrics: 'data point',
  traces: 'span',
}
