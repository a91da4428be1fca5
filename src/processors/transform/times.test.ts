import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import {
  any,
  at,
  entries,
  fixed64,
  logRequest,
  metricRequest,
  numberAt,
  type Plain,
  plainEntries,
  traceRequest,
} from '../../ottl/testing/samples.ts'
import { double, field } from '../../telemetry/testing/encode.ts'
import transform from './index.ts'

/** Thursday, 2026-03-05T13:04:09.0708Z. */
const nanos = BigInt(Date.UTC(2026, 2, 5, 13, 4, 9)) * 1_000_000n + 70_800_000n
const record = [fixed64(1, nanos), field(5, any('2026-03-05 14:04:09.0708')), entries(6, { n: 5n })]
const layout = '%Y-%m-%d %H:%M:%S.%L'

function runOn(...statements: string[]) {
  const { run, ...books } = processorOf(transform, { log_statements: [{ context: 'log', statements }] }, 'logs')
  const out = run(logRequest(record))
  return { log: out && at(out.bytes(), 1, 2, 2), ...books }
}

describe('a function on times makes', () => {
  test.each<[string, Plain | undefined]>([
    [`UnixNano(Time(body, "${layout}", "UTC")) - time_unix_nano`, 3_600_000_000_000n],
    ['UnixSeconds(Time("2026-03-05T13:04:09+01:00", "%Y-%m-%dT%H:%M:%S%j"))', nanos / 1_000_000_000n - 3600n],
    ['FormatTime(time, "%Y-%m-%dT%H:%M:%S.%fZ")', '2026-03-05T13:04:09.0708Z'],
    ['FormatTime(time, "%a %e %b %I:%M %p")', 'Thu  5 Mar 01:04 PM'],
    ['UnixMicro(time)', nanos / 1000n],
    ['UnixNano(Unix(1, 5))', 1_000_000_005n],
    ['UnixNano(Unix(seconds=2))', 2_000_000_000n],
    ['Year(time)', 2026n],
    ['Month(time)', 3n],
    ['Day(time)', 5n],
    ['Weekday(time)', 4n],
    ['Hour(time)', 13n],
    ['Minute(time)', 4n],
    ['Second(time)', 9n],
    ['Nanosecond(time)', 70_800_000n],
    ['FormatTime(TruncateTime(time, Duration("1h")), "%T.%s")', '13:00:00'],
    ['FormatTime(TruncateTime(time, Duration("10ms")), "%T.%s")', '13:04:09.07'],
    ['FormatTime(TruncateTime(time, Duration("168h")), "%F %A")', '2026-03-02 Monday'],
    ['Hours(Duration("90m"))', 1.5],
    ['Minutes(Duration("90s"))', 1.5],
    ['Seconds(Duration("1500ms"))', 1.5],
    ['Milliseconds(Duration("1.5s"))', 1500n],
    ['Microseconds(Duration("-3ms"))', -3000n],
    ['Nanoseconds(Duration("1h"))', 3_600_000_000_000n],
    ['String(Duration("1h30m"))', '1h30m0s'],
    ['String(Duration("-1500us"))', '-1.5ms'],
    ['String(Duration("2m0.5s"))', '2m0.5s'],
    ['String(Duration("12us"))', '12µs'],
    ['String(Duration("0s"))', '0s'],
    ['Concat([Duration("7ns"), time], " ")', '7ns 2026-03-05T13:04:09.070Z'],
    ['Seconds(time - Unix(UnixSeconds(time)))', 0.0708],
    ['FormatTime(time + Duration("24h"), "%F")', '2026-03-06'],
    ['FormatTime(Duration("24h") + time, "%F")', '2026-03-06'],
    ['FormatTime(time - Duration("24h"), "%F")', '2026-03-04'],
    ['Seconds(Duration("1m") + Duration("1s") - Duration("30s"))', 31],
    ['time', nanos],
    ['Duration("1s")', 1_000_000_000n],
  ])('%s', (source, expected) => {
    const { log } = runOn(`set(attributes["out"], ${source})`)
    expect(plainEntries(log!, 6).out).toEqual(expected)
  })
})

test.each([
  'time < Now()',
  'Now() - time > Duration("1h")',
  'time >= Unix(0)',
  'time != Unix(0)',
  'Duration("1m") == Duration("60s")',
  'Duration("1m") < Duration("61s")',
  'not (time == time_unix_nano)',
  'not (time == nil)',
  `Time(body, "${layout}", "Europe/Berlin") == time`,
  'TruncateTime(time, Duration("0s")) == time',
])('it holds that %s', (condition) => {
  expect(plainEntries(runOn(`set(attributes["out"], 1) where ${condition}`).log!, 6).out).toBe(1n)
})

describe('a field is a time', () => {
  const points = metricRequest([field(1, 'm'), field(5, [field(1, [fixed64(2, 1n), fixed64(3, 2n), double(4, 1)])])])
  const spans = traceRequest([fixed64(7, 1n), fixed64(8, 2n), field(11, fixed64(1, 3n))])
  test.each<[string, 'log' | 'metric' | 'trace', Buffer, number[], number]>([
    ['log.time', 'log', logRequest(record), [2], 1],
    ['log.observed_time', 'log', logRequest(record), [2], 11],
    ['span.start_time', 'trace', spans, [2], 7],
    ['span.end_time', 'trace', spans, [2], 8],
    ['spanevent.time', 'trace', spans, [2, 11], 1],
    ['datapoint.start_time', 'metric', points, [2, 5, 1], 2],
    ['datapoint.time', 'metric', points, [2, 5, 1], 3],
  ])('%s', (name, signal, bytes, way, number) => {
    const statement = `set(${name}, ${name} + Duration("7ns"))`
    const { run } = processorOf(transform, { [`${signal}_statements`]: [statement] }, `${signal}s` as 'logs')
    const read = (from: Buffer) =>
      (numberAt(at(from, 1, 2, ...way), number) as Buffer | undefined)?.readBigUInt64LE() ?? 0n
    expect(read(run(bytes)!.bytes()) - read(bytes)).toBe(7n)
  })
})

test.each([
  'set(time, time_unix_nano)',
  'set(attributes["out"], Hour(time_unix_nano))',
  'set(time, Time(body, "%H:%M"))',
  'set(attributes["out"], time * time)',
  'set(attributes["out"], time + time)',
  'set(attributes["out"], Duration("1s") - time)',
  'set(attributes["out"], time + 1)',
  'set(attributes["out"], Duration(body))',
  'set(attributes["out"], Hours(time))',
  'set(attributes["out"], UnixNano(Unix(attributes["n"] * 1844674407370955161)))',
  'set(attributes["out"], Unix(body))',
])('%s fails on its record', (statement) => {
  const { log, account } = runOn(statement)
  expect([log, account.dropped('rule')]).toEqual([undefined, 1])
})

test.each([
  ['set(log.time, Time(log.body, "%Q"))', 'there is no directive %Q, at position 30'],
  ['set(log.time, Time(log.body, "%L"))', 'write %S.%L or %S,%L'],
  ['set(log.time, Time(log.body, "plain"))', '"plain" has no part of a time'],
  ['set(log.time, Time(log.body, "%F", "Mars"))', 'there is no location "Mars"'],
  ['set(log.time, Time(log.body, "%F", "UTC", "de-DE"))', 'too many arguments: write Time(target, format, [location])'],
  ['set(log.body, FormatTime(log.time, log.body))', 'expected "text" in quotes'],
  ['set(log.body, Hours(Duration("1 hour")))', 'no duration such as "1h30m"'],
  ['set(log.time, Unix(9223372036854775807))', 'the time is more than 292 years from 1970'],
  ['set(log.start_time, log.time)', 'logs have no field "log.start_time"'],
  ['set(log.time["a"], 1)', 'logs have no field "log.time"'],
])('%s is refused', (statement, message) => {
  expect(faults(transform, { log_statements: [statement] })).toContain(message)
})
