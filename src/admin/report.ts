import type { Account, DiskState } from '../delivery/ledger.ts'
import type { ComponentStatus, Host, ServiceStatus } from '../plugin.ts'
import { type ProcessFacts, processFacts } from './process-facts.ts'
import { type Rate, sumsOf } from './rates.ts'
import { rfc3339 } from './rfc3339.ts'

/** One side of the books as it is shown. */
export interface Flow {
  /** `queue` is an exporter's side; converters and connectors are processors. */
  readonly kind: Account['kind']
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly in: number
  readonly out: number
  /** Receivers: sent back to peers, who may repeat it. */
  readonly refused: number
  readonly held: number
  /** Records lost, by reason. */
  readonly dropped: Readonly<Record<string, number>>
  /** How full a queue is, in the unit of its first bound. */
  readonly queue?: { readonly size: number; readonly capacity: number }
  /** The part of a queue that stands on disk. */
  readonly disk?: ShownDisk
  /** Records per second. */
  readonly rate: Rate
}

/** A queue on disk. */
export interface ShownDisk {
  /** Records that are not delivered yet, those in memory and on the wire included. */
  readonly records: number
  /** Bytes of its files. */
  readonly bytes: number
  /** Why nothing can be written right now. */
  readonly trouble: string | null
  /** Records that a backend refused for good and that were put aside. */
  readonly dead_letters: number
  readonly dead_letters_failed: number
}

/** A component with its state, and since when that is so (RFC 3339). */
export type ShownComponent = Omit<ComponentStatus, 'since'> & { readonly since: string }

/** What runs and how it is: what `zpages` and the admin socket show. */
export interface Report {
  readonly service: ProcessFacts & {
    readonly ready: boolean
    /** RFC 3339; null before everything has started. */
    readonly ready_since: string | null
  }
  readonly components: readonly ShownComponent[]
  readonly pipelines: ServiceStatus['pipelines']
  readonly flows: readonly Flow[]
}

/** What a report is made of. */
export type ReportSources = Pick<Host, 'ledger' | 'budget' | 'status'>

/** Makes the report anew each time it is asked for. */
export function newReport(sources: ReportSources, rates: { of(account: Account): Rate }): () => Report {
  const { ledger, budget, status } = sources
  return () => {
    const { ready, readySince, components, pipelines } = status()
    const ready_since = readySince === undefined ? null : new Date(readySince).toISOString()
    return {
      service: { ready, ready_since, ...processFacts(budget.used) },
      components: components.map((each) => ({ ...each, since: rfc3339(each.since) })),
      pipelines: pipelines.map(({ id, format, receivers, processors, exporters }) => {
        return { id, format, receivers, processors, exporters }
      }),
      flows: ledger.summary().map((account) => flowOf(account, rates.of(account))),
    }
  }
}

export function flowOf(account: Account, rate: Rate): Flow {
  const { kind, id, labels, refused, fill, disk } = account
  const [came, went] = sumsOf(account)
  return {
    kind,
    id,
    labels,
    in: came,
    out: went,
    refused,
    held: account.held(),
    dropped: Object.fromEntries(account.losses()),
    ...(fill && { queue: { size: fill.size(), capacity: fill.capacity } }),
    ...(disk && { disk: shownDisk(disk()) }),
    rate,
  }
}

const shownDisk = ({ records, bytes, trouble, deadLetters, deadLettersFailed }: DiskState): ShownDisk => ({
  records,
  bytes,
  trouble: trouble ?? null,
  dead_letters: deadLetters,
  dead_letters_failed: deadLettersFailed,
})
