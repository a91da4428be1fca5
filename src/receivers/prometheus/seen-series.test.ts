import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { Page } from '../../wire/prometheus/page.ts'
import { parsePage } from '../../wire/prometheus/parse.ts'
import { preparePage } from './prepare-page.ts'
import { compileRelabel } from './relabel.ts'
import type { ScrapeTarget } from './scrape-target.ts'
import { unlimited } from './scrape-target.ts'
import { type Changes, SeenSeries } from './seen-series.ts'

const target = {
  ...unlimited,
  honorLabels: true,
  labels: {},
  job: 'a',
  instance: 'b',
  metricRelabel: compileRelabel([{ action: 'drop', source_labels: ['n'], regex: '0', separator: '', replacement: '' }]),
} as unknown as ScrapeTarget

/** Series by number: even ones are gauges, odd ones histograms with three lines; rules drop number 0. */
const pageOf = (series: readonly number[]): string =>
  ['# TYPE g gauge', ...series.filter((n) => n % 2 === 0).map((n) => `g{n="${n}"} 1`), '# TYPE h histogram']
    .concat(
      series
        .filter((n) => n % 2 === 1)
        .map((n) => `h_bucket{n="${n}",le="+Inf"} 1\nh_sum{n="${n}"} 1\nh_count{n="${n}"} 1`),
    )
    .join('\n')
    .concat('\n')

const lines = (series: Iterable<number>) => [...series].reduce((sum, n) => sum + (n % 2 === 0 ? 1 : 3), 0)

test('series that came and went are those of two sets, whatever the pages', () => {
  const page = fc.uniqueArray(fc.nat(9), { maxLength: 10 })
  fc.assert(
    fc.property(fc.array(fc.option(page, { freq: 4, nil: undefined }), { maxLength: 8 }), (pages) => {
      const budget = new Budget('test')
      const seen = new SeenSeries(target, budget)
      const into: Changes = { added: 0, page: new Page(), only: new Uint8Array(0) }
      let known = new Set<number>()
      let alive = new Set<number>()
      for (const series of pages) {
        const now = new Set(series?.filter((n) => n !== 0))
        const read = series && parsePage(Buffer.from(pageOf(series))).page!
        if (read) preparePage(read, target)
        const hasEnded = seen.changes(read, into)
        const ended = [...alive].filter((n) => !now.has(n))
        expect([hasEnded, into.added]).toEqual([ended.length > 0, series ? lines(now.difference(known)) : 0])
        if (hasEnded) expect(into.only.reduce((sum, mark) => sum + mark, 0)).toBe(ended.length)
        alive = now
        if (series) known = now
      }
      seen.forget()
      expect(budget.used).toBe(0)
    }),
  )
})
