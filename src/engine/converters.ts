import { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'
import { Row, rowSize } from '../telemetry/record-index.ts'
import { convertEnvelopesToOtlp } from '../wire/convert/envelopes-to-otlp.ts'
import {
  convertLogsToEnvelopes,
  convertMetricsToEnvelopes,
  convertTracesToEnvelopes,
} from '../wire/convert/otlp-to-envelopes.ts'
import type { RowSpans } from '../wire/convert/rows.ts'
import { convertV1ToV2 } from '../wire/convert/v1-to-v2.ts'
import { convertV2ToV1 } from '../wire/convert/v2-to-v1.ts'
import { BackwardWriter, nanosFromMillis } from '../wire/protobuf.ts'

/** What came of one batch: at most one batch per wanted format. */
export interface Converted {
  readonly batches: readonly Batch[]
  readonly losses: Losses
}

/** Records of the source that did not get across. */
interface Losses {
  /** None of the wanted formats can express them. */
  readonly notRepresentable: number
  /** Written out they would pass the bound of one message. */
  readonly tooLarge: number
  /** Their bytes are not what they claim to be. */
  readonly malformed: number
}

/** A way from one format to others, bytes to bytes, without state. */
export interface Converter {
  readonly from: Format
  readonly to: readonly Format[]
  convert(batch: Batch, wanted: readonly Format[], nowMs: number): Converted
}

const toOtlp: Converter = {
  from: 'envelopes',
  to: ['logs', 'metrics', 'traces'],
  convert(batch, wanted, nowMs) {
    const writer = (format: Format) => (wanted.includes(format) ? scratch(format) : undefined)
    const outputs = { logs: writer('logs'), metrics: writer('metrics'), traces: writer('traces') }
    const counts = convertEnvelopesToOtlp(rowsOf(batch), { ...outputs, observedTime: nanosFromMillis(nowMs) })
    const batches = [
      ...taken('logs', batch, outputs.logs, counts.logRecords),
      ...taken('metrics', batch, outputs.metrics, counts.dataPoints),
      ...taken('traces', batch, outputs.traces, counts.spans),
    ]
    return { batches, losses: counts }
  },
}

const fromOtlp = (from: Format, write: typeof convertLogsToEnvelopes): Converter => ({
  from,
  to: ['envelopes'],
  convert(batch) {
    const out = scratch('envelopes')
    const bytes = batch.bytes()
    const counts = write(bytes, 0, bytes.length, out)
    return { batches: taken('envelopes', batch, out, counts.made), losses: counts }
  },
})

const v1ToV2: Converter = {
  from: 'dropsonde',
  to: ['envelopes'],
  convert(batch) {
    const out = scratch('envelopes')
    const { made, malformed } = convertV1ToV2(rowsOf(batch), { preferredTags: true }, out)
    return { batches: taken('envelopes', batch, out, made), losses: { notRepresentable: 0, tooLarge: 0, malformed } }
  },
}

const v2ToV1: Converter = {
  from: 'envelopes',
  to: ['dropsonde'],
  convert(batch) {
    const out = scratch('dropsonde')
    const counts = convertV2ToV1(rowsOf(batch), out)
    return { batches: taken('dropsonde', batch, out, counts.made), losses: counts }
  },
}

export const converters: readonly Converter[] = [
  toOtlp,
  v1ToV2,
  v2ToV1,
  fromOtlp('logs', convertLogsToEnvelopes),
  fromOtlp('metrics', convertMetricsToEnvelopes),
  fromOtlp('traces', convertTracesToEnvelopes),
]

/** The converter from a format to any of those that are taken. */
export function findConverter(from: Format, takes: readonly Format[]): Converter | undefined {
  return converters.find(
    (converter) => converter.from === from && converter.to.some((format) => takes.includes(format)),
  )
}

/** Where the bodies of the records lie, once what is pending on the batch is settled. */
function rowsOf(batch: Batch): RowSpans {
  const settled = batch.size
  const { rows, base } = batch.index()
  const count = settled === 0 ? 0 : batch.count
  return { bytes: batch.buffer, spans: rows, count, first: base + Row.start, stride: rowSize }
}

const writers = new Map<Format, BackwardWriter>()
const scratchBytes = 64 << 10
const largeBytes = 1 << 20

/** The writer for one format, empty. Nothing converts while something else converts. */
function scratch(format: Format): BackwardWriter {
  const writer = writers.get(format) ?? new BackwardWriter(scratchBytes)
  writers.set(format, writer)
  writer.reset()
  return writer
}

/** What was written as a batch with the origin of its source; none when nothing was. */
function taken(format: Format, source: Batch, writer: BackwardWriter | undefined, count: number): Batch[] {
  if (!writer || count === 0) return []
  const made = Batch.copyOf(format, writer.finish(), { count, origin: source.origin })
  // One huge batch must not cost its size for good.
  if (writer.length > largeBytes) writers.delete(format)
  return [made]
}
