import { compileOpen } from '../../ottl/conditions.ts'
import type { Condition } from '../../ottl/expression.ts'
import { StatementError } from '../../ottl/ottl-value.ts'
import type { ErrorMode, OnFailure } from '../../ottl/program.ts'
import type { Reach } from '../../ottl/reach.ts'
import { type Batch, Cursor, type Format } from '../../plugin.ts'
import { Level } from '../../telemetry/level.ts'
import { everyLevel, type Pass, Walk } from '../../telemetry/pass.ts'
import type { Site } from '../../telemetry/site.ts'
import type { ConditionGroup } from './sources.ts'

/** Compiled conditions of which one is enough, and the message that all of them look at. */
interface Test {
  readonly level: Level
  readonly reach: Reach
  readonly holds: Condition
}

/** A filter for one format. */
export interface Dropper {
  /** Leaves out the records that are to go: an index over the same bytes. */
  keep(batch: Batch): Batch
  /** The same record by record, together with the events that go. */
  readonly pass: Pass
  /** Takes events out of their spans, which stay. */
  dropEvents(batch: Batch): Batch
  /** How many since it was asked last. */
  takeEvents(): number
}

/** Makes what leaves out the records that meet a condition or one of `others`, and the events that meet one. */
export function newDropper(
  groups: readonly ConditionGroup[],
  format: Format,
  mode: ErrorMode,
  onFailure: OnFailure,
  others: readonly Condition[] = [],
): Dropper {
  const all = groups.map((group) => ({ group, tests: testsOf(group, format, mode, onFailure) }))
  const eventTests = all.filter(({ group }) => group.context === 'spanevent').flatMap(({ tests }) => tests)
  const tests = all
    .filter(({ group }) => group.context !== 'spanevent')
    .flatMap((each) => each.tests)
    .concat(others.map((holds) => ({ level: Level.record, reach: { levels: everyLevel, aside: false }, holds })))
  // What is around records is looked at once for all that are in it.
  const around = [Level.resource, Level.scope, Level.metric, Level.data]
    .map((level) => ({ level, group: -1, holds: false, tests: tests.filter((test) => test.level === level) }))
    .filter((each) => each.tests.length > 0 && format !== 'envelopes' && format !== 'dropsonde')
  const known = new Set(around.flatMap((each) => each.tests))
  const own = tests.filter((test) => !known.has(test))
  const begin = () => {
    for (const each of around) each.group = -1
  }
  const keeps = (cursor: Cursor): boolean => {
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
  let events = 0
  const dropEvents = (site: Site) => {
    const count = site.events
    for (let event = 0; event < count; event++) {
      if (!site.enterEvent(event)) continue
      const goes = holdsAny(eventTests, site)
      site.leaveEvent()
      if (!goes) continue
      site.draft(Level.record).remove(event)
      events++
    }
    return true
  }
  const hasEvents = eventTests.length > 0
  const eventWalk = new Walk([{ writes: 1 << Level.record, reads: 0, each: dropEvents }])
  const cursor = new Cursor()
  return {
    keep(batch) {
      if (tests.length === 0) return batch
      cursor.over(batch)
      begin()
      return batch.where((row) => keeps(cursor.at(row)))
    },
    pass: {
      writes: hasEvents ? 1 << Level.record : 0,
      reads: [...tests, ...eventTests].reduce((bits, { level, reach }) => bits | (reach.levels & ~(1 << level)), 0),
      looksAside: tests.some(({ reach }) => reach.aside),
      begin,
      each: (site) => keeps(site) && (!hasEvents || dropEvents(site)),
    },
    dropEvents: (batch) => (hasEvents ? eventWalk.run(batch) : batch),
    takeEvents() {
      const taken = events
      events = 0
      return taken
    },
  }
}

function testsOf(group: ConditionGroup, format: Format, mode: ErrorMode, onFailure: OnFailure): Test[] {
  const errorMode = group.errorMode ?? mode
  return group.conditions.map((source) => {
    const { condition, level, reach } = compileOpen(source, format, group.context)
    const holds = (cursor: Cursor) => {
      try {
        return condition(cursor)
      } catch (cause) {
        if (!(cause instanceof StatementError)) throw cause
        onFailure(errorMode, source, cause.message)
        return errorMode === 'propagate'
      }
    }
    return { level, reach, holds }
  })
}

function holdsAny(tests: readonly Test[], cursor: Cursor): boolean {
  for (let i = 0; i < tests.length; i++) if (tests[i]!.holds(cursor)) return true
  return false
}
