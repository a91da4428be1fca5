import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { roles } from '../../bench/roles.ts'
import { rows } from '../../bench/rows.ts'
import { namesIn, withFigures } from '../../bench/tables.ts'

const page = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8')
const measured = { date: '2031-02-03T04:05:06Z', node: 'v99.1.2' }
const figures = {
  calibration: 470,
  stolen: 0,
  cpu: 4,
  perSecond: 12_345.6,
  rss: 100,
  rssPrivate: 50,
  rssMost: 120,
  driverPercent: 50,
  lost: { two: 0.5 },
}

test('every line of figures in docs/performance.md is a row of the bench, and every usual row has its line', () => {
  const names = namesIn(page)
  expect(names.filter((name) => !(name in roles) && !rows.some((row) => row.name === name))).toEqual([])
  expect(rows.filter(({ name, long }) => !long && !names.includes(name))).toEqual([])
  expect(new Set(names).size).toBe(names.length)
})

test('new figures change the lines that have their names, in the columns that are measured, and the date beside them', () => {
  expect(withFigures(page, { ...measured, rows: {}, idle: {} })).toBe(page)
  const small = `By hand: | syslog |
<!-- figures -->

Last measured 2026-11-21 with Node v26.10.0, one run.

| go | original: µs | tailrace: µs (calibration) | scaled | records/s | lost | RSS MiB |
|---|---|---|---|---|---|---|
| syslog | 31 to 51 | 2.50 (203) | 2.9 | 19,972 | 0 | 121 |
| other | 24 | 4.01 (232) | 4.1 | 19,972 | 0 | 108 |

| idle | start to ready | RSS MiB | of it private |
|---|---|---|---|
| agent | 236 ms | 88 | 40 |
<!-- /figures -->
| syslog | untouched | | | | | |
`
  const idle = { agent: { readyMs: 200.4, rss: 90, rssPrivate: 41 } }
  expect(withFigures(small, { ...measured, rows: { syslog: figures }, idle })).toBe(
    small
      .replace('2026-11-21 with Node v26.10.0', '2031-02-03 with Node v99.1.2')
      .replace('2.50 (203) | 2.9 | 19,972 | 0 | 121', '4.00 (470) | 2.00 | 12,346 | two 50.00 % | 120')
      .replace('236 ms | 88 | 40', '200 ms | 90 | 41'),
  )
})

test('latencies stand where costs do', () => {
  const of = (title: string) =>
    withFigures(`<!-- figures -->\n| at | ${title} |\n|---|---|\n| latency | |\n<!-- /figures -->`, {
      ...measured,
      rows: { latency: { ...figures, p50: 0.456, p99: 1.25 } },
      idle: {},
    }).split('\n')[3]
  expect(of('tailrace')).toBe('| latency | 0.46 / 1.3 |')
  expect(of('tailrace (calibration)')).toBe('| latency | 0.46 / 1.3 ms (470) |')
  expect(of('scaled')).toBe('| latency |  |')
})
