import type { QueueStorage } from '../../delivery/queue-storage.ts'
import type { Log } from '../../runtime/log.ts'
import type { Spool } from '../../storage/contract.ts'

interface Place {
  readonly storage: QueueStorage
  readonly exporter: string
  readonly log: Log
}

/** Closes a folder. What goes wrong is told; nothing that is in it is lost by that. */
export async function closeFolder(spool: Spool | undefined, { log }: Pick<Place, 'log'>): Promise<void> {
  try {
    await spool?.close()
  } catch (error) {
    const text = 'a folder of drains was not closed well: some of what is in it may be sent twice; look after the disk'
    log.error(text, { error: String(error) })
  }
}

/** Removes a folder that is closed, and has nothing left to send. One that stays hurts nobody, which is told. */
export async function removeFolder(part: string, { storage, exporter, log }: Place): Promise<void> {
  try {
    await storage.remove?.({ exporter, part, onLost: () => {} })
  } catch (error) {
    const text =
      'a folder of drains that nobody needs any more was not removed: mend what the error says; the next start tries again'
    log.warn(text, { folder: part, error: String(error) })
  }
}
