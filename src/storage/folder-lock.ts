import {
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readlinkSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Flock, openFlock } from './flock.ts'

/** A folder that is this process's alone until `release`, or until the process ends. */
export interface FolderLock {
  release(): void
}

/** Who has a folder, as its file `lock` says it. */
interface Holder {
  readonly pid: number
  /** When the process started, in ticks since the boot: another process with the same number has another start. */
  readonly start: string
  readonly boot: string
  /** PID namespace: numbers of another one say nothing here. */
  readonly namespace: string
  readonly host: string
  /** Whether the kernel guards the lock. */
  readonly guarded: boolean
  readonly since: string
}

export const lockName = 'lock'

/**
 * Takes the folder. The kernel's flock(2) decides where it can be called: it ends with its process, so no lock is ever stale.
 * Elsewhere the file's word is checked against /proc. Throws a sentence that names the holder.
 */
export function lockFolder(folder: string, flock: Flock | undefined = openFlock()): FolderLock {
  const path = join(folder, lockName)
  // The folder itself too: somebody may remove the file.
  const around = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    const holder = readHolder(fd)
    if (flock && !(flock(around) && flock(fd))) throw new Error(inUse(folder, holder))
    if (holder && !(flock && holder.guarded) && mayLive(holder)) throw new Error(inUse(folder, holder))
    sign(fd, flock !== undefined)
    const file = fd
    return { release: () => release(file, around) }
  } catch (error) {
    if (fd !== undefined) closeSync(fd)
    closeSync(around)
    throw error
  }
}

/** A sentence about who has the folder now; undefined when nobody seems to. Takes nothing. */
export function holderOf(folder: string): string | undefined {
  let fd: number
  try {
    fd = openSync(join(folder, lockName), constants.O_RDWR)
  } catch {
    return undefined
  }
  try {
    const holder = readHolder(fd)
    const flock = openFlock()
    if (flock && !flock(fd)) return nameOf(holder)
    return holder && !(flock && holder.guarded) && mayLive(holder) ? nameOf(holder) : undefined
  } finally {
    closeSync(fd)
  }
}

function sign(fd: number, guarded: boolean): void {
  const holder: Holder = { ...self(), guarded, since: new Date().toISOString() }
  try {
    fchmodSync(fd, 0o600)
    ftruncateSync(fd, 0)
    writeSync(fd, `${JSON.stringify(holder)}\n`, 0)
  } catch (error) {
    // A disk that is full must not keep the agent from starting; without the kernel's lock the name is all there is.
    if (!guarded) throw error
  }
}

function release(fd: number, around: number): void {
  try {
    ftruncateSync(fd, 0)
  } catch {
    // The kernel's lock goes with the descriptor; a name that stays is seen to be of a dead process.
  }
  closeSync(fd)
  closeSync(around)
}

function readHolder(fd: number): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(fd, 'utf8')) as Holder
    return Number.isInteger(holder.pid) ? holder : undefined
  } catch {
    return undefined
  }
}

/** Whether the process of an unguarded lock still runs, or cannot be seen from here. */
function mayLive(holder: Holder): boolean {
  const own = self()
  if (holder.host === own.host && holder.boot !== own.boot) return false
  if (holder.host !== own.host || holder.namespace !== own.namespace) return true
  return startOf(holder.pid) === holder.start
}

function self(): Omit<Holder, 'guarded' | 'since'> {
  return {
    pid: process.pid,
    start: startOf(process.pid) ?? '',
    boot: textOf('/proc/sys/kernel/random/boot_id')?.trim() ?? '',
    namespace: linkOf('/proc/self/ns/pid'),
    host: hostname(),
  }
}

/** Field 22 of /proc/PID/stat; the second field may hold anything, also brackets and spaces. */
function startOf(pid: number): string | undefined {
  const stat = textOf(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function nameOf(holder: Holder | undefined): string {
  if (!holder) return 'another process'
  if (holder.pid === process.pid && holder.start === self().start) return 'this process'
  const elsewhere = holder.host !== hostname() ? ` on ${holder.host}` : ''
  const inside = !elsewhere && holder.namespace !== self().namespace ? ' of another container' : ''
  return `process ${holder.pid}${elsewhere}${inside} (since ${holder.since})`
}

function inUse(folder: string, holder: Holder | undefined): string {
  const advice =
    holder && !holder.guarded && holder.namespace !== self().namespace
      ? `if it is gone for good, remove ${join(folder, lockName)}`
      : 'two processes cannot share a queue: give one of them another directory, or stop the other first'
  return `the queue in ${folder} is in use by ${nameOf(holder)}; ${advice}`
}
