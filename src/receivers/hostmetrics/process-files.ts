import { setImmediate } from 'node:timers/promises'
import { whole, words } from './parse.ts'
import type { SystemFiles } from './system-files.ts'

/** Ids of all processes. After every `perTurn` of them others have their turn. */
export async function* processIds(files: SystemFiles, perTurn: number): AsyncGenerator<string> {
  const ids = files.names('/proc').filter((name) => /^\d+$/.test(name))
  for (const [i, id] of ids.entries()) {
    if (i > 0 && i % perTurn === 0) await setImmediate()
    yield id
  }
}

/** What a process has used, in USER_HZ and as counts. */
export interface ProcessStat {
  /** The kernel's name: 15 bytes at most. */
  readonly name: string
  readonly parent: number
  readonly minorFaults: number
  readonly majorFaults: number
  readonly user: number
  readonly system: number
  /** Waiting for block devices; 0 where the kernel does not count it. */
  readonly wait: number
  readonly threads: number
  /** After the machine started. */
  readonly start: number
}

/** `17 (a) name) S 1 17 ...` (proc_pid_stat(5)): names may have any characters. Undefined for what is none. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const end = text.lastIndexOf(')')
  const fields = words(text.slice(end + 1))
  // Numbered as in the manual, from 1; the state is the third.
  const of = (field: number) => whole(fields[field - 3])
  const start = of(22)
  const parent = of(4)
  const begin = text.indexOf('(')
  if (begin < 0 || end < begin || Number.isNaN(start + parent)) return undefined
  return {
    name: text.slice(begin + 1, end),
    parent,
    minorFaults: of(10),
    majorFaults: of(12),
    user: of(14),
    system: of(15),
    wait: of(42),
    threads: of(20),
    start,
  }
}

export interface ProcessStatus {
  /** The real user. */
  readonly uid: number
  /** Bytes; a thread of the kernel has none. */
  readonly resident: number
  readonly virtual: number
  readonly pendingSignals: number
  readonly voluntary: number
  readonly involuntary: number
}

/** `Name:	value` lines of proc_pid_status(5). */
export function parseProcessStatus(text: string): ProcessStatus {
  const of = (pattern: RegExp) => pattern.exec(text)?.[1]
  return {
    uid: whole(of(/^Uid:\s+(\d+)/m)),
    resident: whole(of(/^VmRSS:\s+(\d+) kB/m) ?? '0') * 1024,
    virtual: whole(of(/^VmSize:\s+(\d+) kB/m) ?? '0') * 1024,
    pendingSignals: bitsIn(of(/^ShdPnd:\s+([0-9a-f]+)/m) ?? ''),
    voluntary: whole(of(/^voluntary_ctxt_switches:\s+(\d+)/m)),
    involuntary: whole(of(/^nonvoluntary_ctxt_switches:\s+(\d+)/m)),
  }
}

/** Of a mask in hexadecimal digits. */
function bitsIn(mask: string): number {
  let count = 0
  for (const digit of mask) for (let bits = Number.parseInt(digit, 16); bits > 0; bits >>= 1) count += bits & 1
  return count
}

/** `name: 17` lines of proc_pid_io(5) by name. */
export const parseProcessIo = (text: string): ReadonlyMap<string, number> =>
  new Map([...text.matchAll(/^(\w+): (\d+)$/gm)].map(([, name, value]) => [name!, Number(value)]))

/** Arguments, each ended by a zero byte. A process that wrote over them may have left none, or more zeros. */
export const parseArguments = (text: string): string[] => (text === '' ? [] : text.replace(/\0$/, '').split('\0'))

/** Names of users by id, from the text of /etc/passwd. */
export const parseUsers = (text: string): ReadonlyMap<number, string> =>
  new Map([...text.matchAll(/^([^:\n]+):[^:\n]*:(\d+):/gm)].map(([, name, uid]) => [Number(uid), name!]))
