import { whole } from './parse.ts'
import { processIds } from './process-files.ts'
import type { Scraper } from './scraper.ts'
import type { SystemFiles } from './system-files.ts'

/** Processes looked at in one turn of the event loop. */
const perTurn = 64

// Letters of proc_pid_stat(5), with the Collector's names.
const statuses = new Map([
  ['R', 'running'],
  ['S', 'sleeping'],
  ['D', 'blocked'],
  ['I', 'idle'],
  ['T', 'stopped'],
  ['t', 'stopped'],
  ['Z', 'zombies'],
  ['W', 'paging'],
  ['L', 'locked'],
])

/** The status in `17 (a name) S 1 ...`: names may have any characters. */
export const statusOf = (stat: string): string => statuses.get(stat.charAt(stat.lastIndexOf(')') + 2)) ?? 'unknown'

export function newProcessesScraper(): Scraper {
  return async ({ files }, sheet) => {
    const created = /^processes (\d+)$/m.exec(files.read('/proc/stat'))?.[1]
    sheet.add('system.processes.created', whole(created))
    if (!sheet.wants('system.processes.count')) return
    const counts = new Map<string, number>()
    for await (const id of processIds(files, perTurn)) {
      const status = currentStatus(files, id)
      if (status !== undefined) counts.set(status, (counts.get(status) ?? 0) + 1)
    }
    // These two are always there, as in the Collector.
    for (const status of ['running', 'blocked']) if (!counts.has(status)) counts.set(status, 0)
    for (const [status, count] of counts) sheet.add('system.processes.count', count, 'status', status)
  }
}

function currentStatus(files: SystemFiles, id: string): string | undefined {
  try {
    return statusOf(files.read(`/proc/${id}/stat`))
  } catch {
    // It has ended since its name was read.
    return undefined
  }
}
