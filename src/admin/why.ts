import type { Account, Ledger } from '../delivery/ledger.ts'
import type { LossNotes, LossSample, SourceLoss } from '../delivery/loss-notes.ts'
import { type DropReason, dropReasons } from '../delivery/reasons.ts'
import { advice } from './advice.ts'
import { rfc3339 } from './rfc3339.ts'

/** The losses of one reason at one place. */
export interface Loss {
  /** As in the metrics: `queue` is an exporter's side, converters and connectors are processors. */
  readonly kind: Account['kind']
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly reason: DropReason
  /** What the reason means. */
  readonly meaning: string
  readonly advice: string
  readonly records: number
  /** RFC 3339; null for what a closed destination had counted before. */
  readonly first: string | null
  readonly last: string | null
  /** The newest first. */
  readonly samples: readonly ShownSample[]
  /** Who lost how much, the most first; estimated from the samples. */
  readonly sources: readonly ShownSource[]
}

export interface ShownSample {
  readonly at: string
  /** Lost with it at that moment. */
  readonly records: number
  /** Empty when it is not known. */
  readonly source_id: string
  readonly extract: string
  readonly destination?: string
  /** What the peer said. */
  readonly detail?: string
}

export interface ShownSource {
  readonly source_id: string
  readonly estimated_records: number
  readonly first: string
  readonly last: string
}

/** Records that were sent back to whoever sent them, which is no loss: they may be repeated. */
export interface Refusal {
  readonly kind: Account['kind']
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly records: number
}

export interface Why {
  /** Since when is counted: the start of the process. */
  readonly since: string
  readonly losses: readonly Loss[]
  readonly refusals: readonly Refusal[]
  /** With a source id: losses at places where nothing is known of it; it may be among them or not. */
  readonly unattributed?: readonly Pick<Loss, 'kind' | 'id' | 'labels' | 'reason' | 'records'>[]
}

export interface WhyQuery {
  readonly source_id?: string
  /** `otlp`, or `exporter/otlp`. */
  readonly component?: string
}

/** What was lost, where, for which reason, the largest first. */
export function why(ledger: Ledger, query: WhyQuery = {}): Why {
  const accounts = ledger.summary().filter((account) => isMeant(account, query.component))
  const all = accounts.flatMap(lossesOf).sort((a, b) => b.records - a.records)
  const since = rfc3339(Date.now() - process.uptime() * 1000)
  const refusals = accounts.flatMap(({ kind, id, labels, refused, turned_away }) => {
    const records = kind === 'receiver' ? refused : turned_away
    return records > 0 ? [{ kind, id, labels, records }] : []
  })
  const { source_id } = query
  if (source_id === undefined) return { since, losses: all, refusals }
  const ofSource = all.flatMap((loss) => narrowed(loss, source_id))
  const named = new Set(ofSource.map((loss) => loss.meaning + place(loss)))
  const unattributed = all
    .filter((loss) => !named.has(loss.meaning + place(loss)))
    .map(({ kind, id, labels, reason, records }) => ({ kind, id, labels, reason, records }))
  return { since, losses: ofSource, refusals, unattributed }
}

const place = ({ kind, id, labels }: Loss) => JSON.stringify([kind, id, labels])

/** The words for an exporter's side that people use. */
const kindWords: Readonly<Record<Account['kind'], readonly string[]>> = {
  receiver: ['receiver'],
  processor: ['processor', 'connector'],
  queue: ['exporter', 'queue'],
}

/** Whether `otlp` or `exporter/otlp` means this account. */
export function isMeant({ kind, id }: Pick<Account, 'kind' | 'id'>, component: string | undefined): boolean {
  if (component === undefined || component === id) return true
  return kindWords[kind].some((word) => component === `${word}/${id}`)
}

function lossesOf(account: Account): Loss[] {
  const { kind, id, labels } = account
  return account.losses().map(([reason, records]) => ({
    kind,
    id,
    labels,
    reason,
    meaning: dropReasons[reason],
    advice: advice[reason],
    records,
    ...remembered(account.notes(reason)),
  }))
}

function remembered(notes: LossNotes | undefined): Pick<Loss, 'first' | 'last' | 'samples' | 'sources'> {
  if (!notes) return { first: null, last: null, samples: [], sources: [] }
  const { first, last, samples, sources } = notes
  return {
    first: rfc3339(first),
    last: rfc3339(last),
    samples: samples.map(shownSample),
    sources: sources.map(([source_id, loss]) => shownSource(source_id, loss)),
  }
}

function shownSample({ at, records, source, extract, labels, detail }: LossSample): ShownSample {
  const destination = labels?.destination
  return {
    at: rfc3339(at),
    records,
    source_id: source,
    extract,
    ...(destination !== undefined && { destination }),
    ...(detail !== undefined && { detail }),
  }
}

const shownSource = (source_id: string, { records, first, last }: SourceLoss): ShownSource => ({
  source_id,
  estimated_records: records,
  first: rfc3339(first),
  last: rfc3339(last),
})

/** The part of a loss that is known to be of one source; nothing when nothing is. */
function narrowed(loss: Loss, source_id: string): Loss[] {
  const sources = loss.sources.filter((source) => source.source_id === source_id)
  const samples = loss.samples.filter((sample) => sample.source_id === source_id)
  return sources.length > 0 || samples.length > 0 ? [{ ...loss, sources, samples }] : []
}
