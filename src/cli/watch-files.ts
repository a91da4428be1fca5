import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'

/** Editors write in several steps, and tools several files: what comes within this time is one change. */
const quietMs = 300
/** Where the system cannot tell, and for what it does not tell: links that lead elsewhere now, other machines' disks. */
const lookMs = 5000

export interface FileWatch {
  /** The files to look after from now on, by their paths. */
  set(files: readonly string[]): void
  stop(): void
}

/** Calls `onChange` when the content of a file may have changed and then nothing has for a moment. */
export function newFileWatch(onChange: () => void, { clock, log }: { clock: Clock; log: Log }): FileWatch {
  const folders = new Map<string, FSWatcher>()
  let versions = new Map<string, string>()
  let names = new Set<string>()
  let quiet: Timer | undefined
  let look: Timer | undefined

  const check = () => {
    quiet = undefined
    let changed = false
    for (const [path, version] of versions) {
      const now = versionOf(path)
      if (now === version) continue
      versions.set(path, now)
      // A file that is gone is on its way back, or the next look at the configuration will say so.
      changed = true
    }
    if (changed) onChange()
  }
  const touched = (_event: string, name: string | null) => {
    // Others write into the same folder, perhaps all the time. Kubernetes moves a link named ..data.
    if (name !== null && name !== '..data' && !names.has(name)) return
    quiet?.cancel()
    quiet = clock.after(quietMs, check)
  }
  const lookAgain = () => {
    look = clock.after(lookMs, () => {
      if (!quiet) check()
      lookAgain()
    })
  }
  const watchFolder = (folder: string) => {
    try {
      const watcher = watch(folder, { persistent: false }, touched)
      watcher.on('error', () => watcher.close())
      folders.set(folder, watcher)
    } catch (error) {
      log.info('changes of files are noticed within seconds', { folder, reason: (error as Error).message })
    }
  }
  lookAgain()
  return {
    set(files) {
      versions = new Map(files.map((file) => [resolve(file), versions.get(resolve(file)) ?? versionOf(file)]))
      names = new Set([...versions.keys()].map((path) => basename(path)))
      // The folder: a file that is replaced is another one.
      const wanted = new Set([...versions.keys()].map((path) => dirname(path)))
      for (const [folder, watcher] of folders) {
        if (wanted.has(folder)) continue
        watcher.close()
        folders.delete(folder)
      }
      for (const folder of wanted) if (!folders.has(folder)) watchFolder(folder)
    },
    stop() {
      quiet?.cancel()
      look?.cancel()
      for (const watcher of folders.values()) watcher.close()
      folders.clear()
    },
  }
}

/** What identifies the present state of a file. */
function versionOf(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path)
    return `${ino}:${size}:${mtimeMs}`
  } catch (error) {
    return `${basename(path)} ${(error as NodeJS.ErrnoException).code}`
  }
}
