import { lines, unescaped, words } from './parse.ts'
import type { Scraper } from './scraper.ts'
import type { Sheet } from './sheet.ts'
import type { SystemFiles } from './system-files.ts'

export interface Mount {
  readonly device: string
  readonly mountPoint: string
  readonly type: string
  readonly mode: string
}

/** `36 35 98:0 /root /mount rw,noatime shared:1 - ext3 /dev/root rw` (proc_pid_mountinfo(5)). */
export function parseMountInfo(text: string): Mount[] {
  const mounts: Mount[] = []
  for (const line of lines(text)) {
    const [head, tail] = line.split(' - ', 2)
    const [, , , , mountPoint, options = ''] = words(head!)
    const [type, device] = words(tail ?? '')
    if (!mountPoint || !type || !device) continue
    const flags = options.split(',')
    const mode = flags.includes('rw') ? 'rw' : flags.includes('ro') ? 'ro' : 'unknown'
    mounts.push({ device: unescaped(device), mountPoint: unescaped(mountPoint), type, mode })
  }
  return mounts
}

/** Types in /proc/filesystems that stand on a device. zfs says it does not. */
export function parseDeviceTypes(text: string): Set<string> {
  const types = lines(text)
    .filter((line) => !line.startsWith('nodev'))
    .map((line) => line.trim())
  return new Set([...types, 'zfs'])
}

export interface FilesystemOptions {
  virtual: boolean
  isWanted(mount: Mount): boolean
  timeoutMs: number
}

/** File systems that may owe an answer at once: each holds a thread of the pool, which files and names need too. */
const mostUnanswered = 2

/** A file system that does not answer (a network share whose server is gone) is left out until it does. */
export function newFilesystemScraper({ virtual, isWanted, timeoutMs }: FilesystemOptions): Scraper {
  const asked = new Set<string>()
  const ask = async (files: SystemFiles, { mountPoint }: Mount): Promise<Space> => {
    if (asked.has(mountPoint)) throw new Error(`${mountPoint}: does not answer`)
    if (asked.size >= mostUnanswered) throw new Error(`${mountPoint}: not asked while others do not answer`)
    asked.add(mountPoint)
    const answer = files.space(mountPoint).finally(() => asked.delete(mountPoint))
    return await within(answer, timeoutMs, `${mountPoint}: does not answer`)
  }
  return async ({ files }, sheet) => {
    const failures: string[] = []
    for (const mount of mountsOf(files, virtual).filter(isWanted)) {
      try {
        addMount(sheet, mount, await ask(files, mount))
      } catch (error) {
        failures.push((error as Error).message)
      }
    }
    if (failures.length > 0) throw new Error(failures.slice(0, 5).join('; '))
  }
}

function mountsOf(files: SystemFiles, virtual: boolean): Mount[] {
  const types = virtual ? undefined : parseDeviceTypes(files.read('/proc/filesystems'))
  const seen = new Set<string>()
  return parseMountInfo(mountInfo(files)).filter(({ device, mountPoint, type }) => {
    if (types && (!types.has(type) || device === 'none')) return false
    const key = `${device} ${mountPoint}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/** The host's mounts are those of its first process; its table may be closed to us. */
function mountInfo(files: SystemFiles): string {
  try {
    return files.read('/proc/1/mountinfo')
  } catch {
    return files.read('/proc/self/mountinfo')
  }
}

async function within<T>(answer: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms)
    timer.unref()
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

type Space = Awaited<ReturnType<SystemFiles['space']>>

function addMount(sheet: Sheet, { device, mode, mountPoint, type }: Mount, space: Space): void {
  const { bsize, blocks, bfree, bavail, files, ffree } = space
  const place = ['device', device, 'mode', mode, 'mountpoint', mountPoint, 'type', type]
  const used = (blocks - bfree) * bsize
  const free = bavail * bsize
  const usage = { used, free, reserved: Math.max(0, blocks * bsize - used - free) }
  for (const [state, bytes] of Object.entries(usage)) {
    sheet.add('system.filesystem.usage', bytes, ...place, 'state', state)
  }
  sheet.add('system.filesystem.inodes.usage', files - ffree, ...place, 'state', 'used')
  sheet.add('system.filesystem.inodes.usage', ffree, ...place, 'state', 'free')
  sheet.add('system.filesystem.utilization', used / (used + free), ...place)
}
