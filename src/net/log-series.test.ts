import { expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { newLog } from '../runtime/log.ts'
import { newLogSeries } from './log-series.ts'

test('the first of a series is a line at once, the rest one line a minute, until a minute is quiet', () => {
  const lines: string[] = []
  const clock = new ManualClock()
  const series = newLogSeries(newLog({ write: (line) => void lines.push(line.slice(20).trim()) }), clock)
  const expectNew = (...expected: string[]) => expect(lines.splice(0)).toEqual(expected)
  series.note('a', 'a 1')
  series.note('b', 'b 1')
  series.note('a', 'a 2')
  series.note('a', 'a 3')
  expectNew('warn: a 1', 'warn: b 1')
  clock.advance(60_000)
  expectNew('warn: a 3 (2 more like this in the last minute)')
  series.note('b', 'b 2')
  series.note('a', 'a 4')
  expectNew('warn: b 2')
  clock.advance(60_000)
  expectNew('warn: a 4 (1 more like this in the last minute)')
  clock.advance(60_000)
  series.note('a', 'a 5')
  expectNew('warn: a 5')
  series.note('a', 'a 6')
  series.close()
  clock.advance(60_000)
  expectNew()
})
