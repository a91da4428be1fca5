/** The messages around and in a record that have fields of their own, from the record outwards. */
export const Level = {
  /** Envelope, log record, data point, span. */
  record: 0,
  /** Traces: an event of the span. */
  event: 1,
  /** Metrics: gauge, sum, histogram, exponential histogram, summary. */
  data: 2,
  /** Metrics: the metric. */
  metric: 3,
  /** OTLP: the InstrumentationScope. */
  scope: 4,
  /** OTLP: the Resource. */
  resource: 5,
} as const
export type Level = (typeof Level)[keyof typeof Level]
