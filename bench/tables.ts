import type { Figures, Standing } from './measure.ts'
import { type Baseline, lostText } from './report.ts'

/** Tables of figures stand between these two marks. */
const block = /<!-- figures -->\n.*?<!-- \/figures -->/gs
const dateLine = /^Last measured \d{4}-\d\d-\d\d with Node v[\d.]+/m

/** What stands in a column, by its title. All other columns (originals, goals) are the page's own. */
type Columns<T> = Readonly<Record<string, (of: T) => string>>

const whole = (value: number) => Math.round(value).toLocaleString('en-US')
const value = ({ cpu, p50, p99 }: Figures) =>
  p50 === undefined ? cpu.toFixed(2) : `${p50.toFixed(2)} / ${p99!.toFixed(1)}`
const calibrated = (of: Figures) => `${value(of)}${of.p50 === undefined ? '' : ' ms'} (${of.calibration})`

const figures: Columns<Figures> = {
  tailrace: value,
  'tailrace (calibration)': calibrated,
  'tailrace: µs (calibration)': calibrated,
  calibration: ({ calibration }) => `${calibration}`,
  // What it would be at a calibration of 235 ms, the middle of the range that the goals are set for.
  scaled: ({ cpu, calibration, p50 }) => (p50 === undefined ? ((cpu * 235) / calibration).toFixed(2) : ''),
  'records/s': ({ perSecond }) => whole(perSecond),
  'items/s': ({ perSecond }) => whole(perSecond),
  lost: ({ lost, driverPercent }) => lostText(lost, driverPercent),
  'RSS MiB': ({ rssMost }) => whole(rssMost),
  'RSS MiB, of it private': ({ rss, rssPrivate }) => `${whole(rss)}, ${whole(rssPrivate)}`,
}

const standing: Columns<Standing> = {
  'start to ready': ({ readyMs }) => `${whole(readyMs)} ms`,
  'RSS MiB': ({ rss }) => whole(rss),
  'of it private': ({ rssPrivate }) => whole(rssPrivate),
}

/** The page with what was measured in the lines of its tables that have the name of a row, or of an idle role. Nothing else changes. */
export function withFigures(page: string, { date, node, rows, idle }: Baseline): string {
  return page.replace(block, (text) => {
    let titles: string[] = []
    const mended = text.split('\n').map((line, i, all) => {
      if (!line.startsWith('|')) return line
      const cells = cellsOf(line)
      if (!all[i - 1]!.startsWith('|')) titles = cells
      const [name] = cells
      const row = rows[name!]
      const role = idle[name!]
      if (row) return lineOf(filled(titles, cells, figures, row))
      return role ? lineOf(filled(titles, cells, standing, role)) : line
    })
    const after = mended.join('\n')
    return after === text ? text : after.replace(dateLine, `Last measured ${date.slice(0, 10)} with Node ${node}`)
  })
}

/** Names of rows and idle roles that have a line in the page. */
export const namesIn = (page: string): string[] =>
  [...page.matchAll(block)].flatMap(([text]) =>
    text.split('\n').flatMap((line, i, all) => {
      const isBody = line.startsWith('|') && all[i - 1]!.startsWith('|') && !line.startsWith('|-')
      return isBody ? [cellsOf(line)[0]!] : []
    }),
  )

const cellsOf = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
const lineOf = (cells: readonly string[]) => `| ${cells.join(' | ')} |`

const filled = <T>(titles: readonly string[], cells: readonly string[], columns: Columns<T>, of: T) =>
  cells.map((cell, i) => columns[titles[i]!]?.(of) ?? cell)
