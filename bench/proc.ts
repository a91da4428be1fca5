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

/** Ticks of all CPUs since the machine started, and those of them in which it was ready to run but its host ran others. */
export function machineTicks(): { all: number; stolen: number } {
  const ticks = readFileSync('/proc/stat', 'latin1').split('\n')[0]!.trim().split(/\s+/).slice(1).map(Number)
  return { all: ticks.reduce((sum, each) => sum + each, 0), stolen: ticks[7] ?? 0 }
}
