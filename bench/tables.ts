import type { Figures } from './measure.ts'
import type { Baseline } from './report.ts'
import type { Row } from './row.ts'
import { rows } from './rows.ts'

const begin = '<!-- figures: npm run bench -- --docs docs/performance.md -->'
const end = '<!-- /figures -->'

/** The page with its tables made anew from saved figures: they stand between two marks. */
export function withTables(page: string, saved: Baseline): string {
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the page has no place for tables: it needs ${begin} and ${end}`)
  return `${page.slice(0, from + begin.length)}\n\n${tables(saved)}\n${page.slice(to)}`
}

function tables(saved: Baseline): string {
  const measured = rows.flatMap((row) => {
    const figures = saved.rows[row.name]
    return figures ? [{ row, figures }] : []
  })
  const costs = measured.filter(({ row }) => !row.latency)
  const latencies = measured.filter(({ row }) => row.latency)
  return [
    `Measured ${saved.date.slice(0, 10)} with Node ${saved.node}.`,
    table(
      [
        'go',
        'original: µs (calibration)',
        'goal',
        'tailrace: µs (calibration)',
        'scaled',
        'records/s',
        'lost',
        'RSS MiB',
        'time stolen',
      ],
      costs.map(({ row, figures }) => costCells(row, figures)),
    ),
    table(
      ['at 1,000 records/s', 'original: p50 / p99 ms', 'goal', 'tailrace', 'calibration', 'time stolen'],
      latencies.map(({ row, figures }) => latencyCells(row, figures)),
    ),
    table(
      ['idle', 'start to ready', 'RSS MiB', 'of it private'],
      Object.entries(saved.idle).map(([role, { readyMs, rss, rssPrivate }]) => [
        role,
        `${readyMs.toFixed(0)} ms`,
        rss.toFixed(0),
        rssPrivate.toFixed(0),
      ]),
    ),
  ].join('\n\n')
}

const table = (head: string[], body: string[][]): string =>
  [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const percent = (share: number) => `${(share * 100).toFixed(share < 0.01 ? 2 : 0)} %`

function costCells({ name, original, goal, rate }: Row, figures: Figures): string[] {
  const { cpu, calibration, perSecond, lost, rssMost, stolen } = figures
  return [
    name,
    original?.cpu === undefined ? '' : `${original.cpu} (${original.calibration ?? 'not taken'})`,
    goal?.cpu?.toString() ?? '',
    `${cpu.toFixed(2)} (${calibration})`,
    scaled(cpu, calibration).toFixed(2),
    rate === 0 && original?.perSecond
      ? `${perSecond.toFixed(0)} (original ${original.perSecond})`
      : perSecond.toFixed(0),
    Object.entries(lost)
      .map(([sink, share]) => `${sink} ${percent(share)}`)
      .join(', ') || '0',
    rssMost.toFixed(0),
    percent(stolen),
  ]
}

/** What it would be at a calibration of 235 ms, the middle of the range that the goals are set for. */
const scaled = (cpu: number, calibration: number) => (cpu * 235) / calibration

function latencyCells({ name, original, goal }: Row, { p50, p99, calibration, stolen }: Figures): string[] {
  return [
    name,
    original?.p50 === undefined ? '' : `${original.p50} / ${original.p99}`,
    goal?.p50 === undefined ? '' : `${goal.p50} / ${goal.p99}`,
    p50 === undefined ? '' : `${p50.toFixed(2)} / ${p99!.toFixed(1)}`,
    calibration.toString(),
    percent(stolen),
  ]
}
