import type { Family, ReadSeries } from '../runtime/metrics.ts'
import type { Account, AccountKind, DiskState, Fate, Ledger } from './ledger.ts'

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
  return [...byFate, drops, ...lastLossFamily(accounts), held, ...diskFamilies(accounts)]
}

/** When records were lost last, by where and why; no family where none was. */
function lastLossFamily(accounts: readonly Account[]): Family[] {
  const series = accounts.flatMap((account) =>
    account.losses().flatMap(([reason]) => {
      const notes = account.notes(reason)
      return notes ? [{ labels: { ...labelsOf(account), reason }, value: notes.last / 1000 }] : []
    }),
  )
  if (series.length === 0) return []
  const help = 'When records were lost last, by where and why, in seconds since 1970.'
  return [{ name: 'tailrace_last_loss_timestamp_seconds', help, type: 'gauge', series }]
}

/** Queues on disk; no family where there are none. */
function diskFamilies(accounts: readonly Account[]): Family[] {
  const disks = accounts.flatMap((account) => (account.disk ? [{ account, state: account.disk() }] : []))
  if (disks.length === 0) return []
  const family = (name: string, help: string, type: Family['type'], value: (state: DiskState) => number): Family => ({
    name,
    help,
    type,
    series: disks.map(({ account, state }) => ({ labels: { id: account.id, ...account.labels }, value: value(state) })),
  })
  return [
    family('tailrace_queue_disk_bytes', 'Bytes of the files of queues on disk.', 'gauge', ({ bytes }) => bytes),
    family('tailrace_queue_disk_failing', '1 while the disk takes nothing.', 'gauge', ({ trouble }) =>
      trouble ? 1 : 0,
    ),
    family(
      'tailrace_dead_letter_records_total',
      'Records that a backend refused for good and that were put aside.',
      'counter',
      ({ deadLetters }) => deadLetters,
    ),
    family(
      'tailrace_dead_letter_failed_records_total',
      'Records that a backend refused for good and that the disk did not take.',
      'counter',
      ({ deadLettersFailed }) => deadLettersFailed,
    ),
  ]
}

const labelsOf = ({ kind, id, labels }: Account) => ({ kind, id, ...labels })

/** What queues on disk, and those that a reload moved, have besides. */
const overEnds: readonly Fate[] = ['recovered', 'kept']
const fatesOf = ({ kind, disk, recovered, kept }: Account): readonly Fate[] =>
  disk || recovered > 0 || kept > 0 ? [...shown[kind].fates, ...overEnds] : shown[kind].fates

const fateSeries = (account: Account): ReadSeries[] =>
  fatesOf(account).map((fate) => ({
    labels: { id: account.id, ...account.labels, fate },
    value: account[fate],
  }))

const lossSeries = (account: Account): ReadSeries[] =>
  account.losses().map(([reason, value]) => ({ labels: { ...labelsOf(account), reason }, value }))
