import { type BackwardWriter, nanosFromMillis } from '../../wire/protobuf.ts'
import { type MetricInfo, metricsOf, type ScraperName } from './metrics.ts'

const FIXED64 = 1
const TWO32 = 4294967296
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
    const start = bootMs > 0 ? nanosFromMillis(bootMs) : undefined
    const now = nanosFromMillis(nowMs)
    const resource = out.length
    for (const [name, points] of [...this.points].toReversed()) {
      const info: MetricInfo = (metricsOf[this.scraper] as Record<string, MetricInfo>)[name]!
      const metric = out.length
      writeData(out, info, points, info.data === 'gauge' ? undefined : start, now)
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
  start: readonly [number, number] | undefined,
  now: readonly [number, number],
): void {
  const end = out.length
  if (data === 'counter') varintField(out, 3, 1)
  if (data !== 'gauge') varintField(out, 2, cumulative)
  for (let i = points.length - 1; i >= 0; i--) {
    const { attributes, value } = points[i]!
    const point = out.length
    writeAttributes(out, attributes)
    if (isDouble) {
      out.double(value)
      out.tag(4, FIXED64)
    } else {
      out.fixed64(value >>> 0, Math.floor(value / TWO32) >>> 0)
      out.tag(6, FIXED64)
    }
    out.fixed64(now[0], now[1])
    out.tag(3, FIXED64)
    if (start) {
      out.fixed64(start[0], start[1])
      out.tag(2, FIXED64)
    }
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
