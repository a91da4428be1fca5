import { basename, dirname, extname, join } from 'node:path'

/** What was put aside is kept within these bounds; 0: no bound. */
export interface BackupBounds {
  maxDays: number
  maxBackups: number
}

const dayMs = 86_400_000
const stampPattern = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/

/** `data.json` put aside at `timeMs` is `data-2022-09-14T05-02-14.173.json`, as in the Collector. */
export function backupPath(path: string, timeMs: number, localTime: boolean): string {
  const { head, tail } = parts(path)
  const shifted = localTime ? timeMs - new Date(timeMs).getTimezoneOffset() * 60_000 : timeMs
  const stamp = new Date(shifted).toISOString().slice(0, -1).replaceAll(':', '-')
  return join(dirname(path), `${head}${stamp}${tail}`)
}

/** Names in `names` that were put aside for `path` and are beyond the bounds. */
export function outdatedBackups(
  path: string,
  names: readonly string[],
  nowMs: number,
  localTime: boolean,
  { maxDays, maxBackups }: BackupBounds,
): string[] {
  const found = names
    .map((name) => ({ name, time: backupTime(path, name, localTime) }))
    .filter((each): each is { name: string; time: number } => each.time !== undefined)
    .sort((a, b) => b.time - a.time || (a.name < b.name ? 1 : -1))
  const oldest = maxDays > 0 ? nowMs - maxDays * dayMs : Number.NEGATIVE_INFINITY
  return found
    .filter(({ time }, i) => time < oldest || (maxBackups > 0 && i >= maxBackups))
    .map(({ name }) => join(dirname(path), name))
}

/** When a file of this name was put aside; undefined: it was not, so it is not ours to delete. */
function backupTime(path: string, name: string, localTime: boolean): number | undefined {
  const { head, tail } = parts(path)
  if (!name.startsWith(head) || !name.endsWith(tail)) return undefined
  const match = stampPattern.exec(name.slice(head.length, name.length - tail.length))
  if (!match) return undefined
  const time = Date.parse(`${match[1]}T${match[2]}:${match[3]}:${match[4]}${localTime ? '' : 'Z'}`)
  return Number.isNaN(time) ? undefined : time
}

function parts(path: string): { head: string; tail: string } {
  const tail = extname(path)
  return { head: `${basename(path, tail)}-`, tail }
}
