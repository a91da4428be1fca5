import { type Account, type AccountKind, allDropReasons, type Fate, fates } from '../../delivery/ledger.ts'
import type { DropReason } from '../../delivery/reasons.ts'
import type { Host } from '../../plugin.ts'
import type { Labels } from '../../runtime/metrics.ts'

/** A number with the labels of the thing that was counted. */
export interface Reading {
  readonly labels: Labels
  readonly value: number
}

/** Answers the readings that a selector names, asked anew for every page. */
export type Selector = (from: Pick<Host, 'ledger' | 'metrics'>) => Reading[]

const pattern = /^(receiver|processor|queue|metric) +(\S+?)(?: +([a-z_]+)(?:\((!?)([a-z_, ]+)\))?)?((?: +\S+=\S+)*) *$/

/**
 * Reads `queue firehose dropped(!displaced) protocol=v2`: a kind, an id, what is counted (with reasons it is limited to
 * or leaves out), and labels that must match; or `metric NAME label=value`. Throws with the reason when it is neither.
 */
export function parseSelector(text: string): Selector {
  const [, kind, id, count, not, reasons, pairs] =
    pattern.exec(text) ?? fail(text, 'expected "queue ID sent" or "metric NAME"')
  const wanted = Object.fromEntries((pairs!.match(/\S+=\S+/g) ?? []).map((pair) => pair.split('=') as [string, string]))
  const matches = (labels: Labels) => Object.entries(wanted).every(([name, value]) => labels[name] === value)
  if (kind === 'metric') {
    return ({ metrics }) => (metrics.find(id!)?.series ?? []).filter(({ labels }) => matches(labels))
  }
  const read = reader(text, count, reasonList(text, reasons), not === '!')
  return ({ ledger }) =>
    ledger.accounts
      .filter((account) => account.kind === (kind as AccountKind) && account.id === id && matches(account.labels))
      .map((account) => ({ labels: account.labels, value: read(account) }))
}

/** What is wrong with a selector; the empty text when nothing is. */
export function selectorFault(text: string): string {
  try {
    parseSelector(text)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

export const isSelector = (text: string): boolean => selectorFault(text) === ''

function reader(
  text: string,
  count: string | undefined,
  reasons: DropReason[],
  not: boolean,
): (account: Account) => number {
  if (count === 'held') return (account) => account.held()
  if (count === 'dropped') {
    if (reasons.length === 0) return (account) => account.droppedTotal
    const counted = not ? allDropReasons.filter((reason) => !reasons.includes(reason)) : reasons
    return (account) => counted.reduce((sum, reason) => sum + account.dropped(reason), 0)
  }
  if (!fates.includes(count as Fate))
    fail(text, `nothing is counted as "${count ?? ''}": write one of ${fates.join(', ')}, dropped, held`)
  return (account) => account[count as Fate]
}

function reasonList(text: string, reasons: string | undefined): DropReason[] {
  const names = reasons?.split(',').map((name) => name.trim()) ?? []
  const unknown = names.find((name) => !allDropReasons.includes(name as DropReason))
  if (unknown) fail(text, `"${unknown}" is no reason: write some of ${allDropReasons.join(', ')}`)
  return names as DropReason[]
}

function fail(text: string, reason: string): never {
  throw new Error(`cannot read "${text}": ${reason}`)
}
