import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { queueFolderName } from '../storage/folder-name.ts'
import { inspectQueue, queuesIn } from '../storage/inspect.ts'
import { findingsText, readConfiguration } from './configuration.ts'

/** A command line that names no queue, or too many; the message says which there are. */
export class NoSuchQueue extends Error {}

/**
 * Folders of the queues that are meant: `place` is one, holds some, or is a configuration whose `file_storage` holds them. `exporter` leaves
 * those of one exporter. Throws a sentence when there are none.
 */
export async function queuesAt(place: string, exporter: string | undefined): Promise<string[]> {
  const folders = (await directoriesOf(place)).flatMap((directory) => listed(directory))
  if (folders.length === 0) throw new NoSuchQueue(`there are no queues in ${place}`)
  if (exporter === undefined) return folders
  const front = queueFolderName('exporter', exporter, '')
  const meant = folders.filter((folder) => basename(folder).startsWith(front))
  if (meant.length > 0) return meant
  throw new NoSuchQueue(`${place} has no queue of an exporter "${exporter}"; there are ${names(folders)}`)
}

/** The one queue that is meant: of several, the one in which something waits. */
export async function queueAt(place: string, exporter: string | undefined): Promise<string> {
  const folders = await queuesAt(place, exporter)
  if (folders.length === 1) return folders[0]!
  const all = await Promise.all(folders.map((folder) => inspectQueue(folder)))
  const waiting = all.filter(({ batches }) => batches > 0).map(({ folder }) => folder)
  if (waiting.length === 1) return waiting[0]!
  const meant = waiting.length > 0 ? waiting : folders
  throw new NoSuchQueue(`several queues are meant: name the folder of one: ${names(meant)}`)
}

const names = (folders: readonly string[]) => folders.map((folder) => basename(folder)).join(', ')

function listed(directory: string): string[] {
  try {
    return queuesIn(directory)
  } catch (error) {
    throw new NoSuchQueue(`cannot look into ${directory}: ${(error as Error).message}`, { cause: error })
  }
}

async function directoriesOf(place: string): Promise<string[]> {
  const found = statSync(place, { throwIfNoEntry: false })
  if (!found) throw new NoSuchQueue(`${place}: there is no such folder or file`)
  if (found.isDirectory()) return [resolve(place)]
  const configuration = await readConfiguration([place], [])
  const { plan } = configuration
  if (!plan) throw new NoSuchQueue(`${findingsText(configuration)}${place} is no valid configuration`)
  const storages = plan.instances.filter(({ spec }) => spec.type === 'file_storage')
  if (storages.length === 0) throw new NoSuchQueue(`${place} has no file_storage under extensions:`)
  return storages.map(({ config }) => resolve((config as { directory: string }).directory))
}
