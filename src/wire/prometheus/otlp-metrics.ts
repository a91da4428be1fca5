/**
 * Turns a page of metrics into an OTLP ExportMetricsServiceRequest, typed and named as the Collector's prometheus receiver
 * does: names stay as they are in the page, counters are cumulative monotonic sums, untyped metrics are gauges.
 */
import { isUtf8 } from 'node:buffer'
import { sameBytes } from '../byte-runs.ts'
import { BackwardWriter } from '../protobuf.ts'
import { PointWriter } from './otlp-points.ts'
import { Kind, type Page } from './page.ts'
import { ucumUnit } from './units.ts'

export interface OtlpOptions {
  /** An encoded `Resource`, see `encodeResource`. */
  resource: Uint8Array
  scope: { name: string; version: string }
  /** Scrape time, halves of nanoseconds: the time of every point. What the page says about time is not used. */
  timeLo: number
  timeHi: number
  /** Start of cumulative series without `_created`; zero when it is not known. */
  startLo: number
  startHi: number
  /** Times that the page has count instead. */
  honorTimes?: boolean
  /** Points say that there is no value any more (FLAG_NO_RECORDED_VALUE). */
  stale?: boolean
  /** `singing_duration_seconds_total`, whose unit is `seconds`, becomes `singing_duration`. */
  trimSuffixes?: boolean
  /** By metric of the page: 0 for those that are left out. */
  only?: Uint8Array
}

export interface OtlpOutcome {
  points: number
  /** Metrics without an OTLP form (gauge histograms). */
  skipped: number
}

/** Field of `Metric` that holds the data of each kind. */
const DATA_FIELD: Partial<Record<number, number>> = {
  [Kind.untyped]: 5,
  [Kind.gauge]: 5,
  [Kind.counter]: 7,
  [Kind.info]: 7,
  [Kind.stateset]: 7,
  [Kind.histogram]: 9,
  [Kind.summary]: 11,
}
const CUMULATIVE = 2

/**
 * Writes one request in front of what `out` holds; `out.take()` has the bytes. Families without an OTLP form are counted.
 * Fields are written last to first, as `BackwardWriter` asks.
 */
export function writePageOtlp(page: Page, options: OtlpOptions, out: BackwardWriter): OtlpOutcome {
  const end = out.length
  const points = new PointWriter(page, options, out)
  let skipped = 0
  for (let family = page.familyCount - 1; family >= 0; family--) {
    if (page.familyFirst[family]! < 0 || !hasAny(page, family, options.only)) continue
    const field = DATA_FIELD[page.familyKind[family]!]
    if (field === undefined) skipped += chainLength(page, family)
    else writeFamily(page, family, field, points, out, options.trimSuffixes ?? false)
  }
  const scope = out.length
  out.textField(2, options.scope.version)
  out.textField(1, options.scope.name)
  out.message(1, scope)
  out.message(2, end)
  out.bytesField(1, options.resource)
  out.message(1, end)
  return { points: points.count, skipped }
}

function hasAny(page: Page, family: number, only: Uint8Array | undefined): boolean {
  if (!only) return true
  for (let metric = page.familyFirst[family]!; metric >= 0; metric = page.metricNext[metric]!) {
    if (only[metric] !== 0) return true
  }
  return false
}

function chainLength(page: Page, family: number): number {
  let length = 0
  for (let metric = page.familyFirst[family]!; metric >= 0; metric = page.metricNext[metric]!) length++
  return length
}

function writeFamily(
  page: Page,
  family: number,
  field: number,
  points: PointWriter,
  out: BackwardWriter,
  trims: boolean,
): void {
  const kind = page.familyKind[family]!
  const end = out.length
  if (field === 7 && kind === Kind.counter) flag(out, 3, 1)
  if (field === 7 || field === 9) flag(out, 2, CUMULATIVE)
  points.writeAll(family, kind)
  out.message(field, end)
  writeUnit(page, family, out)
  writeHelp(page, family, out)
  const name = out.length
  if (page.openMetrics && kind === Kind.counter && !trims) out.text('_total')
  if (page.openMetrics && kind === Kind.info) out.text('_info')
  const nameEnd = trims ? trimmedEnd(page, family) : page.familyNameEnd[family]!
  out.raw(page.text, page.familyNameStart[family]!, nameEnd)
  out.message(1, name)
  out.message(2, end)
}

const totalWord = Buffer.from('total')

/** Where the family's name ends without `_total` and without its unit. */
function trimmedEnd(page: Page, family: number): number {
  const { text, openMetrics } = page
  const start = page.familyNameStart[family]!
  let end = page.familyNameEnd[family]!
  const kind = page.familyKind[family]
  if (kind === Kind.info) return end
  if (kind === Kind.counter && !openMetrics) end = endWithout(text, start, end, totalWord, 0, totalWord.length)
  const unit = page.familyUnitStart[family]!
  return unit < 0 ? end : endWithout(text, start, end, text, unit, page.familyUnitEnd[family]!)
}

/** Where `text[start, end)` ends without an underscore and `word[from, to)`. Something always stays. */
function endWithout(text: Buffer, start: number, end: number, word: Buffer, from: number, to: number): number {
  const at = end - (to - from)
  return from < to && at > start + 1 && text[at - 1] === 0x5f && sameBytes(text, at, end, word, from, to) ? at - 1 : end
}

/** The formats do not ask help texts to be UTF-8; protobuf does. */
function writeHelp(page: Page, family: number, out: BackwardWriter): void {
  const start = page.familyHelpStart[family]!
  const end = page.familyHelpEnd[family]!
  if (start < 0) return
  if (isUtf8(page.text.subarray(start, end))) out.bytesField(2, page.text, start, end)
  else out.textField(2, page.string(start, end))
}

function writeUnit(page: Page, family: number, out: BackwardWriter): void {
  const start = page.familyUnitStart[family]!
  if (start >= 0) out.textField(3, ucumUnit(page.string(start, page.familyUnitEnd[family]!)))
}

function flag(out: BackwardWriter, field: number, value: number): void {
  out.varint(value)
  out.tag(field, 0)
}

/** An OTLP `Resource` of text and integer attributes: `[['service.name', 'router'], ['server.port', '9100']]`. */
export function encodeResource(attributes: readonly (readonly [key: string, value: string | number])[]): Buffer {
  const out = new BackwardWriter(256)
  for (const [key, value] of attributes.toReversed()) {
    const end = out.length
    if (typeof value === 'string') out.textField(1, value)
    else flag(out, 3, value)
    out.message(2, end)
    out.textField(1, key)
    out.message(1, end)
  }
  return out.take()
}
