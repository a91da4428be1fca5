import type { TopSample } from '../admin/top.ts'
import { headLines, type SortKey, type TableLine, tableLines } from './top-table.ts'

const esc = '\u001b['

/** A terminal, or what stands for one in a test. */
export interface Terminal {
  readonly columns: number
  readonly rows: number
  write(text: string): void
}

const keys: Readonly<Record<string, SortKey>> = {
  y: 'way',
  n: 'name',
  i: 'in',
  o: 'out',
  l: 'lost',
  w: 'waiting',
  f: 'full',
  t: 'time',
  c: 'cpu',
}

const help = '[q]uit [p]ause [r]everse [c]pu [l]ost [i]n [o]ut [w]aiting [t]ime [f]ull [n]ame wa[y]'

/** The live table on a whole screen. */
export class TopScreen {
  private readonly terminal: Terminal
  private readonly agent: { name: string; pid: number }
  private readonly colour: boolean
  private sort: SortKey
  private reverse = false
  private paused = false
  private sample: TopSample | undefined

  constructor(terminal: Terminal, agent: { name: string; pid: number }, options: { sort: SortKey; colour: boolean }) {
    this.terminal = terminal
    this.agent = agent
    this.sort = options.sort
    this.colour = options.colour
  }

  open(): void {
    // Another screen, so that the shell's text comes back; no cursor.
    this.terminal.write(`${esc}?1049h${esc}?25l${esc}2J`)
    this.draw()
  }

  close(): void {
    this.terminal.write(`${esc}?25h${esc}?1049l`)
  }

  show(sample: TopSample): void {
    if (this.paused) return
    this.sample = sample
    this.draw()
  }

  /** Whether the key ends it: q, Ctrl-C, Escape alone. */
  press(key: string): boolean {
    if (['q', 'Q', '\u0003', '\u001b'].includes(key)) return true
    if (key === 'r') this.reverse = !this.reverse
    if (key === 'p' || key === ' ') this.paused = !this.paused
    const sort = keys[key]
    if (sort !== undefined) {
      this.sort = sort
      this.reverse = false
    }
    this.draw()
    return false
  }

  /** Draws over what is there: nothing flickers. */
  draw(): void {
    const { columns: width, rows: height } = this.terminal
    const lines = this.lines(Math.max(20, width), Math.max(6, height)).slice(0, height)
    this.terminal.write(`${esc}H${lines.map((line) => `${line}${esc}K`).join('\r\n')}${esc}J`)
  }

  private lines(width: number, height: number): string[] {
    const { sample, agent, sort, reverse } = this
    if (!sample) return [`tailrace ${agent.name}, process ${agent.pid}: the first figures come in a second`]
    const head = headLines(sample, agent).map((line) => line.slice(0, width))
    // What stands above it, an empty line, the table, the help at the end.
    const table = tableLines(sample.rows, { sort, reverse, width, height: height - head.length - 2 })
    const state = this.paused ? 'PAUSED' : `sorted by ${sort}${reverse ? ', reversed' : ''}`
    const bottom = `${state}  ${help}`.slice(0, width)
    const empty = Math.max(0, height - head.length - 2 - table.length)
    return [
      ...head,
      '',
      ...table.map((line) => this.painted(line)),
      ...Array<string>(empty).fill(''),
      this.sgr(2, bottom),
    ]
  }

  private painted({ text, kind }: TableLine): string {
    if (kind === 'head') return this.sgr(7, text)
    if (kind === 'losing') return this.sgr(31, text)
    return kind === 'plain' ? text : this.sgr(2, text)
  }

  private sgr(code: number, text: string): string {
    return this.colour ? `${esc}${code}m${text}${esc}0m` : text
  }
}
