import { StatementError } from '../../ottl/ottl-value.ts'
import type { ErrorMode, OnFailure } from '../../ottl/program.ts'
import { type Batch, Cursor } from '../../plugin.ts'
import { Level } from '../../telemetry/level.ts'
import { rowSize } from '../../telemetry/record-index.ts'
import type { RouteTest } from './route.ts'

/** A compiled row of the table. */
export interface Route {
  readonly test: RouteTest
  /** Records that meet it go on to the rows below as well. */
  readonly copies: boolean
}

export interface RouterOptions {
  readonly routes: readonly Route[]
  /** Whether there is anywhere to go for records that no row took. */
  readonly hasDefault: boolean
  /** The old `match_once: false`: the default is for records that met no row at all. */
  readonly defaultIsLast: boolean
  readonly errorMode: ErrorMode
  readonly onFailure: OnFailure
}

/** Records that go one way, over the bytes of their batch. */
export interface Part {
  readonly batch: Batch
  /** Number of the route; undefined: the default. */
  readonly route: number | undefined
  /** How many of its records an earlier part has too. */
  readonly repeated: number
}

/** What became of a batch: its parts, and records that go nowhere. */
export interface Routed {
  readonly parts: readonly Part[]
  /** A condition failed on them. */
  readonly failed: number
  /** They met no condition, and there is no default. */
  readonly unmatched: number
}

const not = 0
const meets = 1
const fails = 2

/** Makes the function that sorts the records of a batch. Rows are asked in order; each takes what it meets from what is left. */
export function newRouter(options: RouterOptions): (batch: Batch) => Routed {
  const { routes, hasDefault, defaultIsLast, errorMode, onFailure } = options
  const repeats = routes.some(({ copies }) => copies)
  const cursor = new Cursor()
  /** By number of the record: what the current row says of it, and whether it went some way. */
  let verdicts = new Uint8Array(0)
  let sent = new Uint8Array(0)
  let base = 0
  let route: RouteTest | undefined
  let group = -1
  let ofGroup = not

  const judged = (): number => {
    if (!route || route.request) return not
    try {
      return route.holds(cursor) ? meets : not
    } catch (cause) {
      if (!(cause instanceof StatementError)) throw cause
      onFailure(errorMode, route.source, cause.message)
      return errorMode === 'propagate' ? fails : not
    }
  }
  const isMet = (row: number): boolean => {
    cursor.at(row)
    let verdict: number
    if (route && !route.request && route.level > Level.event && cursor.groups.length > 0) {
      const around = cursor.around(route.level)
      if (around !== group) {
        group = around
        ofGroup = judged()
      }
      verdict = ofGroup
    } else verdict = judged()
    verdicts[(row - base) / rowSize] = verdict
    return verdict === meets
  }
  const isLeft = (row: number) => verdicts[(row - base) / rowSize] === not
  const isSound = (row: number) => verdicts[(row - base) / rowSize] !== fails
  const isNew = (row: number) => sent[(row - base) / rowSize] === 0
  /** Notes that these went some way; answers how many did so before. */
  const send = (batch: Batch): number => {
    if (!repeats) return 0
    let repeated = 0
    for (let i = 0; i < batch.count; i++) {
      const at = (batch.rowAt(i) - base) / rowSize
      repeated += sent[at]!
      sent[at] = 1
    }
    return repeated
  }
  /** How many of these the current row failed on, and no row before has sent anywhere. */
  const lostOf = (batch: Batch): number => {
    let count = 0
    for (let i = 0; i < batch.count; i++) {
      const at = (batch.rowAt(i) - base) / rowSize
      if (verdicts[at] === fails && (!repeats || sent[at] === 0)) count++
    }
    return count
  }
  const begin = (batch: Batch): void => {
    const index = batch.index()
    base = index.base
    if (verdicts.length < index.count) {
      verdicts = new Uint8Array(index.count)
      sent = new Uint8Array(index.count)
    } else if (repeats) sent.fill(0, 0, index.count)
    cursor.over(batch)
  }

  return (batch) => {
    begin(batch)
    const parts: Part[] = []
    let left = batch
    let failed = 0
    for (let i = 0; i < routes.length && left.count > 0; i++) {
      const { test, copies } = routes[i]!
      if (test.request) {
        if (!test.request(batch.origin)) continue
        parts.push({ batch: left, route: i, repeated: send(left) })
        if (!copies) left = left.slice(0, 0)
        continue
      }
      route = test
      group = -1
      const met = left.where(isMet)
      const rest = copies ? left.where(isSound) : left.where(isLeft)
      if (rest.count + (copies ? 0 : met.count) < left.count) failed += lostOf(left)
      left = rest
      if (met.count > 0) parts.push({ batch: met, route: i, repeated: send(met) })
    }
    if (defaultIsLast && left.count > 0) left = left.where(isNew)
    if (!hasDefault) {
      const unmatched = repeats && left.count > 0 ? left.where(isNew).count : left.count
      return { parts, failed, unmatched }
    }
    if (left.count > 0) parts.push({ batch: left, route: undefined, repeated: send(left) })
    return { parts, failed, unmatched: 0 }
  }
}
