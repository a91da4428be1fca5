import type { Figures, Standing } from './measure.ts'
import type { Row } from './row.ts'

/** What `--save` writes and `--base` reads. */
export interface Baseline {
  date: string
  node: string
  rows: Record<string, Figures>
  idle: Record<string, Standing>
}

const columns = [
  'µs CPU/record',
  'goal',
  'calibration',
  'stolen',
  'records/s',
  'RSS (private, most)',
  'p50 / p99 ms',
  'lost',
]
const widths = [13, 10, 11, 6, 9, 19, 14, 4]
const nameWidth = 40

const line = (name: string, cells: readonly string[]) =>
  `${name.padEnd(nameWidth)}${cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')}`

export const rowTitle: string = `\n${line('row', columns)}  against base`

export function rowLine(row: Row, figures: Figures, base: Figures | undefined): string {
  const { cpu, calibration, stolen, perSecond, rss, rssPrivate, rssMost, driverPercent, p50, p99, lost } = figures
  const cells = [
    cpu.toFixed(2),
    goalText(row),
    `${calibration} ms`,
    `${(stolen * 100).toFixed(0)} %`,
    Math.round(perSecond).toString(),
    `${rss.toFixed(0)} (${rssPrivate.toFixed(0)}, ${rssMost.toFixed(0)})`,
    p50 === undefined ? '' : `${p50.toFixed(2)} / ${p99!.toFixed(1)}`,
    lostText(lost, driverPercent),
  ]
  return `${line(row.name, cells)}  ${base ? changeText(figures, base) : ''}`
}

function goalText({ goal }: Row): string {
  if (goal?.cpu !== undefined) return goal.cpu.toString()
  return goal?.p50 === undefined ? '' : `${goal.p50} / ${goal.p99} ms`
}

/** Above 85 % the load process says more than the role. */
export function lostText(lost: Figures['lost'], driverPercent: number): string {
  const parts = Object.entries(lost).map(([name, share]) => `${name} ${(share * 100).toFixed(2)} %`)
  const text = parts.length === 0 ? '0' : parts.join(', ')
  return driverPercent > 85 ? `${text} (load process at ${driverPercent} %)` : text
}

/** Costs divided by their calibrations: what the program changed, not the machine. */
function changeText(now: Figures, base: Figures): string {
  const ratio = now.cpu / now.calibration / (base.cpu / base.calibration) - 1
  const speed = now.perSecond / base.perSecond - 1
  const sign = (value: number) => `${value < 0 ? '' : '+'}${(value * 100).toFixed(0)} %`
  return `CPU ${sign(ratio)} (scaled), RSS ${sign(now.rss / base.rss - 1)}${Math.abs(speed) > 0.02 ? `, rate ${sign(speed)}` : ''}`
}

export const idleTitle: string = `\n${'idle'.padEnd(nameWidth)}start to ready   RSS (private) MiB  against base`

export function idleLine(role: string, now: Standing, base: Standing | undefined): string {
  const start = `${now.readyMs.toFixed(0)} ms`.padStart(14)
  const memory = `${now.rss.toFixed(0)} (${now.rssPrivate.toFixed(0)})`.padStart(20)
  const change = base ? `  ${base.readyMs.toFixed(0)} ms, ${base.rss.toFixed(0)} MiB before` : ''
  return `${role.padEnd(nameWidth)}${start}${memory}${change}`
}
