import { LayoutError, type Piece, strptimeLayout } from '../wire/times/layout.ts'
import { type Location, locationOf, locationOfLayout } from '../wire/times/location.ts'
import { readTime } from '../wire/times/read-time.ts'
import { dateOf, nanosOfSecond, writeTime } from '../wire/times/write-time.ts'
import { timeAt, truncated } from './arithmetic.ts'
import type { Compiler } from './compiler.ts'
import { type Converter, need, of1, value } from './converter.ts'
import { describe, type Ottl, StatementError } from './ottl-value.ts'
import { Duration, durationOf, Time } from './times.ts'
import type { Node } from './tree.ts'

function timeIn(name: string, given: Ottl): Time {
  if (given instanceof Time) return given
  throw new StatementError(`${name} takes a time, got ${describe(given)}`)
}

function durationIn(name: string, given: Ottl): Duration {
  if (given instanceof Duration) return given
  throw new StatementError(`${name} takes a duration, got ${describe(given)}`)
}

const unix = (name: string, unit: string, nanos: bigint): Converter =>
  of1(`${unit} since 1970 of a time`, (given) => timeIn(name, given).nanos / nanos, 'time')

/** Part of a date, in UTC. */
const ofDate = (name: string, summary: string, part: (date: Date, nanos: bigint) => number): Converter =>
  of1(
    summary,
    (given) => {
      const { nanos } = timeIn(name, given)
      return BigInt(part(dateOf(nanos), nanos))
    },
    'time',
  )

const inUnits = (name: string, unit: string, nanos: bigint): Converter =>
  of1(`${unit} of a duration, an integer`, (given) => durationIn(name, given).nanos / nanos, 'duration')

const inFractions = (name: string, unit: string, nanos: number): Converter =>
  of1(`${unit} of a duration, a double`, (given) => Number(durationIn(name, given).nanos) / nanos, 'duration')

/** The functions on times and durations, by name. */
export const timeConverters: Readonly<Record<string, Converter>> = {
  Now: {
    summary: 'the time now',
    parameters: [],
    pure: false,
    make: () => () => new Time(BigInt(Date.now()) * 1_000_000n),
  },
  Time: {
    summary: 'the time that a text says by a layout such as "%Y-%m-%d %H:%M:%S", where a clock of a place shows it',
    // Without a year in the layout it is the year that it is now.
    pure: false,
    parameters: [
      value('target'),
      { name: 'format', takes: 'text' },
      { name: 'location', takes: 'text', optional: true },
    ],
    make(compiler, [target, format, place]) {
      const { get } = compiler.expression(target!)
      const layout = layoutOf(compiler, format!)
      const location = place ? placeOf(compiler, place) : locationOfLayout(compiler.text(format!))
      const context = { location, zones: new Map<string, Location>(), now: Date.now }
      return (cursor) => {
        const nanos = readTime(layout, need('Time', get(cursor)), context)
        if (typeof nanos === 'bigint') return timeAt(nanos)
        throw new StatementError(`Time was given text that is no time of its layout: ${nanos}`)
      }
    },
  },
  FormatTime: {
    summary: 'a time as text, by a layout such as "%Y-%m-%dT%H:%M:%S.%LZ", in UTC',
    parameters: [value('time'), { name: 'format', takes: 'text' }],
    make(compiler, [time, format]) {
      const { get } = compiler.expression(time!)
      const layout = layoutOf(compiler, format!)
      return (cursor) => writeTime(layout, timeIn('FormatTime', get(cursor)).nanos)
    },
  },
  TruncateTime: {
    summary: 'a time down to a multiple of a duration, counted from the year 1',
    parameters: [value('time'), value('duration')],
    make(compiler, [time, step]) {
      const [from, by] = [compiler.expression(time!), compiler.expression(step!)]
      return (cursor) => truncated(timeIn('TruncateTime', from.get(cursor)), durationIn('TruncateTime', by.get(cursor)))
    },
  },
  Unix: {
    summary: 'the time so many seconds and nanoseconds after 1970',
    parameters: [value('seconds'), { ...value('nanoseconds'), optional: true }],
    make(compiler, [seconds, nanoseconds]) {
      const whole = compiler.expression(seconds!)
      const rest = nanoseconds && compiler.expression(nanoseconds)
      return (cursor) => {
        const [s, ns] = [whole.get(cursor), rest ? rest.get(cursor) : 0n]
        if (typeof s === 'bigint' && typeof ns === 'bigint') return timeAt(s * 1_000_000_000n + ns)
        throw new StatementError(`Unix takes integers, got ${describe(typeof s === 'bigint' ? ns : s)}`)
      }
    },
  },
  UnixNano: unix('UnixNano', 'nanoseconds', 1n),
  UnixMicro: unix('UnixMicro', 'microseconds', 1_000n),
  UnixMilli: unix('UnixMilli', 'milliseconds', 1_000_000n),
  UnixSeconds: unix('UnixSeconds', 'seconds', 1_000_000_000n),
  Year: ofDate('Year', 'the year of a time, in UTC like all these', (date) => date.getUTCFullYear()),
  Month: ofDate('Month', 'its month, 1 to 12', (date) => date.getUTCMonth() + 1),
  Day: ofDate('Day', 'its day of the month', (date) => date.getUTCDate()),
  Weekday: ofDate('Weekday', 'its day of the week, Sunday being 0', (date) => date.getUTCDay()),
  Hour: ofDate('Hour', 'its hour, 0 to 23', (date) => date.getUTCHours()),
  Minute: ofDate('Minute', 'its minute', (date) => date.getUTCMinutes()),
  Second: ofDate('Second', 'its second', (date) => date.getUTCSeconds()),
  Nanosecond: ofDate('Nanosecond', 'its nanoseconds within the second', (_, nanos) => nanosOfSecond(nanos)),
  Duration: of1(
    'a duration of text such as "1h30m" or "100ms"',
    (given) => {
      const duration = durationOf(need('Duration', given))
      if (duration) return duration
      throw new StatementError('Duration was given text that is no duration such as "1h30m" or "100ms"')
    },
    'duration',
  ),
  Hours: inFractions('Hours', 'hours', 3600e9),
  Minutes: inFractions('Minutes', 'minutes', 60e9),
  Seconds: inFractions('Seconds', 'seconds', 1e9),
  Milliseconds: inUnits('Milliseconds', 'milliseconds', 1_000_000n),
  Microseconds: inUnits('Microseconds', 'microseconds', 1_000n),
  Nanoseconds: inUnits('Nanoseconds', 'nanoseconds', 1n),
}

function layoutOf(compiler: Compiler, node: Node): readonly Piece[] {
  try {
    return strptimeLayout(compiler.text(node))
  } catch (cause) {
    throw cause instanceof LayoutError ? compiler.error(node.at, cause.message) : cause
  }
}

function placeOf(compiler: Compiler, node: Node): Location {
  const name = compiler.text(node)
  const location = locationOf(name)
  if (location) return location
  throw compiler.error(node.at, `there is no location ${JSON.stringify(name)}; write one such as "Europe/Berlin"`)
}
