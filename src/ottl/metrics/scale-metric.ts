import { spanFrame } from '../../telemetry/frames.ts'
import type { MetricChange } from '../../telemetry/metric-site.ts'
import { Reader } from '../../wire/protobuf.ts'
import { StatementError } from '../ottl-value.ts'
import { Data, partsOf } from './metric-body.ts'

/** Where the numbers of a point are that grow with its unit. */
interface Shape {
  readonly doubles: readonly number[]
  readonly integers?: readonly number[]
  readonly packed?: number
  /** Messages in it with numbers of their own. */
  readonly inner?: Readonly<Record<number, Shape>>
}

const number: Shape = { doubles: [4], integers: [6] }
const exemplar: Shape = { doubles: [3], integers: [6] }
const shapes: Readonly<Record<number, Shape>> = {
  [Data.gauge]: number,
  [Data.sum]: number,
  // {5 sum, 7 explicit_bounds, 8 exemplars, 11 min, 12 max}
  [Data.histogram]: { doubles: [5, 7, 11, 12], packed: 7, inner: { 8: exemplar } },
  // {5 sum, 6 quantile_values {2 value}}
  [Data.summary]: { doubles: [5], inner: { 6: { doubles: [2] } } },
}
const unitField = 3

/** The metric with all its values times `factor`, and another unit if there is one. Throws StatementError. */
export function scaled(factor: number, unit: string | undefined): MetricChange {
  return (body) => {
    const { kind, at, metric } = partsOf(body)
    const shape = shapes[kind]
    if (!shape) throw new StatementError('scale_metric takes no exponential histogram')
    const copy = Buffer.from(body)
    // All these numbers have eight bytes before and after.
    scaleInner(copy, metric.startOf(at), metric.endOf(at), { doubles: [], inner: { 1: shape } }, factor)
    if (unit === undefined) return copy
    metric.load(copy, 0, copy.length, 0)
    metric.put(unitField, spanFrame(unitField, Buffer.from(unit)))
    return metric.bytes()
  }
}

function scaleInner(buf: Buffer, start: number, end: number, shape: Shape, factor: number): void {
  const reader = new Reader(buf, start, end)
  while (reader.next() && reader.skip()) {
    const { field, wire, pos } = reader
    if (wire === 1 && shape.doubles.includes(field)) scaleDouble(buf, pos - 8, factor)
    else if (wire === 1 && shape.integers?.includes(field)) scaleInteger(buf, pos - 8, factor)
    else if (wire === 2 && field === shape.packed) {
      for (let at = reader.start; at + 8 <= reader.stop; at += 8) scaleDouble(buf, at, factor)
    } else if (wire === 2 && shape.inner?.[field])
      scaleInner(buf, reader.start, reader.stop, shape.inner[field], factor)
  }
}

function scaleDouble(buf: Buffer, at: number, factor: number): void {
  buf.writeDoubleLE(buf.readDoubleLE(at) * factor, at)
}

/** To the next integer towards 0, within 64 bits. */
function scaleInteger(buf: Buffer, at: number, factor: number): void {
  const value = Math.trunc(Number(buf.readBigInt64LE(at)) * factor)
  const most = 2 ** 63
  const integer = value >= most ? (1n << 63n) - 1n : value < -most ? -(1n << 63n) : BigInt(value)
  buf.writeBigInt64LE(integer, at)
}
