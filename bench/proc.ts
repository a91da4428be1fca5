import { readFileSync } from 'node:fs'

/** User and system time of a process in microseconds, all threads; the kernel counts in steps of 10 ms. */
export function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

export interface Memory {
  /** Resident, in MiB, and the part of it that is not shared with files. */
  rss: number
  private: number
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024
  return { rss: mib('VmRSS'), private: mib('RssAnon') }
}
