/** What of a process may be closed to us. The Collector has an option to say nothing of each of the first five. */
export const unreadable = ['name', 'exe', 'io', 'user', 'cgroup', 'fd', 'beyond'] as const
export type Unreadable = (typeof unreadable)[number]

type MuteKey = 'mute_process_all_errors' | `mute_process_${'name' | 'exe' | 'io' | 'user' | 'cgroup'}_error`
export type Mutes = { readonly [K in MuteKey]?: boolean }

const optionOf = (what: Unreadable): MuteKey | undefined =>
  what === 'fd' || what === 'beyond' ? undefined : `mute_process_${what}_error`

/** Counts what one scrape could not read, and tells of what no option mutes. What has vanished is no fault. */
export class ProcessFaults {
  private readonly mutes: Mutes
  private readonly count: (what: Unreadable) => void
  private readonly found = new Map<Unreadable, { count: number; first: string }>()

  constructor(mutes: Mutes, count: (what: Unreadable) => void) {
    this.mutes = mutes
    this.count = count
  }

  note(what: Unreadable, id: string, message: string): undefined {
    this.count(what)
    const option = optionOf(what)
    if (this.mutes.mute_process_all_errors || (option && this.mutes[option])) return
    const before = this.found.get(what)
    if (before) before.count++
    else this.found.set(what, { count: 1, first: `pid ${id}: ${message}` })
  }

  /** What `read` gives; undefined when the process has ended, or does not let us. */
  attempt<T>(what: Unreadable, id: string, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return code === 'ENOENT' || code === 'ESRCH' ? undefined : this.note(what, id, message)
    }
  }

  /** Throws a sentence when there is something to tell. */
  tell(): void {
    if (this.found.size === 0) return
    const parts = [...this.found].map(([what, { count, first }]) => {
      const option = optionOf(what)
      return `${what} of ${count} processes (${first}${option ? `; ${option}: true says nothing of it` : ''})`
    })
    throw new Error(parts.join(', '))
  }
}
