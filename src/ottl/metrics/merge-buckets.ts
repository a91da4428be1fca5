import { Draft } from '../../telemetry/draft.ts'
import type { MetricChange } from '../../telemetry/metric-site.ts'
import { Data, otherFields, partsOf, pointFrame, pointsOf, withData } from './metric-body.ts'
import { fixedsAt, putFixeds } from './point-fields.ts'

/** Bounds that were calculated differ by so little. */
const tolerance = 1e-12

/** A histogram without this bound: what was counted below it counts below the next one. Other metrics stay. */
export function mergeBuckets(bound: number): MetricChange {
  return (body) => {
    const parts = partsOf(body)
    if (parts.kind !== Data.histogram) return undefined
    const points = pointsOf(parts).map((point) => pointFrame(withoutBound(point, bound)))
    return withData(parts, Data.histogram, [...points, ...otherFields(parts)])
  }
}

function withoutBound(body: Uint8Array, bound: number): Uint8Array {
  const point = new Draft()
  point.load(body, 0, body.length, 0)
  const [counts, bounds] = [fixedsAt(point, 6), fixedsAt(point, 7)]
  if (counts.length !== bounds.length + 8) return body
  for (let at = 0; at < bounds.length; at += 8) {
    if (!(Math.abs(bounds.readDoubleLE(at) - bound) < tolerance)) continue
    const sum = counts.readBigUInt64LE(at) + counts.readBigUInt64LE(at + 8)
    counts.writeBigUInt64LE(BigInt.asUintN(64, sum), at + 8)
    putFixeds(point, 6, without(counts, at))
    putFixeds(point, 7, without(bounds, at))
    return point.bytes()
  }
  return body
}

const without = (numbers: Buffer, at: number): Buffer =>
  Buffer.concat([numbers.subarray(0, at), numbers.subarray(at + 8)])
