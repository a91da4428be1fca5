import { type Clock, systemClock } from '../runtime/clock.ts'
import type { Labels } from '../runtime/metrics.ts'
import type { BatchStats } from './batch-stats.ts'
import { type Evidence, LossNotes, type LostPart, SamplePace } from './loss-notes.ts'
import type { Trouble } from './progress.ts'
import { type DropReason, dropReasons } from './reasons.ts'

/** What an account counts, in records, besides its drops. */
export const fates = [
  'offered', // receiver: what its protocol brought
  'taken', // receiver: handed to the pipelines
  'refused', // receiver: sent back to the peer, who may repeat it
  'received', // processor, queue: what the ones before handed on
  'passed', // processor: handed on as they were or edited
  'consumed', // processor: turned into other records, or into state
  'made', // processor: new records it handed on
  'recovered', // queue: what the process before this one left on disk, and dead letters that were put back
  'sent', // queue: what the exporter says is delivered
  'kept', // queue on disk: left there at the end, for the next process, or moved elsewhere by an operator
  'attempts', // queue: records in calls and writes, repeats included; no part of the law
  'maybe_duplicate', // queue: repeated after an unknown outcome; no part of the law
] as const
export type Fate = (typeof fates)[number]

export type AccountKind = 'receiver' | 'processor' | 'queue'

const reasonNames = Object.keys(dropReasons) as DropReason[]
const reasonNumber = Object.fromEntries(reasonNames.map((name, i) => [name, i])) as Record<DropReason, number>

/** What tells the accounts of one component apart and comes and goes: totals are kept without it. */
const passing = 'destination'

const none = () => 0
/** What a closed account holds. */
const gone = () => 0

/** What can be seen of a queue on disk. */
export interface DiskState {
  /** Records that are not delivered yet, those in memory and on the wire included. */
  readonly records: number
  /** Bytes of its files. */
  readonly bytes: number
  /** Why nothing can be written right now; undefined while all is well. */
  readonly trouble: string | undefined
  /** Records that the backend refused for good and that were put aside. */
  readonly deadLetters: number
  /** Records that should have been put aside, and that the disk did not take. */
  readonly deadLettersFailed: number
}

/** How an account is kept. */
export interface AccountOptions {
  /**
   * True for destinations that come and go while the process runs (drains): the page and the report show one sum for all
   * of them, under their labels without `destination`. Whoever wants one of them reads `Ledger.accounts`.
   */
  readonly folded?: boolean
}

/** One side of the books: a receiver, a processor or converter, or a queue with its exporter. */
export class Account {
  readonly kind: AccountKind
  readonly id: string
  readonly labels: Labels
  offered = 0
  taken = 0
  refused = 0
  received = 0
  recovered = 0
  passed = 0
  consumed = 0
  made = 0
  sent = 0
  kept = 0
  attempts = 0
  maybe_duplicate = 0
  /** Queue: records that receivers were told to repeat because this queue had no room; no part of the law. */
  turned_away = 0
  /** Queue: how full it is, in the unit of its first bound. */
  fill: { size(): number; readonly capacity: number } | undefined
  /** Queue: requests on the wire or between two attempts. */
  inFlight: (() => number) | undefined
  /** Queue: what stands on disk; absent for queues in memory. */
  disk: (() => DiskState) | undefined
  /** Queue: what keeps it from delivering right now. */
  trouble: (() => Trouble | undefined) | undefined
  /** Queue: its batches, when it obeys written batch settings. */
  batches: BatchStats | undefined
  /** Records lost, whatever the reason. */
  droppedTotal = 0
  /** The account that is shown instead of this one. */
  readonly within: Account | undefined
  private readonly home: Ledger | undefined
  private holder = none
  private predecessor: (() => number) | undefined
  private both = none
  /** By number of the reason; made with the first loss, since most accounts have none. */
  private drops: number[] | undefined
  private remembered: LossNotes[] | undefined

  constructor(kind: AccountKind, id: string, labels: Labels, place: { home?: Ledger; within?: Account } = {}) {
    this.kind = kind
    this.id = id
    this.labels = labels
    this.home = place.home
    this.within = place.within
  }

  /**
   * Records that wait in `offer` (receiver), for a decision (processor: those that hold), or in the queue and on the wire
   * (queue).
   */
  get held(): () => number {
    return this.both
  }

  set held(read: () => number) {
    const { predecessor } = this
    this.holder = read
    this.both = predecessor ? () => predecessor() + read() : read
  }

  /**
   * For a reload: whoever sets `held` from now on is the successor of who set it before, and both count until one of them
   * is gone: `done` when it was the predecessor, `undone` when it was the successor.
   */
  succession(): { done(): void; undone(): void } {
    const { holder, fill, inFlight, disk, trouble } = this
    this.predecessor = holder === none ? undefined : holder
    this.held = none
    const only = (read: () => number) => {
      if (this.closed) return
      this.predecessor = undefined
      this.held = read
    }
    return {
      done: () => only(this.holder),
      undone: () => {
        only(holder)
        Object.assign(this, { fill, inFlight, disk, trouble })
      },
    }
  }

  /** Holds nothing any more, whoever says otherwise. */
  end(): void {
    this.predecessor = undefined
    this.held = gone
  }

  /**
   * Counts lost records. `evidence` is what they were in, `part` which of it they were (from a number on, or all that
   * another batch has not kept): now and then one of them is remembered, so that people can see what was lost.
   */
  drop(reason: DropReason, records: number, evidence?: Evidence, part: LostPart = 0, detail?: string): void {
    if (records <= 0) return
    this.count(reason, records)
    this.home?.note(this, reason, records, evidence, part, detail)
  }

  private count(reason: DropReason, records: number): void {
    this.drops ??= reasonNames.map(() => 0)
    this.drops[reasonNumber[reason]]! += records
    this.droppedTotal += records
  }

  /** What is remembered of the losses of one reason; of a destination that comes and goes, of all of its kind. */
  notes(reason: DropReason): LossNotes | undefined {
    return (this.within ?? this).remembered?.[reasonNumber[reason]]
  }

  /** The same, begun when there is none. */
  noted(reason: DropReason, now: number): LossNotes {
    const shown = this.within ?? this
    shown.remembered ??= []
    const number = reasonNumber[reason]
    const known = shown.remembered[number] ?? new LossNotes(now)
    shown.remembered[number] = known
    return known
  }

  dropped(reason: DropReason): number {
    return this.drops?.[reasonNumber[reason]] ?? 0
  }

  /** Reasons with losses, largest first. */
  losses(): [DropReason, number][] {
    const lost = reasonNames.map((reason): [DropReason, number] => [reason, this.dropped(reason)])
    return lost.filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1])
  }

  /** Records that the law cannot account for: 0 between two turns, always. */
  imbalance(): number {
    const out = this.droppedTotal
    if (this.kind === 'receiver') return this.offered - this.taken - this.refused - out - this.held()
    if (this.kind === 'processor') return this.received - this.passed - this.consumed - out - this.held()
    return this.received + this.recovered - this.sent - out - this.kept - this.held()
  }

  /** Adds what another account has counted, but for what it holds. */
  add(other: Account): void {
    for (const fate of fates) this[fate] += other[fate]
    this.turned_away += other.turned_away
    if (other.droppedTotal > 0) for (const [reason, records] of other.losses()) this.count(reason, records)
    this.remembered ??= other.remembered
  }

  /**
   * Ends an account whose destination is gone for good, after its queue has stopped: constant time. Its sums go on in the
   * account with the same labels but `destination`, so no total ever goes back; what it still held is lost as `shutdown`.
   * Without that label, or the second time, nothing happens. What is counted here afterwards is in no sum.
   */
  close(): void {
    this.home?.close(this)
  }

  /** Whether records can stay here at all: of processors few can. */
  get holds(): boolean {
    return this.held !== none
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.held === gone
  }
}

/** All accounts of the process, in the order in which they were opened. */
export class Ledger {
  private readonly byKey = new Map<string, Account>()
  private readonly clock: Clock
  private readonly pace = new SamplePace()

  constructor(clock: Clock = systemClock) {
    this.clock = clock
  }

  /** Every account that is open, a new array each time. */
  get accounts(): readonly Account[] {
    return [...this.byKey.values()]
  }

  /** The account of (kind, id, labels): the same one when a component is made again by a reload. */
  open(kind: AccountKind, id: string, labels: Labels = {}, { folded = false }: AccountOptions = {}): Account {
    const key = keyOf(kind, id, labels)
    const found = this.byKey.get(key)
    if (found) return found
    // First, so that its sum stands on the page from the start.
    const within = folded && passing in labels ? this.open(kind, id, lasting(labels)) : undefined
    const account = new Account(kind, id, labels, { home: this, ...(within && { within }) })
    this.byKey.set(key, account)
    return account
  }

  /** What the page and the report show: every account, those of passing destinations as the sums they are part of. */
  summary(): readonly Account[] {
    const shown = new Map<Account, Account>()
    const parts = new Map<Account, Account[]>()
    for (const account of this.byKey.values()) {
      if (!account.within) shown.set(account, account)
      else if (!parts.get(account.within)?.push(account)) parts.set(account.within, [account])
    }
    for (const [whole, open] of parts) shown.set(whole, sumOf([whole, ...open]))
    return [...shown.values()]
  }

  /** See `Account.drop`. */
  note(
    account: Account,
    reason: DropReason,
    records: number,
    evidence: Evidence | undefined,
    part: LostPart,
    detail: string | undefined,
  ): void {
    const now = this.clock.now()
    const notes = account.noted(reason, now)
    if (!notes.note(now, records) || (evidence === undefined && detail === undefined) || !this.pace.allows(now)) return
    notes.sample(now, records, evidence ?? '', part, { labels: account.within && account.labels, detail })
  }

  /** See `Account.close`. */
  close(account: Account): void {
    const { kind, id, labels } = account
    const key = keyOf(kind, id, labels)
    if (!(passing in labels) || this.byKey.get(key) !== account) return
    account.end()
    const left = account.imbalance()
    if (left > 0) account.drop('shutdown', left)
    this.open(kind, id, lasting(labels)).add(account)
    this.byKey.delete(key)
  }
}

function keyOf(kind: AccountKind, id: string, labels: Labels): string {
  let key = `${kind}\n${id}`
  for (const name in labels) key += `\n${name}\t${labels[name]}`
  return key
}

function lasting(labels: Labels): Labels {
  const { [passing]: _gone, ...kept } = labels
  return kept
}

/** An account with the sums of others, the first of which gives it its name. */
function sumOf(accounts: readonly Account[]): Account {
  const [{ kind, id, labels }] = accounts as [Account]
  const sum = new Account(kind, id, labels)
  for (const account of accounts) sum.add(account)
  sum.held = () => accounts.reduce((held, account) => held + account.held(), 0)
  return sum
}

export const allDropReasons: readonly DropReason[] = reasonNames
