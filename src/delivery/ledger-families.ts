import type { Family, ReadSeries } from '../runtime/metrics.ts'
import type { Account, AccountKind, Fate, Ledger } from './ledger.ts'

/** What is shown of each kind of account. */
const shown: Record<AccountKind, { help: string; fates: readonly Fate[] }> = {
  receiver: {
    help: 'Records at the receivers, by what became of them.',
    fates: ['offered', 'taken', 'refused'],
  },
  processor: {
    help: 'Records at processors, converters and connectors, by what became of them.',
    fates: ['received', 'passed', 'consumed', 'made'],
  },
  queue: {
    help: 'Records at the queues of exporters, by what became of them.',
    fates: ['received', 'sent', 'attempts', 'maybe_duplicate'],
  },
}

/**
 * The books as they stand now: a family per kind of account, one for all drops, one for what is held. Destinations that
 * come and go are one series (`AccountOptions.folded`): ten thousand drains must not be ten thousand label sets.
 */
export function ledgerFamilies(ledger: Ledger): Family[] {
  const accounts = ledger.summary()
  const kinds = Object.keys(shown) as AccountKind[]
  const byFate = kinds.map((kind) => ({
    name: `tailrace_${kind}_records_total`,
    help: shown[kind].help,
    type: 'counter' as const,
    series: accounts.filter((account) => account.kind === kind).flatMap(fateSeries),
  }))
  const drops: Family = {
    name: 'tailrace_dropped_records_total',
    help: 'Records lost, by where and why.',
    type: 'counter',
    series: accounts.flatMap(lossSeries),
  }
  const held: Family = {
    name: 'tailrace_held_records',
    help: 'Records that wait in receivers, processors, queues and on the wire.',
    type: 'gauge',
    series: accounts
      .filter(({ kind, holds }) => kind !== 'processor' || holds)
      .map((account) => ({ labels: labelsOf(account), value: account.held() })),
  }
  return [...byFate, drops, held]
}

const labelsOf = ({ kind, id, labels }: Account) => ({ kind, id, ...labels })

const fateSeries = (account: Account): ReadSeries[] =>
  shown[account.kind].fates.map((fate) => ({
    labels: { id: account.id, ...account.labels, fate },
    value: account[fate],
  }))

const lossSeries = (account: Account): ReadSeries[] =>
  account.losses().map(([reason, value]) => ({ labels: { ...labelsOf(account), reason }, value }))
