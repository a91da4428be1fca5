import { createHash } from 'node:crypto'
import type { Account } from '../../delivery/ledger.ts'
import type { QueueStorage } from '../../delivery/queue-storage.ts'
import { remnantsPart } from '../../drains/remnant.ts'
import type { Host } from '../../plugin.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { DiskRefusals } from './disk-refusals.ts'
import { Leftovers } from './leftovers.ts'
import type { DrainSpec } from './merge.ts'
import type { Spill } from './spill.ts'

/** What the drains of one exporter share of the disk. */
export interface SpillWorld {
  readonly storage: QueueStorage
  readonly exporter: string
  /** Drains that may have a folder open at a time. */
  most: number
  readonly clock: Clock
  readonly log: Log
  readonly account: Account
  /** Monotonic time since when it is there. */
  readonly since: number
  /** Folders open, or about to be. */
  readonly open: Set<Spill>
  /** Folders that the process before this one left, by `spillKey`. */
  readonly left: Set<string>
  readonly leftovers: Leftovers
  /** Until folders whose drains are gone have been opened. */
  counting: Promise<void>
  /** Messages that it did not take, */
  readonly notTaken: DiskRefusals
  /** and folders that it did not open. */
  readonly notOpened: DiskRefusals
}

/** The folder of a drain: the same after a restart, and nothing of the URL can be read from it. */
export const spillKey = ({ app, url }: DrainSpec): string =>
  createHash('sha256').update(`${app}\n${url.text}`).digest('hex').slice(0, 24)

/** The part of a storage that belongs to one exporter, with the names of what is there. */
export async function newSpillWorld(
  storage: QueueStorage,
  most: number,
  { id: exporter, clock, log, budget }: Host,
  account: Account,
): Promise<SpillWorld> {
  const parts = (await storage.parts?.(exporter)) ?? []
  const notTaken = new DiskRefusals(
    'the disk did not take what waits for drains, which is lost: make room on it, or raise max_bytes of the storage',
    log,
    clock,
  )
  const isThere = parts.includes(remnantsPart)
  return {
    storage,
    exporter,
    most,
    clock,
    log,
    account,
    since: clock.monotonic(),
    open: new Set(),
    counting: Promise.resolve(),
    left: new Set(parts.filter((part) => part !== remnantsPart)),
    leftovers: new Leftovers({ storage, exporter, isThere, clock, log, budget, account, notTaken }),
    notTaken,
    notOpened: new DiskRefusals(
      'drains go on without a disk, which gave them no folder: mend what the error says',
      log,
      clock,
    ),
  }
}
