import type { Labels, Metrics } from './metrics.ts'

/** The ledger, as much of it as is shown here. */
export interface Books {
  readonly accounts: readonly BookAccount[]
}

export interface BookAccount {
  readonly kind: 'receiver' | 'processor' | 'queue'
  readonly id: string
  readonly labels: Labels
  offered: number
  taken: number
  refused: number
  received: number
  passed: number
  consumed: number
  made: number
  sent: number
  attempts: number
  maybe_duplicate: number
  held: () => number
  losses(): readonly (readonly [reason: string, records: number])[]
}

/** One name with its series, at one moment. */
export interface FamilyNow {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly series: { labels: Labels; value: number }[]
}

const fatesOf = {
  receiver: ['offered', 'taken', 'refused'],
  processor: ['received', 'passed', 'consumed', 'made'],
  queue: ['received', 'sent', 'attempts', 'maybe_duplicate'],
} as const

/** Every metric and the books of the agent as they stand now, under the names of the metrics page. */
export function familiesNow(metrics: Metrics, books: Books): FamilyNow[] {
  const own = Array.from(metrics.families(), ({ name, help, type, series }) => ({
    name,
    help,
    type,
    series: series.map(({ labels, value }) => ({ labels, value })),
  }))
  const kinds = Object.keys(fatesOf) as (keyof typeof fatesOf)[]
  return [...own, ...kinds.map((kind) => bookFamily(kind, books)), droppedFamily(books), heldFamily(books)]
}

function bookFamily(kind: keyof typeof fatesOf, { accounts }: Books): FamilyNow {
  const series = accounts
    .filter((account) => account.kind === kind)
    .flatMap((account) =>
      fatesOf[kind].map((fate) => ({ labels: { id: account.id, ...account.labels, fate }, value: account[fate] })),
    )
  const help = `Records at ${kind}s, by what became of them.`
  return { name: `tailrace_${kind}_records_total`, help, type: 'counter', series }
}

function droppedFamily({ accounts }: Books): FamilyNow {
  const series = accounts.flatMap((account) =>
    account.losses().map(([reason, value]) => ({
      labels: { kind: account.kind, id: account.id, ...account.labels, reason },
      value,
    })),
  )
  return { name: 'tailrace_dropped_records_total', help: 'Records lost, by where and why.', type: 'counter', series }
}

function heldFamily({ accounts }: Books): FamilyNow {
  const series = accounts
    .filter(({ kind }) => kind !== 'processor')
    .map((account) => ({ labels: { kind: account.kind, id: account.id, ...account.labels }, value: account.held() }))
  const help = 'Records that wait in receivers, queues and on the wire.'
  return { name: 'tailrace_held_records', help, type: 'gauge', series }
}
