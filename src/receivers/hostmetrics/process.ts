import { basename } from 'node:path'
import { parseBootTime, ticksPerSecond } from './cpu.ts'
import { type FilterConfig, newFilter } from './filter.ts'
import { kilobytes } from './parse.ts'
import { type Mutes, ProcessFaults } from './process-faults.ts'
import {
  type ProcessStat,
  type ProcessStatus,
  parseArguments,
  parseProcessIo,
  parseProcessStat,
  parseProcessStatus,
  parseUsers,
  processIds,
} from './process-files.ts'
import type { Scraper } from './scraper.ts'
import type { Attribute, Sheet } from './sheet.ts'
import type { SystemFiles } from './system-files.ts'

/** Processes looked at in one turn of the event loop: about a millisecond. */
const perTurn = 16
/** Others are left out: all must fit into one batch. */
const mostProcesses = 10_000
/** Characters of a command line: arguments may have megabytes. */
const longestCommand = 16 << 10
/** The kernel cuts names. */
const longestName = 15

export interface ProcessOptions extends Mutes {
  readonly include?: FilterConfig
  readonly exclude?: FilterConfig
  /** Milliseconds that a process must have run. */
  readonly scrape_process_delay: number
  readonly resource_attributes: Readonly<Record<string, { readonly enabled: boolean }>>
}

/** Seconds of a processor, by state. */
type Times = Readonly<Record<'user' | 'system' | 'wait', number>>

/** What the last scrape found. */
interface Before {
  readonly start: number
  readonly at: number
  readonly times: Times
}

interface Process {
  readonly id: string
  readonly name: string
  readonly args: readonly string[]
  readonly stat: ProcessStat
  readonly status: ProcessStatus
}

/** One resource a process, as the Collector has it. */
export function newProcessScraper(options: ProcessOptions): Scraper {
  const isWanted = newFilter(options.include, options.exclude)
  const shows = (attribute: string) => options.resource_attributes[attribute]!.enabled
  const showsCommand = shows('process.command') || shows('process.command_line')
  let before = new Map<string, Before>()

  /** Undefined when it is not wanted, has ended or is closed to us. */
  const look = (files: SystemFiles, id: string, uptime: number, faults: ProcessFaults): Process | undefined => {
    const read = (file: string) => faults.attempt('name', id, () => files.read(`/proc/${id}/${file}`))
    const stat = parseProcessStat(read('stat') ?? '')
    if (!stat || ageOf(stat, uptime) * 1000 < options.scrape_process_delay) return undefined
    const args = showsCommand || stat.name.length >= longestName ? parseArguments(read('cmdline') ?? '') : []
    const name = wholeName(stat.name, args)
    const text = isWanted(name) ? read('status') : undefined
    return text === undefined ? undefined : { id, name, args, stat, status: parseProcessStatus(text) }
  }

  const resourceOf = ({ id, name, args, stat, status }: Process, machine: Machine, faults: ProcessFaults) => {
    const { files, users } = machine
    const attributes: Attribute[] = []
    const put = (key: string, value: () => Attribute | undefined) => {
      const made = shows(key) ? value() : undefined
      if (made !== undefined) attributes.push(key, made)
    }
    put('process.pid', () => Number(id))
    put('process.parent_pid', () => stat.parent)
    put('process.executable.name', () => name)
    // Threads of the kernel have none.
    put('process.executable.path', () => faults.attempt('exe', id, () => files.link(`/proc/${id}/exe`)) ?? '')
    put('process.command', () => (args[0] ?? '').slice(0, longestCommand))
    put('process.command_line', () => args.join(' ').slice(0, longestCommand))
    put('process.owner', () => users?.get(status.uid) ?? faults.note('user', id, `nobody has the uid ${status.uid}`))
    put('process.cgroup', () => faults.attempt('cgroup', id, () => files.read(`/proc/${id}/cgroup`).replace(/\n$/, '')))
    return attributes
  }

  return async ({ files, now, unread }, sheet) => {
    const faults = new ProcessFaults(options, unread)
    const machine = readMachine(files, sheet, shows('process.owner'))
    const after = new Map<string, Before>()
    for await (const id of processIds(files, perTurn)) {
      const process = look(files, id, machine.uptime, faults)
      if (!process) continue
      if (after.size === mostProcesses) {
        faults.note('beyond', id, `the first ${mostProcesses} are enough`)
        continue
      }
      const { stat } = process
      sheet.begin(resourceOf(process, machine, faults), machine.bootMs + (stat.start / ticksPerSecond) * 1000)
      const current = { start: stat.start, at: now, times: timesOf(stat) }
      addTimes(sheet, current, before.get(id), machine.cpus)
      addCounts(sheet, process, machine)
      addFromFiles(sheet, files, id, faults)
      after.set(id, current)
    }
    before = after
    faults.tell()
  }
}

/** What is read once a scrape. */
interface Machine {
  readonly files: SystemFiles
  readonly bootMs: number
  readonly cpus: number
  /** Seconds. */
  readonly uptime: number
  /** Bytes; 0 where nobody asks. */
  readonly memory: number
  readonly users: ReadonlyMap<number, string> | undefined
}

function readMachine(files: SystemFiles, sheet: Sheet, withUsers: boolean): Machine {
  const stat = files.read('/proc/stat')
  const wantsMemory = sheet.wants('process.memory.utilization')
  return {
    files,
    bootMs: parseBootTime(stat),
    cpus: stat.match(/^cpu\d/gm)?.length ?? 1,
    uptime: Number.parseFloat(files.read('/proc/uptime')),
    memory: wantsMemory ? (kilobytes(files.read('/proc/meminfo')).get('MemTotal') ?? 0) : 0,
    users: withUsers ? usersOf(files) : undefined,
  }
}

/** Small images have no such file: then nobody has a name. */
function usersOf(files: SystemFiles): ReadonlyMap<number, string> {
  try {
    return parseUsers(files.read('/etc/passwd'))
  } catch {
    return new Map()
  }
}

/** A name that the kernel has cut is taken from the command. */
function wholeName(name: string, [command = '']: readonly string[]): string {
  const base = basename(command)
  return name.length >= longestName && base.startsWith(name) ? base : name
}

/** Seconds. It may have begun since the machine was asked. */
const ageOf = ({ start }: ProcessStat, uptime: number) => Math.max(0, uptime - start / ticksPerSecond)

const timesOf = ({ user, system, wait }: ProcessStat): Times => ({
  user: user / ticksPerSecond,
  system: system / ticksPerSecond,
  wait: wait / ticksPerSecond,
})

function addTimes(sheet: Sheet, { start, at, times }: Before, before: Before | undefined, cpus: number): void {
  // Ids are used again.
  const elapsed = before?.start === start ? (at - before.at) / 1000 : 0
  for (const state of ['user', 'system', 'wait'] as const) {
    sheet.add('process.cpu.time', times[state], 'state', state)
    if (elapsed <= 0) continue
    const spent = Math.max(0, times[state] - before!.times[state])
    sheet.add('process.cpu.utilization', spent / elapsed / cpus, 'state', state)
  }
}

function addCounts(sheet: Sheet, { stat, status }: Process, { memory, uptime }: Machine): void {
  sheet.add('process.memory.usage', status.resident)
  sheet.add('process.memory.virtual', status.virtual)
  sheet.add('process.memory.utilization', (100 * status.resident) / memory)
  sheet.add('process.paging.faults', stat.majorFaults, 'type', 'major')
  sheet.add('process.paging.faults', stat.minorFaults, 'type', 'minor')
  sheet.add('process.signals_pending', status.pendingSignals)
  sheet.add('process.threads', stat.threads)
  sheet.add('process.context_switches', status.involuntary, 'type', 'involuntary')
  sheet.add('process.context_switches', status.voluntary, 'type', 'voluntary')
  sheet.add('process.uptime', ageOf(stat, uptime))
}

/** What only the user of a process, or root, may read. */
function addFromFiles(sheet: Sheet, files: SystemFiles, id: string, faults: ProcessFaults): void {
  if (sheet.wants('process.disk.io') || sheet.wants('process.disk.operations')) {
    const io = parseProcessIo(faults.attempt('io', id, () => files.read(`/proc/${id}/io`)) ?? '')
    const add = (metric: string, name: string, direction: string) =>
      sheet.add(metric, io.get(name) ?? Number.NaN, 'direction', direction)
    add('process.disk.io', 'read_bytes', 'read')
    add('process.disk.io', 'write_bytes', 'write')
    add('process.disk.operations', 'syscr', 'read')
    add('process.disk.operations', 'syscw', 'write')
  }
  if (!sheet.wants('process.open_file_descriptors')) return
  const open = faults.attempt('fd', id, () => files.names(`/proc/${id}/fd`))
  if (open) sheet.add('process.open_file_descriptors', open.length)
}
