import { compileOpen } from '../../ottl/conditions.ts'
import type { Condition } from '../../ottl/expression.ts'
import { StatementError } from '../../ottl/ottl-value.ts'
import type { ErrorMode, OnFailure } from '../../ottl/program.ts'
import { type Batch, Cursor, type Format } from '../../plugin.ts'
import { Level } from '../../telemetry/level.ts'
import { Site } from '../../telemetry/site.ts'
import type { ConditionGroup } from './sources.ts'

/** Compiled conditions of which one is enough, and the message that all of them look at. */
interface Test {
  readonly level: Level
  readonly holds: Condition
}

/** Makes the function that leaves out the records that meet a condition, or one of `others`. */
export function newDropper(
  groups: readonly ConditionGroup[],
  format: Format,
  mode: ErrorMode,
  onFailure: OnFailure,
  others: readonly Condition[] = [],
): (batch: Batch) => Batch {
  const tests = groups
    .filter(({ context }) => context !== 'spanevent')
    .flatMap((group) => testsOf(group, format, mode, onFailure))
    .concat(others.map((holds) => ({ level: Level.record, holds })))
  // What is around records is looked at once for all that are in it.
  const around = [Level.resource, Level.scope, Level.metric, Level.data]
    .map((level) => ({ level, group: -1, holds: false, tests: tests.filter((test) => test.level === level) }))
    .filter((each) => each.tests.length > 0 && format !== 'envelopes' && format !== 'dropsonde')
  const known = new Set(around.flatMap((each) => each.tests))
  const own = tests.filter((test) => !known.has(test))
  const cursor = new Cursor()
  const keeps = (row: number): boolean => {
    cursor.at(row)
    for (let i = 0; i < around.length; i++) {
      const each = around[i]!
      const group = cursor.around(each.level)
      if (group !== each.group) {
        each.group = group
        each.holds = holdsAny(each.tests, cursor)
      }
      if (each.holds) return false
    }
    return !holdsAny(own, cursor)
  }
  return (batch) => {
    if (tests.length === 0) return batch
    cursor.over(batch)
    for (const each of around) each.group = -1
    return batch.where(keeps)
  }
}

/** Makes the function that takes events that meet a condition out of their spans; the spans stay. */
export function newEventDropper(
  groups: readonly ConditionGroup[],
  mode: ErrorMode,
  onFailure: OnFailure,
): (batch: Batch) => { batch: Batch; events: number } {
  const tests = groups
    .filter(({ context }) => context === 'spanevent')
    .flatMap((group) => testsOf(group, 'traces', mode, onFailure))
  const site = new Site()
  return (batch) => {
    if (tests.length === 0) return { batch, events: 0 }
    let events = 0
    site.begin(batch)
    for (let i = 0; i < batch.count; i++) {
      site.at(batch.rowAt(i))
      const count = site.events
      for (let event = 0; event < count; event++) {
        if (!site.enterEvent(event)) continue
        const goes = holdsAny(tests, site)
        site.leaveEvent()
        if (!goes) continue
        site.draft(Level.record).remove(event)
        events++
      }
    }
    return { batch: site.finish(batch), events }
  }
}

function testsOf(group: ConditionGroup, format: Format, mode: ErrorMode, onFailure: OnFailure): Test[] {
  const errorMode = group.errorMode ?? mode
  return group.conditions.map((source) => {
    const { condition, level } = compileOpen(source, format, group.context)
    const holds = (cursor: Cursor) => {
      try {
        return condition(cursor)
      } catch (cause) {
        if (!(cause instanceof StatementError)) throw cause
        onFailure(errorMode, source, cause.message)
        return errorMode === 'propagate'
      }
    }
    return { level, holds }
  })
}

function holdsAny(tests: readonly Test[], cursor: Cursor): boolean {
  for (let i = 0; i < tests.length; i++) if (tests[i]!.holds(cursor)) return true
  return false
}
