import type { Account } from '../../delivery/ledger.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { FrameForm } from '../../wire/syslog/from-envelope/frame-form.ts'
import type { Drain } from './drain.ts'
import type { RingLimits } from './frame-ring.ts'
import type { Notices } from './notices.ts'
import type { Rounds } from './rounds.ts'
import type { SeriesTable } from './series.ts'
import type { Shares } from './shares.ts'
import type { SpillWorld } from './spill-world.ts'
import type { Transports } from './transports.ts'

/** What all drains share. A reload may change their limits, their disk and how they are connected to. */
export interface DrainWorld {
  readonly shares: Shares
  readonly limits: RingLimits
  readonly clock: Clock
  readonly rounds: Rounds
  readonly account: Account
  readonly series: SeriesTable
  readonly notices: Notices
  transports: Transports
  /** The one form for all drains of this host name and metadata. */
  formOf(hostname: string, metadata: boolean): FrameForm
  /** Drains that hold a ring and a sender, those on their way out included. */
  readonly live: Set<Drain>
  /** The disk, where `sending_queue.storage` names one; known once extensions run. */
  spill: SpillWorld | undefined
}
