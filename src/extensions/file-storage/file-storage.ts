import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { QueueStorage, StorageUse } from '../../delivery/queue-storage.ts'
import type { Component, Host } from '../../plugin.ts'
import { sleep } from '../../runtime/clock.ts'
import type { Spool } from '../../storage/contract.ts'
import { deadLetterName, queueFolderName } from '../../storage/folder-name.ts'
import { openSpool } from '../../storage/spool.ts'
import type { FileStorageConfig } from './config.ts'

/** What a power cut may cost when nobody says otherwise. */
const defaultLossMs = 500
const lockRetryMs = 50

/** Folders that this process has open, until their queues are closed: a reload opens them anew before the old ones are gone. */
const taken = new Map<string, Promise<void>>()

/** Queues in folders of one directory. */
export function newFileStorage(config: FileStorageConfig, host: Host): Component & QueueStorage {
  const { directory, fsync, max_loss, max_age: maxAgeMs } = config
  const storageBytes = config.max_size || config.max_bytes
  const maxLossMs = max_loss ?? (fsync ? 0 : defaultLossMs)
  const folderOf = ({ exporter, part, deadLetters }: StorageUse) => {
    const name = queueFolderName('exporter', exporter, part)
    return join(directory, deadLetters ? deadLetterName(name) : name)
  }
  const optionsOf = (use: StorageUse) => ({
    folder: folderOf(use),
    clock: host.clock,
    log: host.log.named(use.exporter),
    maxBytes: use.maxBytes || storageBytes,
    maxAgeMs: use.maxAgeMs || (use.deadLetters ? 0 : maxAgeMs),
    maxLossMs,
    onLost: use.onLost,
  })
  /** A process that is about to end may have the folder for a moment yet. */
  const patiently = async (use: StorageUse): Promise<Spool> => {
    const end = host.clock.monotonic() + config.timeout
    for (;;) {
      try {
        return await openSpool(optionsOf(use))
      } catch (error) {
        const isInUse = error instanceof Error && error.message.includes(' is in use by ')
        if (!isInUse || host.clock.monotonic() >= end) throw error
        await sleep(host.clock, lockRetryMs)
      }
    }
  }
  /** From now on the folder is taken, until the answer is called. */
  const take = (folder: string): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    taken.set(folder, promise)
    return () => {
      taken.delete(folder)
      resolve()
    }
  }
  const used = new Set<string>()
  const families = new Set<string>()
  /** Queues that exporters of an earlier configuration left: nobody sends what is in them. */
  const nameOrphans = async () => {
    const names = (await readdir(directory)).filter((name) => name.startsWith('exporter_') && !used.has(name))
    const alone = names.filter((name) => !families.values().some((prefix) => name.startsWith(prefix)))
    for (const name of alone) {
      const folder = join(directory, name)
      if (!(await hasBatches(folder))) continue
      host.log.warn('no exporter has this queue; `tailrace queue` shows, replays or drops what is in it', { folder })
    }
  }
  return {
    maxLossMs,
    maxBytes: storageBytes,
    async start() {
      if (config.create_directory)
        await mkdir(directory, { recursive: true, mode: Number.parseInt(config.directory_permissions, 8) })
      await checkDirectory(directory)
    },
    started: () => void nameOrphans().catch((error) => host.log.warn('cannot list queues', { error: String(error) })),
    stop: () => Promise.resolve(),
    stateFile: (kind, id) => join(directory, queueFolderName(kind, id, 'state')),
    async parts(exporter) {
      const prefix = queueFolderName('exporter', exporter, '')
      families.add(prefix)
      const names = await readdir(directory)
      return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
    },
    async remove(use) {
      const folder = folderOf(use)
      if (taken.has(folder)) return
      // Who opens it meanwhile waits: what they write would be removed too.
      const gone = take(folder)
      await rm(folder, { recursive: true, force: true }).finally(gone)
    },
    isTaken: (use) => taken.has(folderOf(use)),
    holds: (use) => hasBatches(folderOf(use)),
    async open(use) {
      const folder = folderOf(use)
      used.add(basename(folder))
      for (let before = taken.get(folder); before; before = taken.get(folder)) await before
      const gone = take(folder)
      try {
        return closing(await patiently(use), gone)
      } catch (error) {
        gone()
        throw error
      }
    },
  }
}

async function hasBatches(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [])).some((file) => file.endsWith('.batches'))
}

/** The same queue, with a word when it is closed. */
function closing(spool: Spool, gone: () => void): Spool {
  const close = spool.close.bind(spool)
  spool.close = async () => {
    await close().finally(gone)
  }
  return spool
}

/** Throws in the Collector's words, which people search for. */
async function checkDirectory(directory: string): Promise<void> {
  let isDirectory: boolean
  try {
    isDirectory = (await stat(directory)).isDirectory()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new Error(`problem accessing configured directory: ${directory}, err: ${message}`)
    throw new Error(`directory must exist: ${directory}; make it, or set \`create_directory: true\``)
  }
  if (!isDirectory) throw new Error(`${directory} is not a directory`)
}
