import type { BackwardWriter } from '../protobuf.ts'
import { writeMetric } from './metric-to-envelopes.ts'
import { OtlpContext, type OtlpToEnvelopesCounts } from './otlp-context.ts'
import { OtlpLeaves } from './otlp-walk.ts'
import { writeLogRecord } from './record-to-log.ts'
import { writeSpanTimer } from './span-to-timer.ts'

export type { OtlpToEnvelopesCounts } from './otlp-context.ts'

const leaves = new OtlpLeaves()
const context = new OtlpContext()

/**
 * Writes the log records of an ExportLogsServiceRequest `bytes[start, end)` as envelopes (`batch` of an EnvelopeBatch), in
 * order, in front of what `out` holds: a log, ERR from severity 17 on; an event when the body is `{title, body}`.
 *
 * For all three signals: `source_id` and `instance_id` come from the attribute of that name, of the record or else of the
 * resource, or else from the resource's `service.name` and `service.instance.id`; other attributes become tags, those of
 * the record over those of the resource, with values that are no strings as text (bytes in base64, lists as JSON).
 */
export function convertLogsToEnvelopes(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: BackwardWriter,
): OtlpToEnvelopesCounts {
  return convert(bytes, start, end, out, writeLogRecord)
}

/** The same for an ExportMetricsServiceRequest: monotonic sums are counters, all other numbers gauges. */
export function convertMetricsToEnvelopes(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: BackwardWriter,
): OtlpToEnvelopesCounts {
  return convert(bytes, start, end, out, writeMetric)
}

/** The same for an ExportTraceServiceRequest: spans are timers, with tags `trace_id`, `span_id` and `peer_type`. */
export function convertTracesToEnvelopes(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: BackwardWriter,
): OtlpToEnvelopesCounts {
  return convert(bytes, start, end, out, writeSpanTimer)
}

function convert(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: BackwardWriter,
  write: (context: OtlpContext, start: number, end: number) => boolean,
): OtlpToEnvelopesCounts {
  const counts = context.begin(bytes, out)
  leaves.read(bytes, start, end)
  counts.malformed += leaves.broken
  for (let i = leaves.count - 1; i >= 0; i--) {
    context.enter(leaves.groupOf(i), leaves.groupEndOf(i))
    if (!write(context, leaves.start(i), leaves.end(i))) counts.malformed++
  }
  return context.finish()
}
