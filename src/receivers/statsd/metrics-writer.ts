import { numberPoint, type Times } from '../../wire/otlp/points.ts'
import { BackwardWriter } from '../../wire/protobuf.ts'
import { MetricType } from '../../wire/statsd/parse.ts'
import { dataFields } from './distribution.ts'
import type { Series } from './series.ts'

/** Points in one request at most, but for a metric's last series: peers limit the size of a message. */
const mostPoints = 2000

const temporality = { delta: 1 }
const scopeName = 'tailrace/receivers/statsd'

/** An ExportMetricsServiceRequest and how many points it has. */
export interface WrittenMetrics {
  readonly bytes: Buffer
  readonly points: number
}

/** Writes series as metrics, those of one name and kind together. `numberOf` tells the number of counters and gauges. */
export function* writeMetrics(
  touched: readonly Series[],
  times: Times,
  isMonotonic: boolean,
  numberOf: (series: Series) => number,
): Generator<WrittenMetrics> {
  const out = new BackwardWriter(64 << 10)
  let points = 0
  for (const group of grouped(touched)) {
    for (let from = 0; from < group.length; ) {
      const to = fitting(group, from, mostPoints - points)
      writeMetric(group.slice(from, to), times, isMonotonic, numberOf, out)
      for (let i = from; i < to; i++) points += pointsOf(group[i]!)
      from = to
      if (points < mostPoints) continue
      yield { bytes: request(out), points }
      points = 0
    }
  }
  if (points > 0) yield { bytes: request(out), points }
}

function grouped(touched: readonly Series[]): Series[][] {
  const groups = new Map<string, Series[]>()
  for (const series of touched) {
    if (pointsOf(series) === 0) continue
    const key = `${series.type} ${series.data} ${series.name}`
    const group = groups.get(key)
    if (group) group.push(series)
    else groups.set(key, [series])
  }
  return [...groups.values()]
}

const pointsOf = (series: Series): number => series.state?.points ?? 1

function fitting(group: readonly Series[], from: number, room: number): number {
  let to = from
  for (let points = 0; to < group.length && points < room; to++) points += pointsOf(group[to]!)
  return to
}

function writeMetric(
  group: readonly Series[],
  times: Times,
  isMonotonic: boolean,
  numberOf: (series: Series) => number,
  out: BackwardWriter,
): void {
  const { name, type, data } = group[0]!
  const end = out.length
  if (data === 'sum' && isMonotonic) flag(out, 3, 1)
  if (data !== 'gauge' && data !== 'summary') flag(out, 2, temporality.delta)
  for (const series of group) {
    if (series.state) series.state.write(out, series.attributes, times)
    else writeNumber(series, numberOf(series), times, out)
  }
  out.message(dataFields[data].data, end)
  if (type === MetricType.timer) out.textField(3, 'ms')
  out.textField(1, name)
  out.message(2, end)
}

function writeNumber({ type, attributes }: Series, value: number, times: Times, out: BackwardWriter): void {
  const asInteger = type === MetricType.counter && Number.isSafeInteger(value)
  numberPoint(out, attributes, times, value, asInteger)
}

function flag(out: BackwardWriter, field: number, value: number): void {
  out.varint(value)
  out.tag(field, 0)
}

/** Closes scope and resource around the metrics in `out`, which is empty afterwards. */
function request(out: BackwardWriter): Buffer {
  const scope = out.length
  out.textField(1, scopeName)
  out.message(1, scope)
  out.message(2, 0)
  out.message(1, 0)
  return out.take()
}
