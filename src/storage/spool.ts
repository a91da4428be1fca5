import { join } from 'node:path'
import type { Spool, SpoolOptions } from './contract.ts'
import { realDisk } from './disk.ts'
import { DiskSpool } from './disk-spool.ts'
import { Finished, finishedName } from './finished-file.ts'
import { openFolder } from './folder.ts'
import { recover } from './recover.ts'
import { Segments } from './segments.ts'

export type { Refusal, Spool, SpoolLoss, SpoolNote, SpoolOptions, SpoolRecord, SpoolStatus } from './contract.ts'
export { SpoolFailed, SpoolFull } from './contract.ts'

/**
 * Opens the queue in a folder, in a time that does not depend on its size. Rejects with plain errors that say what to do: in use by
 * process N, written by a newer version, not the folder of a queue, no permission.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const disk = options.disk ?? realDisk
  const folder = await openFolder(disk, options.folder)
  try {
    const segments = new Segments(disk, folder.path)
    segments.find(folder.names)
    const from = await recover(disk, segments, folder.position.found, options.log)
    const finished = Finished.read(disk, join(folder.path, finishedName), from)
    return new DiskSpool(options, disk, folder, segments, from, finished)
  } catch (error) {
    disk.close(folder.position.fd)
    disk.close(folder.fd)
    folder.lock.release()
    throw error
  }
}
