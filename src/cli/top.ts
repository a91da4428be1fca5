import type { TopSample } from '../admin/top.ts'
import { type AgentFlags, askLines, oneAgent, type RunningAgent } from './admin-client.ts'
import { ExitCode } from './exit-codes.ts'
import { flagNumber } from './flag-number.ts'
import { untilInterrupted } from './interrupted.ts'
import { TopScreen } from './top-screen.ts'
import { headLines, type SortKey, tableLines } from './top-table.ts'

export interface TopFlags extends AgentFlags {
  readonly sort: SortKey
  /** Seconds between two looks. */
  readonly interval: string
  readonly batch?: boolean
  /** How many tables; without it one when nobody looks, else without end. */
  readonly times?: string
  readonly json?: boolean
}

type Watching = TopFlags & { readonly intervalMs: number }

/** The live table of components: on a terminal as a screen of its own, else as text. */
export async function top(flags: TopFlags): Promise<number> {
  const intervalMs = Math.round(flagNumber('--interval', flags.interval, 0.2, 60) * 1000)
  const times = flags.times === undefined ? undefined : flagNumber('--times', flags.times, 1, 1_000_000_000)
  const agent = await oneAgent(flags)
  const isScreen = process.stdout.isTTY && process.stdin.isTTY && !flags.batch && !flags.json
  const most = times ?? (isScreen || flags.batch ? Number.POSITIVE_INFINITY : 1)
  const watch = isScreen ? onScreen : asText
  await untilInterrupted((signal) => watch(agent, { ...flags, intervalMs }, most, signal))
  return ExitCode.ok
}

/** Hands over samples until there were enough of them. */
async function samples(
  agent: RunningAgent,
  { intervalMs }: Watching,
  most: number,
  signal: AbortSignal,
  take: (sample: TopSample) => void,
): Promise<void> {
  const enough = new AbortController()
  let left = most
  const each = (value: unknown) => {
    take(value as TopSample)
    if (--left <= 0) enough.abort()
  }
  const path = `/v1/top?interval_ms=${intervalMs}`
  await askLines(agent, path, each, AbortSignal.any([signal, enough.signal]))
  if (!signal.aborted && !enough.signal.aborted) process.stderr.write('the agent has ended\n')
}

async function asText(agent: RunningAgent, flags: Watching, most: number, signal: AbortSignal): Promise<void> {
  let first = true
  await samples(agent, flags, most, signal, (sample) => {
    if (flags.json) return void process.stdout.write(`${JSON.stringify(sample)}\n`)
    const width = process.stdout.columns ?? 160
    const table = tableLines(sample.rows, { sort: flags.sort, reverse: false, width })
    const lines = [...headLines(sample, agent), '', ...table.map(({ text }) => text)]
    process.stdout.write(`${first ? '' : '\n'}${lines.join('\n')}\n`)
    first = false
  })
}

async function onScreen(agent: RunningAgent, flags: Watching, most: number, signal: AbortSignal): Promise<void> {
  const { stdin, stdout } = process
  const terminal = {
    get columns() {
      return stdout.columns || 80
    },
    get rows() {
      return stdout.rows || 24
    },
    write: (text: string) => void stdout.write(text),
  }
  const quit = new AbortController()
  const screen = new TopScreen(terminal, agent, { sort: flags.sort, colour: !process.env.NO_COLOR })
  const press = (text: string) => {
    // Arrows and the like come as several characters at once.
    const pressed = text.length > 1 && text.startsWith('\u001b') ? [] : [...text]
    if (pressed.some((key) => screen.press(key))) quit.abort()
  }
  const resize = () => screen.draw()
  stdin.setRawMode(true)
  stdin.setEncoding('utf8').on('data', press).resume()
  stdout.on('resize', resize)
  screen.open()
  try {
    await samples(agent, flags, most, AbortSignal.any([signal, quit.signal]), (sample) => screen.show(sample))
  } finally {
    screen.close()
    stdout.off('resize', resize)
    stdin.off('data', press).pause()
    stdin.setRawMode(false)
  }
}
