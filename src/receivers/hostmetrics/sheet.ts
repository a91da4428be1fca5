import { doubleField, fixedField, type Times, timeFields } from '../../wire/otlp/points.ts'
import { type BackwardWriter, nanosFromMillis } from '../../wire/protobuf.ts'
import { type MetricInfo, metricsOf, type ScraperName } from './metrics.ts'

const dataField = { gauge: 5, sum: 7, counter: 7 } as const
const cumulative = 2

/** Pairs of key and value: `['device', 'sda', 'direction', 'read']`. */
export type Attributes = readonly string[]

/** What one scraper found: points by metric. Metrics that are off, and values that are no numbers, are not taken. */
export class Sheet {
  /** Points taken since `clear`. */
  count = 0
  private readonly scraper: ScraperName
  private readonly enabled: Readonly<Record<string, { enabled: boolean }>>
  private readonly points = new Map<string, { attributes: Attributes; value: number }[]>()

  constructor(scraper: ScraperName, enabled: Readonly<Record<string, { enabled: boolean }>>) {
    this.scraper = scraper
    this.enabled = enabled
  }

  wants(metric: string): boolean {
    return this.enabled[metric]!.enabled
  }

  add(metric: string, value: number, ...attributes: string[]): void {
    if (!Number.isFinite(value) || !this.wants(metric)) return
    const found = this.points.get(metric)
    if (found) found.push({ attributes, value })
    else this.points.set(metric, [{ attributes, value }])
    this.count++
  }

  clear(): void {
    this.points.clear()
    this.count = 0
  }

  /** Writes a ResourceMetrics with an empty resource, as field 1 of a request. Times are milliseconds since 1970. */
  write(out: BackwardWriter, bootMs: number, nowMs: number): void {
    if (this.count === 0) return
    const [lo, hi] = nanosFromMillis(nowMs)
    const [startLo, startHi] = bootMs > 0 ? nanosFromMillis(bootMs) : [0, 0]
    const sinceBoot = { startLo, startHi, lo, hi }
    const atOnce = { startLo: 0, startHi: 0, lo, hi }
    const resource = out.length
    for (const [name, points] of [...this.points].toReversed()) {
      const info: MetricInfo = (metricsOf[this.scraper] as Record<string, MetricInfo>)[name]!
      const metric = out.length
      writeData(out, info, points, info.data === 'gauge' ? atOnce : sinceBoot)
      out.textField(3, info.unit)
      out.textField(2, info.description)
      out.textField(1, name)
      out.message(2, metric)
    }
    const scope = out.length
    out.textField(1, `tailrace/receivers/hostmetrics/${this.scraper}`)
    out.message(1, scope)
    out.message(2, resource)
    out.message(1, out.length)
    out.message(1, resource)
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
    writeAttributes(out, attributes)
    if (isDouble) doubleField(out, 4, value)
    else fixedField(out, 6, value)
    timeFields(out, times)
    out.message(1, point)
  }
  out.message(dataField[data], end)
}

/** As field 7 of a NumberDataPoint. */
function writeAttributes(out: BackwardWriter, attributes: Attributes): void {
  for (let i = attributes.length - 2; i >= 0; i -= 2) {
    const end = out.length
    out.textField(1, attributes[i + 1]!)
    out.message(2, end)
    out.textField(1, attributes[i]!)
    out.message(7, end)
  }
}

function varintField(out: BackwardWriter, field: number, value: number): void {
  out.varint(value)
  out.tag(field, 0)
}
