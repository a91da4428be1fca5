import type { BackwardWriter } from '../protobuf.ts'
import { EnvelopeView, MessageField } from './envelope-view.ts'
import { FieldView, fields } from './field-view.ts'
import { plainDecimal } from './numbers.ts'
import { writeAttributes } from './otlp-attributes.ts'
import { fitsOutput, type RowSpans } from './rows.ts'
import { TagTable } from './tag-table.ts'
import { writeText } from './text.ts'
import { isSpan, writeSpan } from './timer-to-span.ts'
import { readMetrics } from './v2-gauge.ts'

export interface OtlpOutputs {
  /** Where ExportLogsServiceRequest goes; without a writer logs and events are not wanted. */
  logs?: BackwardWriter | undefined
  /** Where ExportMetricsServiceRequest goes; without a writer counters and gauges are not wanted. */
  metrics?: BackwardWriter | undefined
  /** Where ExportTraceServiceRequest goes; without a writer timers are not wanted. */
  traces?: BackwardWriter | undefined
  /** Unix nanoseconds for `observed_time_unix_nano`, as halves. */
  observedTime: readonly [lo: number, hi: number]
}

/** Every envelope is in exactly one of the `from*` counts, `notWanted`, `notRepresentable`, `tooLarge` or `malformed`. */
export interface OtlpCounts {
  logRecords: number
  dataPoints: number
  spans: number
  /** Logs and events that became records. */
  fromLogs: number
  /** Counters and gauges that became points. */
  fromMetrics: number
  /** Timers that became spans. */
  fromTimers: number
  /** Envelopes of a signal that has no writer. */
  notWanted: number
  /** Timers that are no span, empty gauges, envelopes without a message. */
  notRepresentable: number
  /** Gauges whose metrics, each with all tags, would not fit into one output. */
  tooLarge: number
  /** Bytes that are no envelope. */
  malformed: number
  /** Texts that were no UTF-8 (log payloads are bytes, OTLP wants text) and got U+FFFD. */
  repaired: number
}

const view = new EnvelopeView({ decimal: plainDecimal, keepsEmpty: true })
const body = new FieldView()
const gauge = new TagTable()

/**
 * Writes envelopes as OTLP export requests, in order, in front of what the writers hold: per signal one resource and one
 * scope, both unset, around all records (none when there is no record). Strings of the envelopes must be UTF-8 already,
 * as they are behind a receiver. The caller finishes or takes the writers.
 */
export function convertEnvelopesToOtlp(rows: RowSpans, outputs: OtlpOutputs): OtlpCounts {
  const counts = newCounts()
  const { logs, metrics, traces } = outputs
  const logsMark = logs?.length ?? 0
  const metricsMark = metrics?.length ?? 0
  const tracesMark = traces?.length ?? 0
  const { bytes, spans, first = 0, stride = 2 } = rows
  for (let at = first + (rows.count - 1) * stride; at >= first; at -= stride) {
    if (!view.read(bytes, spans[at]!, spans[at + 1]!) || !convert(outputs, counts)) counts.malformed++
  }
  if (logs && counts.logRecords > 0) closeRequest(logs, logsMark)
  if (metrics && counts.dataPoints > 0) closeRequest(metrics, metricsMark)
  if (traces && counts.spans > 0) closeRequest(traces, tracesMark)
  return counts
}

function newCounts(): OtlpCounts {
  return {
    logRecords: 0,
    dataPoints: 0,
    spans: 0,
    fromLogs: 0,
    fromMetrics: 0,
    fromTimers: 0,
    notWanted: 0,
    notRepresentable: 0,
    tooLarge: 0,
    malformed: 0,
    repaired: 0,
  }
}

/** The scope is field 2 of the resource, which is field 1 of the request, in all three signals. */
function closeRequest(out: BackwardWriter, mark: number): void {
  out.message(2, mark)
  out.message(1, mark)
}

/** False when the message does not parse. */
function convert(outputs: OtlpOutputs, counts: OtlpCounts): boolean {
  switch (view.message) {
    case MessageField.log:
      return outputs.logs ? writeLog(outputs.logs, outputs.observedTime, counts) : notWanted(counts)
    case MessageField.event:
      return outputs.logs ? writeEvent(outputs.logs, outputs.observedTime, counts) : notWanted(counts)
    case MessageField.counter:
      return outputs.metrics ? writeCounter(outputs.metrics, counts) : notWanted(counts)
    case MessageField.gauge:
      return outputs.metrics ? writeGauge(outputs.metrics, counts) : notWanted(counts)
    case MessageField.timer:
      return outputs.traces ? writeTimer(outputs.traces, counts) : notWanted(counts)
    default:
      counts.notRepresentable++
      return true
  }
}

function notWanted(counts: OtlpCounts): true {
  counts.notWanted++
  return true
}

const infoText = Buffer.from('SEVERITY_NUMBER_INFO')
const errorText = Buffer.from('SEVERITY_NUMBER_ERROR')
const noSeverityText = Buffer.from('SEVERITY_NUMBER_UNSPECIFIED')

function writeLog(out: BackwardWriter, observed: readonly [number, number], counts: OtlpCounts): boolean {
  if (!body.read(view.bytes, view.bodyStart, view.bodyEnd, fields(2), 0, fields(1))) return false
  const mark = out.length
  writeObserved(out, observed)
  writeAttributes(view, 6, out)
  const bodyMark = out.length
  counts.repaired += writeText(out, 1, view.bytes, body.start(1), body.end(1))
  out.message(5, bodyMark)
  const type = body.int32(2)
  out.bytesField(3, type === 0 ? infoText : type === 1 ? errorText : noSeverityText)
  if (type === 0 || type === 1) {
    out.byte(type === 0 ? 9 : 17)
    out.tag(2, 0)
  }
  closeRecord(out, mark, counts)
  return true
}

const titleKey = Buffer.from('title')
const bodyKey = Buffer.from('body')

function writeEvent(out: BackwardWriter, observed: readonly [number, number], counts: OtlpCounts): boolean {
  if (!body.read(view.bytes, view.bodyStart, view.bodyEnd, 0, 0, fields(1, 2))) return false
  const mark = out.length
  writeObserved(out, observed)
  writeAttributes(view, 6, out)
  const bodyMark = out.length
  out.textAttribute(1, bodyKey, 0, bodyKey.length, view.bytes, body.start(2), body.end(2))
  out.textAttribute(1, titleKey, 0, titleKey.length, view.bytes, body.start(1), body.end(1))
  out.message(6, bodyMark)
  out.message(5, bodyMark)
  closeRecord(out, mark, counts)
  return true
}

function writeObserved(out: BackwardWriter, observed: readonly [number, number]): void {
  out.fixed64(observed[0], observed[1])
  out.tag(11, 1)
}

function closeRecord(out: BackwardWriter, mark: number, counts: OtlpCounts): void {
  writeTime(out, 1)
  out.message(2, mark)
  counts.logRecords++
  counts.fromLogs++
}

function writeTime(out: BackwardWriter, field: number): void {
  out.fixed64(view.timestampLo, view.timestampHi)
  out.tag(field, 1)
}

/** A cumulative monotonic sum. Its int is signed where the counter's total is not: the top bit is cleared. */
function writeCounter(out: BackwardWriter, counts: OtlpCounts): boolean {
  if (!body.read(view.bytes, view.bodyStart, view.bodyEnd, fields(3), 0, fields(1))) return false
  const mark = out.length
  out.byte(1)
  out.tag(3, 0)
  out.byte(2)
  out.tag(2, 0)
  const point = out.length
  out.fixed64(body.lo(3), body.hi(3) & 0x7fffffff)
  out.tag(6, 1)
  writeAttributes(view, 7, out)
  writeTime(out, 3)
  out.message(1, point)
  out.message(7, mark)
  out.bytesField(1, view.bytes, body.start(1), body.end(1))
  out.message(2, mark)
  counts.dataPoints++
  counts.fromMetrics++
  return true
}

/** One metric per entry. */
function writeGauge(out: BackwardWriter, counts: OtlpCounts): boolean {
  if (!readMetrics(gauge, view.bytes, view.bodyStart, view.bodyEnd)) return false
  if (!fitsOutput(out.length, gauge.count, view.end - view.start)) {
    counts.tooLarge++
    return true
  }
  const before = counts.dataPoints
  for (let i = gauge.count - 1; i >= 0; i--) {
    if (gauge.isDead(i)) continue
    body.read(view.bytes, gauge.valueStart(i), gauge.valueEnd(i), 0, fields(2), fields(1))
    const mark = out.length
    writeAttributes(view, 7, out)
    out.fixed64(body.lo(2), body.hi(2))
    out.tag(4, 1)
    writeTime(out, 3)
    out.message(1, mark)
    out.message(5, mark)
    if (body.start(1) !== body.end(1)) out.bytesField(3, view.bytes, body.start(1), body.end(1))
    out.bytesField(1, view.bytes, gauge.keyStart(i), gauge.keyEnd(i))
    out.message(2, mark)
    counts.dataPoints++
  }
  if (counts.dataPoints === before) counts.notRepresentable++
  else counts.fromMetrics++
  return true
}

function writeTimer(out: BackwardWriter, counts: OtlpCounts): boolean {
  if (!body.read(view.bytes, view.bodyStart, view.bodyEnd, fields(2, 3), 0, fields(1))) return false
  if (!isSpan(view)) {
    counts.notRepresentable++
    return true
  }
  counts.repaired += writeSpan(view, body, out)
  counts.spans++
  counts.fromTimers++
  return true
}
