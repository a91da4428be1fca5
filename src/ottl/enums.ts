/** OTTL's names for numbers of the wire. A metric's type is text here, so its names are that text. */
const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((name, level) =>
  ['', '2', '3', '4'].map((suffix, i) => [`SEVERITY_NUMBER_${name}${suffix}`, BigInt(level * 4 + i + 1)] as const),
)

export const enums: Readonly<Record<string, bigint | string>> = {
  SPAN_KIND_UNSPECIFIED: 0n,
  SPAN_KIND_INTERNAL: 1n,
  SPAN_KIND_SERVER: 2n,
  SPAN_KIND_CLIENT: 3n,
  SPAN_KIND_PRODUCER: 4n,
  SPAN_KIND_CONSUMER: 5n,
  STATUS_CODE_UNSET: 0n,
  STATUS_CODE_OK: 1n,
  STATUS_CODE_ERROR: 2n,
  AGGREGATION_TEMPORALITY_UNSPECIFIED: 0n,
  AGGREGATION_TEMPORALITY_DELTA: 1n,
  AGGREGATION_TEMPORALITY_CUMULATIVE: 2n,
  METRIC_DATA_TYPE_GAUGE: 'gauge',
  METRIC_DATA_TYPE_SUM: 'sum',
  METRIC_DATA_TYPE_HISTOGRAM: 'histogram',
  METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM: 'exponential_histogram',
  METRIC_DATA_TYPE_SUMMARY: 'summary',
  FLAG_NONE: 0n,
  FLAG_NO_RECORDED_VALUE: 1n,
  SEVERITY_NUMBER_UNSPECIFIED: 0n,
  ...Object.fromEntries(severities),
}
