import { Draft } from '../../telemetry/draft.ts'
import { entryFrame } from '../../telemetry/frames.ts'
import type { MetricChange } from '../../telemetry/metric-site.ts'
import { Value } from '../../telemetry/value.ts'
import { Reader } from '../../wire/protobuf.ts'
import { derivedMetric } from './derived-metric.ts'
import {
  attributesField,
  Data,
  fixedFrame,
  fixedOf,
  numberPointOf,
  partsOf,
  pointFrame,
  pointsOf,
} from './metric-body.ts'

const quantilesField = 6
const zero = Buffer.alloc(8)

/** Adds a gauge with a point for each quantile of a summary, which the attribute `key` tells; other metrics stay without. */
export function summaryQuantiles(key: string, suffix: string): MetricChange {
  const keyBytes = Buffer.from(key)
  return (body, add) => {
    const parts = partsOf(body)
    if (parts.kind !== Data.summary) return undefined
    const data = pointsOf(parts).flatMap((point) =>
      quantilesOf(point).map(({ quantile, value }) => {
        const number = numberPointOf(point, Data.summary, fixedFrame(4, value))
        return pointFrame(withAttribute(number, keyBytes, quantileText(quantile)))
      }),
    )
    add(derivedMetric(parts, { suffix, kind: Data.gauge, data }))
    return undefined
  }
}

/** `{1 quantile, 2 value}` of a point, in order. */
function quantilesOf(point: Uint8Array): { quantile: number; value: Uint8Array }[] {
  const found: { quantile: number; value: Uint8Array }[] = []
  const reader = new Reader(point)
  while (reader.next() && reader.skip()) {
    if (reader.field !== quantilesField || reader.wire !== 2) continue
    const pair = point.subarray(reader.start, reader.stop)
    const quantile = Buffer.from(fixedOf(pair, 1) ?? zero).readDoubleLE()
    found.push({ quantile, value: fixedOf(pair, 2) ?? zero })
  }
  return found
}

/** Of two digits at least, but for 0 and 1: `0.50`, as the Collector writes them. */
function quantileText(quantile: number): string {
  const text = String(quantile)
  return text.length < 4 && text !== '0' && text !== '1' ? `${text}0` : text
}

function withAttribute(point: Buffer, key: Buffer, text: string): Buffer {
  const field = attributesField(Data.gauge)
  const draft = new Draft()
  draft.load(point, 0, point.length, 1 << field)
  draft.removeAll(field, key)
  const value = new Value()
  value.text(Buffer.from(text))
  draft.append(entryFrame(field, key, value, 'any'))
  return draft.bytes()
}
