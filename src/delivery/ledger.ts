import type { Labels } from '../runtime/metrics.ts'
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
  'sent', // queue: what the exporter says is delivered
  'attempts', // queue: records in calls and writes, repeats included; no part of the law
  'maybe_duplicate', // queue: repeated after an unknown outcome; no part of the law
] as const
export type Fate = (typeof fates)[number]

export type AccountKind = 'receiver' | 'processor' | 'queue'

const reasonNames = Object.keys(dropReasons) as DropReason[]
const reasonNumber = Object.fromEntries(reasonNames.map((name, i) => [name, i])) as Record<DropReason, number>

/** One side of the books: a receiver, a processor or converter, or a queue with its exporter. */
export class Account {
  readonly kind: AccountKind
  readonly id: string
  readonly labels: Labels
  offered = 0
  taken = 0
  refused = 0
  received = 0
  passed = 0
  consumed = 0
  made = 0
  sent = 0
  attempts = 0
  maybe_duplicate = 0
  /** Records that wait in `offer` (receiver) or stand in the queue or on the wire (queue). */
  held: () => number = () => 0
  private readonly drops = new Float64Array(reasonNames.length)

  constructor(kind: AccountKind, id: string, labels: Labels) {
    this.kind = kind
    this.id = id
    this.labels = labels
  }

  drop(reason: DropReason, records: number): void {
    this.drops[reasonNumber[reason]]! += records
  }

  dropped(reason: DropReason): number {
    return this.drops[reasonNumber[reason]]!
  }

  get droppedTotal(): number {
    return this.drops.reduce((sum, n) => sum + n, 0)
  }

  /** Reasons with losses, largest first. */
  losses(): [DropReason, number][] {
    const lost = reasonNames.map((reason, i): [DropReason, number] => [reason, this.drops[i]!])
    return lost.filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1])
  }

  /** Records that the law cannot account for: 0 between two turns, always. */
  imbalance(): number {
    const out = this.droppedTotal
    if (this.kind === 'receiver') return this.offered - this.taken - this.refused - out - this.held()
    if (this.kind === 'processor') return this.received - this.passed - this.consumed - out
    return this.received - this.sent - out - this.held()
  }
}

/** All accounts of the process, in the order of the graph. */
export class Ledger {
  readonly accounts: Account[] = []

  /** The account of (kind, id, labels): the same one when a component is made again by a reload. */
  open(kind: AccountKind, id: string, labels: Labels = {}): Account {
    const key = JSON.stringify(labels)
    const found = this.accounts.find((a) => a.kind === kind && a.id === id && JSON.stringify(a.labels) === key)
    if (found) return found
    const account = new Account(kind, id, labels)
    this.accounts.push(account)
    return account
  }
}

export const allDropReasons: readonly DropReason[] = reasonNames
