import { Draft } from '../../telemetry/draft.ts'
import { readEntryAt } from '../../telemetry/entries.ts'
import { entryFrame } from '../../telemetry/frames.ts'
import type { MetricChange } from '../../telemetry/metric-site.ts'
import { Value, ValueType } from '../../telemetry/value.ts'
import { StatementError } from '../ottl-value.ts'
import { temporalityOf } from './extract-metrics.ts'
import { exponentialKey, histogramKey, mergedExponential, mergedHistogram } from './merge-histograms.ts'
import { type Aggregation, mergedNumber } from './merge-numbers.ts'
import {
  attributesField,
  Data,
  kindName,
  otherFields,
  partsOf,
  pointFrame,
  pointsOf,
  Temporality,
  withData,
} from './metric-body.ts'
import { fixedAt } from './point-fields.ts'

/** How the points of a kind of metric are told apart, and made one. */
interface Kind {
  /** What must be the same besides attributes and time. */
  key(point: Draft): string
  merged(points: readonly Uint8Array[], how: Aggregation): Draft
}

const kinds: Readonly<Record<number, Kind>> = {
  [Data.gauge]: { key: () => '', merged: mergedNumber },
  [Data.sum]: { key: () => '', merged: mergedNumber },
  [Data.histogram]: { key: histogramKey, merged: mergedHistogram },
  [Data.exponential]: { key: exponentialKey, merged: mergedExponential },
}

/** Changes the attributes of a point before points with the same are made one. */
export type PrepareAttributes = (point: Draft, field: number) => void

/** Leaves only the attributes with these keys. */
export function keeping(keys: readonly string[]): PrepareAttributes {
  const kept = new Set(keys)
  return (point, field) => {
    for (let i = 0; i < point.count; i++) if (isEntry(point, i, field) && !kept.has(keyOf(point, i))) point.remove(i)
  }
}

/** Gives the attribute `key` another value if it is one of `values`. */
export function renaming(key: string, values: readonly string[], value: string): PrepareAttributes {
  const [keyBytes, renamed, found] = [Buffer.from(key), new Set(values), new Value()]
  const other = new Value()
  other.text(Buffer.from(value))
  return (point, field) => {
    const at = point.findKey(field, keyBytes)
    if (at < 0) return
    readEntryAt(point, at, { entries: 'any' }, found)
    if (found.type === ValueType.text && renamed.has(found.toString())) {
      point.replace(at, entryFrame(field, keyBytes, other, 'any'))
    }
  }
}

/**
 * Makes points of one time with the same attributes one; those of deltas only with the same start. Throws StatementError
 * for summaries.
 */
export function aggregated(name: string, how: Aggregation, prepare: PrepareAttributes): MetricChange {
  return (body) => {
    const parts = partsOf(body)
    const kind = kinds[parts.kind]
    if (!kind) throw new StatementError(`${name} takes no summary, got ${kindName(parts.kind)}`)
    if (how !== 'sum' && parts.kind !== Data.gauge && parts.kind !== Data.sum) {
      throw new StatementError(`${name} makes only sums of ${kindName(parts.kind)}, not "${how}"`)
    }
    const byStart = parts.kind !== Data.gauge && temporalityOf(parts) === Temporality.delta
    const field = attributesField(parts.kind)
    const groups = new Map<string, Uint8Array[]>()
    const point = new Draft()
    for (const body of pointsOf(parts)) {
      point.load(body, 0, body.length, 1 << field)
      prepare(point, field)
      const start = byStart ? fixedAt(point, 2) : 0n
      const key = `${fixedAt(point, 3)} ${start} ${kind.key(point)} ${attributesKey(point, field)}`
      const prepared = point.changed ? point.bytes() : body
      const group = groups.get(key)
      if (group) group.push(prepared)
      else groups.set(key, [prepared])
    }
    const frames: Uint8Array[] = []
    for (const points of groups.values()) {
      const isAlone = points.length === 1 && how !== 'count'
      frames.push(pointFrame(isAlone ? points[0]! : kind.merged(points, how).bytes()))
    }
    return withData(parts, parts.kind, [...frames, ...otherFields(parts)])
  }
}

/** Attributes in any order; a key that is there twice counts by its last. */
function attributesKey(point: Draft, field: number): string {
  const entries = new Map<string, string>()
  for (let i = 0; i < point.count; i++) {
    if (isEntry(point, i, field)) {
      const value = (point.bufOf(i) as Buffer).toString('latin1', point.startOf(i), point.endOf(i))
      entries.set(keyOf(point, i), value)
    }
  }
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([key, value]) => `${key.length} ${key}${value.length} ${value}`).join('')
}

const isEntry = (point: Draft, i: number, field: number): boolean => point.tagOf(i) === ((field << 3) | 2)

/** What has no key counts as if it were empty. */
const keyOf = (point: Draft, i: number): string =>
  (point.bufOf(i) as Buffer).toString('utf8', point.keyStart(i), Math.max(point.keyStart(i), point.keyEnd(i)))
