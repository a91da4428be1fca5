import type { TopRow, TopSample } from '../admin/top.ts'
import { safeText } from '../printing/safe-text.ts'
import { grouped, mebibytes, millis, percent, placeName, span } from './words.ts'

/** What the table is sorted by; `way` leaves it in the order of the books. */
export const sortKeys = ['way', 'name', 'in', 'out', 'lost', 'waiting', 'full', 'time', 'cpu'] as const
export type SortKey = (typeof sortKeys)[number]

export interface TableView {
  readonly sort: SortKey
  readonly reverse: boolean
  /** Characters of a line. */
  readonly width: number
  /** Lines of the table with its head; undefined: all. */
  readonly height?: number
}

interface Column {
  readonly title: string
  readonly key: SortKey
  text(row: TopRow): string
  /** Left out first when the terminal is narrow, the highest first. */
  readonly spare: number
}

const columns: readonly Column[] = [
  { title: 'in/s', key: 'in', text: (row) => grouped(row.in), spare: 0 },
  { title: 'out/s', key: 'out', text: (row) => grouped(row.out), spare: 0 },
  { title: 'lost/s', key: 'lost', text: (row) => grouped(row.dropped), spare: 0 },
  { title: 'lost', key: 'lost', text: (row) => grouped(row.total.dropped), spare: 4 },
  { title: 'refused/s', key: 'out', text: (row) => grouped(row.refused), spare: 5 },
  {
    title: 'waiting',
    key: 'waiting',
    text: (row) => (row.kind === 'processor' && row.held === 0 ? '-' : grouped(row.held)),
    spare: 1,
  },
  { title: 'full', key: 'full', text: (row) => (row.fill === null ? '-' : percent(row.fill)), spare: 3 },
  { title: 'time', key: 'time', text: timeText, spare: 2 },
  { title: 'cpu', key: 'cpu', text: (row) => (row.cpu === null ? '-' : percent(row.cpu)), spare: 0 },
]

/** Where records wait and none leaves they wait longer than was looked. */
function timeText({ latency_ms, held, kind }: TopRow): string {
  if (latency_ms !== null) return millis(latency_ms)
  return held > 0 && kind !== 'processor' ? 'stuck' : '-'
}

const order: Readonly<Record<TopRow['kind'], number>> = { receiver: 0, processor: 1, queue: 2 }

const values: Readonly<Record<Exclude<SortKey, 'name' | 'way'>, (row: TopRow) => number>> = {
  in: (row) => row.in,
  out: (row) => row.out,
  lost: (row) => row.dropped || row.total.dropped / 1e12,
  waiting: (row) => row.held,
  full: (row) => row.fill ?? -1,
  time: (row) => row.latency_ms ?? (timeText(row) === 'stuck' ? Number.MAX_VALUE : -1),
  cpu: (row) => row.cpu ?? -1,
}

/** Rows in the order asked for: numbers from the largest down, names from A to Z, the way records take. */
export function sorted(rows: readonly TopRow[], { sort, reverse }: Pick<TableView, 'sort' | 'reverse'>): TopRow[] {
  const by = (a: TopRow, b: TopRow): number => {
    if (sort === 'way') return order[a.kind] - order[b.kind]
    if (sort === 'name') return placeName(a).localeCompare(placeName(b))
    return values[sort](b) - values[sort](a)
  }
  const all = rows.toSorted(by)
  return reverse ? all.reverse() : all
}

/** The lines above the table. */
export function headLines(
  { at, process, interval_ms, rows }: TopSample,
  agent: { name: string; pid: number },
): string[] {
  const { ready, uptime_seconds, cpu, loop, rss, queued, memory_limit } = process
  const inside = rows.reduce((sum, row) => sum + (row.cpu ?? 0), 0)
  const time = new Date(at).toLocaleTimeString('en-GB')
  return [
    `tailrace ${agent.name}, process ${agent.pid}: ${ready ? 'ready' : 'NOT READY'}, up ${span(uptime_seconds)}   ${time}, last ${(interval_ms / 1000).toFixed(1)} s`,
    `CPU ${percent(cpu)} of one core, ${percent(inside)} in the rows below, the rest receives and sends`,
    `event loop ${percent(loop)} busy   memory ${mebibytes(rss)}   in queues ${mebibytes(queued)} of ${mebibytes(memory_limit)}`,
  ].map(safeText)
}

export interface TableLine {
  readonly text: string
  readonly kind: 'head' | 'plain' | 'losing' | 'idle' | 'note'
}

const leastName = 28

/** The table, cut to the terminal. */
export function tableLines(rows: readonly TopRow[], view: TableView): TableLine[] {
  const all = sorted(rows, view)
  const most = view.height === undefined ? all.length : Math.max(1, view.height - 1)
  const shown = all.length > most ? all.slice(0, Math.max(1, most - 1)) : all
  const chosen = fitting(shown, view.width)
  const widths = chosen.map(
    (column) => Math.max(column.title.length, ...shown.map((row) => column.text(row).length)) + 2,
  )
  const used = widths.reduce((sum, width) => sum + width, 0)
  const longest = Math.max(9, ...shown.map((row) => placeName(row).length))
  const nameWidth = Math.max(9, Math.min(longest, view.width - used))
  const line = (name: string, cells: readonly string[]) =>
    cut(name, nameWidth).padEnd(nameWidth) + cells.map((cell, i) => cell.padStart(widths[i]!)).join('')
  const lines: TableLine[] = [
    {
      text: line(
        'component',
        chosen.map(({ title }) => title),
      ),
      kind: 'head',
    },
  ]
  for (const row of shown) {
    const text = line(
      placeName(row),
      chosen.map((column) => column.text(row)),
    )
    lines.push({ text, kind: row.dropped > 0 ? 'losing' : row.in + row.out + row.held === 0 ? 'idle' : 'plain' })
  }
  if (shown.length < all.length) lines.push({ text: `... ${all.length - shown.length} more`, kind: 'note' })
  return lines
}

/** The columns for which there is room beside a name. */
function fitting(rows: readonly TopRow[], width: number): readonly Column[] {
  let chosen = columns
  const room = () =>
    width -
    chosen.reduce(
      (sum, column) => sum + 2 + Math.max(column.title.length, ...rows.map((row) => column.text(row).length)),
      0,
    )
  for (const { spare } of columns.filter(({ spare }) => spare > 0).toSorted((a, b) => b.spare - a.spare)) {
    if (room() >= leastName) break
    chosen = chosen.filter((column) => column.spare !== spare)
  }
  return chosen
}

const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 3))}...` : text
