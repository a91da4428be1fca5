import { lines, whole, words } from './parse.ts'
import type { Scraper } from './scraper.ts'
import type { Sheet } from './sheet.ts'

/** USER_HZ, the unit of /proc/stat: 100 on all machines that Node runs on. */
export const ticksPerSecond = 100

// Columns of /proc/stat (proc_stat(5)), with the Collector's names.
const states = ['user', 'nice', 'system', 'idle', 'wait', 'interrupt', 'softirq', 'steal'] as const

/** Times of one processor in seconds, in the order of `states`; NaN where an old kernel has no column. */
type Times = readonly number[]

/** `cpu0 5 0 1 ...` of /proc/stat as seconds by name. */
export function parseCpuTimes(text: string): Map<string, Times> {
  const found = new Map<string, Times>()
  for (const line of lines(text)) {
    if (!/^cpu\d/.test(line)) continue
    const [name, ...ticks] = words(line)
    found.set(
      name!,
      states.map((_, i) => whole(ticks[i]) / ticksPerSecond),
    )
  }
  return found
}

/** When the machine was started, milliseconds since 1970; 0: it does not say. */
export function parseBootTime(text: string): number {
  const match = /^btime (\d+)$/m.exec(text)
  return match ? Number(match[1]) * 1000 : 0
}

export function newCpuScraper(): Scraper {
  let before = new Map<string, Times>()
  return ({ files }, sheet) => {
    const times = parseCpuTimes(files.read('/proc/stat'))
    if (times.size === 0) throw new Error('/proc/stat names no processor')
    for (const [cpu, values] of times) {
      for (const [i, state] of states.entries()) {
        sheet.add('system.cpu.time', values[i]!, 'cpu', cpu, 'state', state)
      }
      addUtilization(sheet, cpu, before.get(cpu), values)
    }
    before = times
    sheet.add('system.cpu.logical.count', times.size)
    if (sheet.wants('system.cpu.physical.count') || sheet.wants('system.cpu.frequency')) {
      addProcessors(sheet, files.read('/proc/cpuinfo'))
    }
  }
}

/** A processor that was off meanwhile may count from less: such an interval says nothing. */
function addUtilization(sheet: Sheet, cpu: string, before: Times | undefined, after: Times): void {
  if (!before || after.some((value, i) => value < before[i]!)) return
  const spent = after.map((value, i) => value - before[i]!)
  const all = spent.reduce((sum, value) => sum + (value || 0), 0)
  if (all <= 0) return
  for (const [i, state] of states.entries()) {
    sheet.add('system.cpu.utilization', spent[i]! / all, 'cpu', cpu, 'state', state)
  }
}

function addProcessors(sheet: Sheet, text: string): void {
  const cores = new Set<string>()
  for (const section of text.split('\n\n')) {
    const field = (name: string) => new RegExp(`^${name}\\s*: *(.*)$`, 'm').exec(section)?.[1]
    const cpu = field('processor')
    if (cpu === undefined) continue
    cores.add(`${field('physical id') ?? '0'}/${field('core id') ?? cpu}`)
    const megahertz = Number(field('cpu MHz') ?? Number.NaN)
    sheet.add('system.cpu.frequency', megahertz * 1e6, 'cpu', `cpu${cpu}`)
  }
  if (cores.size > 0) sheet.add('system.cpu.physical.count', cores.size)
}
