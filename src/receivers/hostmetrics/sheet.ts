import { doubleField, fixedField, type Times, timeFields } from '../../wire/otlp/points.ts'
import { type BackwardWriter, nanosFromMillis } from '../../wire/protobuf.ts'
import { type MetricInfo, metricsOf, type ScraperName } from './metrics.ts'

const dataField = { gauge: 5, sum: 7, counter: 7 } as const
const cumulative = 2

export type Attribute = string | number
/** Pairs of key and value: `['device', 'sda', 'direction', 'read']`. */
export type Attributes = readonly Attribute[]

/** What was found of one resource, by metric. */
interface Found {
  readonly resource: Attributes
  /** When its sums began, milliseconds since 1970; undefined: when the machine was started. */
  readonly startMs: number | undefined
  readonly points: Map<string, { attributes: Attributes; value: number }[]>
}

/**
 * What one scraper found: points by metric, of the machine itself until `begin` says of what. Metrics that are off, and
 * values that are no numbers, are not taken.
 */
export class Sheet {
  /** Points taken since `clear`. */
  count = 0
  private readonly scraper: ScraperName
  private readonly enabled: Readonly<Record<string, { enabled: boolean }>>
  private found: Found[] = []

  constructor(scraper: ScraperName, enabled: Readonly<Record<string, { enabled: boolean }>>) {
    this.scraper = scraper
    this.enabled = enabled
  }

  wants(metric: string): boolean {
    return this.enabled[metric]!.enabled
  }

  /** What is added from now on is of another resource. */
  begin(resource: Attributes, startMs?: number): void {
    this.found.push({ resource, startMs, points: new Map() })
  }

  add(metric: string, value: number, ...attributes: Attribute[]): void {
    if (!Number.isFinite(value) || !this.wants(metric)) return
    if (this.found.length === 0) this.begin([])
    const { points } = this.found.at(-1)!
    const others = points.get(metric)
    if (others) others.push({ attributes, value })
    else points.set(metric, [{ attributes, value }])
    this.count++
  }

  clear(): void {
    this.found = []
    this.count = 0
  }

  /** Writes a ResourceMetrics a resource, as fields 1 of a request. Times are milliseconds since 1970. */
  write(out: BackwardWriter, bootMs: number, nowMs: number): void {
    for (const found of this.found.toReversed())
      if (found.points.size > 0) this.writeFound(out, found, found.startMs ?? bootMs, nowMs)
  }

  private writeFound(out: BackwardWriter, { resource, points }: Found, startMs: number, nowMs: number): void {
    const [lo, hi] = nanosFromMillis(nowMs)
    const [startLo, startHi] = startMs > 0 ? nanosFromMillis(startMs) : [0, 0]
    const sinceBoot = { startLo, startHi, lo, hi }
    const atOnce = { startLo: 0, startHi: 0, lo, hi }
    const end = out.length
    for (const [name, values] of [...points].toReversed()) {
      const info: MetricInfo = (metricsOf[this.scraper] as Record<string, MetricInfo>)[name]!
      const metric = out.length
      writeData(out, info, values, info.data === 'gauge' ? atOnce : sinceBoot)
      out.textField(3, info.unit)
      out.textField(2, info.description)
      out.textField(1, name)
      out.message(2, metric)
    }
    const scope = out.length
    out.textField(1, `tailrace/receivers/hostmetrics/${this.scraper}`)
    out.message(1, scope)
    out.message(2, end)
    const about = out.length
    writeAttributes(out, resource, 1)
    out.message(1, about)
    out.message(1, end)
  }
}

function writeData(
  out: BackwardWriter,
  { data, isDouble }: MetricInfo,
  points: readonly { attributes: Attributes; value: number }[],
  times: Times,
): void {
  const end = out.length
  if (data === 'counter') varintField(out, 3, 1)
  if (data !== 'gauge') varintField(out, 2, cumulative)
  for (let i = points.length - 1; i >= 0; i--) {
    const { attributes, value } = points[i]!
    const point = out.length
    writeAttributes(out, attributes, 7)
    if (isDouble) doubleField(out, 4, value)
    else fixedField(out, 6, value)
    timeFields(out, times)
    out.message(1, point)
  }
  out.message(dataField[data], end)
}

/** As field 7 of a NumberDataPoint, or field 1 of a Resource. */
function writeAttributes(out: BackwardWriter, attributes: Attributes, field: number): void {
  for (let i = attributes.length - 2; i >= 0; i -= 2) {
    const end = out.length
    const value = attributes[i + 1]!
    if (typeof value === 'number') varintField(out, 3, value)
    else out.textField(1, value)
    out.message(2, end)
    out.textField(1, attributes[i] as string)
    out.message(field, end)
  }
}

function varintField(out: BackwardWriter, field: number, value: number): void {
  out.varint(value)
  out.tag(field, 0)
}
