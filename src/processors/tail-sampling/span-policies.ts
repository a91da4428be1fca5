import { compileOpen } from '../../ottl/conditions.ts'
import type { Condition } from '../../ottl/expression.ts'
import { StatementError } from '../../ottl/ottl-value.ts'
import type { ErrorMode, OnFailure } from '../../ottl/program.ts'
import { found } from '../../telemetry/find-field.ts'
import { Level } from '../../telemetry/level.ts'
import { pathOf } from '../../telemetry/paths.ts'
import { Site } from '../../telemetry/site.ts'
import { Value } from '../../telemetry/value.ts'
import { type Evaluate, sampledIf } from './decision.ts'
import { someSpan, type Trace } from './trace.ts'

const startField = 7
const endField = 8
const traceStateField = 3
const flagsField = 16
const sampledFlag = 1

/** Milliseconds from the earliest start to the latest end. */
export function latencyPolicy(least: number, most: number): Evaluate {
  return (trace) => {
    const ms = durationMs(trace)
    return sampledIf(most === 0 ? ms >= least : ms > least && ms <= most)
  }
}

function durationMs(trace: Trace): number {
  let [startLo, startHi, endLo, endHi] = [0, 0, 0, 0]
  someSpan(trace, (cursor) => {
    cursor.findNumber(Level.record, startField)
    const isFirst = (startLo | startHi) === 0
    if (isFirst || found.hi < startHi || (found.hi === startHi && found.lo < startLo)) {
      startLo = found.lo
      startHi = found.hi
    }
    cursor.findNumber(Level.record, endField)
    if (found.hi > endHi || (found.hi === endHi && found.lo > endLo)) {
      endLo = found.lo
      endHi = found.hi
    }
    return false
  })
  return Math.floor(((endHi - startHi) * 4294967296 + (endLo - startLo)) / 1e6)
}

const codes: Readonly<Record<StatusCode, number>> = { UNSET: 0, OK: 1, ERROR: 2 }
export type StatusCode = 'OK' | 'ERROR' | 'UNSET'

export function statusPolicy(wanted: readonly StatusCode[]): Evaluate {
  const numbers = wanted.map((code) => codes[code])
  const { read } = pathOf('status.code', [], 'traces')
  const value = new Value()
  return (trace) =>
    sampledIf(
      someSpan(trace, (cursor) => {
        read(cursor, value, false)
        return numbers.includes(value.lo)
      }),
    )
}

/** Both ends are included; a most of 0 is none. */
export function spanCountPolicy(least: number, most: number): Evaluate {
  return ({ spans }) => sampledIf(spans >= least && (most === 0 || spans <= most))
}

/** Spans whose tracestate has one of the values under the key. */
export function traceStatePolicy(key: string, values: readonly string[]): Evaluate {
  // A member has at most 256 characters (W3C Trace Context).
  const members = values.filter((each) => each !== '' && key.length + each.length < 256).map((each) => `${key}=${each}`)
  return (trace) =>
    sampledIf(
      someSpan(trace, (cursor) => {
        if (!cursor.findSpan(Level.record, traceStateField) || found.end === found.start) return false
        const text = cursor.buf.toString('latin1', found.start, found.end)
        return text.split(',').some((member) => members.includes(member.trim()))
      }),
    )
}

/** Spans whose flags say that they were sampled at their source. */
export const traceFlagsPolicy: Evaluate = (trace) =>
  sampledIf(someSpan(trace, (cursor) => cursor.findNumber(Level.record, flagsField) && (found.lo & sampledFlag) !== 0))

export interface ConditionConfig {
  error_mode: ErrorMode
  span: readonly string[]
  spanevent: readonly string[]
}

/** Traces of which a span or an event meets one of the conditions. One that fails on a span does not hold there. */
export function conditionPolicy(
  { error_mode: mode, span, spanevent }: ConditionConfig,
  onFailure: OnFailure,
): Evaluate {
  const compiled = (sources: readonly string[], context?: 'spanevent') =>
    sources.map((source): Condition => {
      const { condition } = compileOpen(source, 'traces', context)
      return (cursor) => {
        try {
          return condition(cursor)
        } catch (cause) {
          if (!(cause instanceof StatementError)) throw cause
          onFailure(mode, source, cause.message)
          return false
        }
      }
    })
  const ofSpan = compiled(span)
  const ofEvent = compiled(spanevent, 'spanevent')
  const site = new Site()
  return (trace) => {
    if (ofSpan.length > 0 && someSpan(trace, (cursor) => ofSpan.some((holds) => holds(cursor)))) return sampledIf(true)
    return sampledIf(ofEvent.length > 0 && someEvent(trace, site, ofEvent))
  }
}

function someEvent({ parts }: Trace, site: Site, conditions: readonly Condition[]): boolean {
  for (const part of parts) {
    site.begin(part)
    for (let i = 0; i < part.count; i++) {
      site.at(part.rowAt(i))
      const count = site.events
      for (let event = 0; event < count; event++) {
        if (site.enterEvent(event) && conditions.some((holds) => holds(site))) return true
      }
    }
  }
  return false
}
