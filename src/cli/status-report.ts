import { type ProcessFacts, processFacts } from '../admin/process-facts.ts'
import type { Account } from '../delivery/ledger.ts'
import type { Shared } from '../engine/host.ts'
import type { Labels } from '../runtime/metrics.ts'

/** What runs right now, as text for a person: the answer to SIGUSR1. */
export function statusReport({ ledger, metrics, budget }: Shared): string {
  const { pid, uptime_seconds, cpu_seconds, memory, connections } = processFacts(budget.used)
  const lines = [
    `tailrace, process ${pid}, up ${uptime_seconds} s, CPU ${cpu_seconds.toFixed(2)} s`,
    `memory: ${mebibytes(memory.rss)} resident, ${mebibytes(memory.heap)} heap, ${mebibytes(memory.buffers)} buffers, ${mebibytes(memory.queued)} in queues`,
    `event loop: busy ${percent(eventLoopShare())} since the last report; open: ${open(connections)}`,
    '',
    'records, by what became of them:',
    ...ledgerLines(ledger.summary()),
    '',
    'counters and gauges:',
  ]
  for (const family of metrics.families()) {
    for (const { labels, value } of family.series) lines.push(`  ${family.name}${labelText(labels)} ${value}`)
  }
  return `${lines.join('\n')}\n`
}

let before = performance.eventLoopUtilization()

/** Share of the time in which the event loop was busy since this was asked last, from 0 to 1. */
function eventLoopShare(): number {
  const now = performance.eventLoopUtilization()
  const { utilization } = performance.eventLoopUtilization(now, before)
  before = now
  return utilization
}

/** `2 TCP listeners, 5 TCP connections`. */
function open(connections: ProcessFacts['connections']): string {
  const counts = Object.entries(connections).filter(([, n]) => n > 0)
  const texts = counts.map(
    ([name, n]) => `${n} ${name.replaceAll('_', ' ').replace(/^(tcp|udp)/, (p) => p.toUpperCase())}`,
  )
  return texts.length > 0 ? texts.join(', ') : 'nothing'
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** The books, a line per account: what came in, what became of it, and every loss by its reason. */
export function ledgerLines(accounts: readonly Account[]): string[] {
  return accounts.map((account) => {
    const name = `${account.kind} ${account.id}${labelText(account.labels)}`
    const losses = account.losses().map(([reason, n]) => `${reason} ${n}`)
    const lost = losses.length > 0 ? `, dropped ${account.droppedTotal} (${losses.join(', ')})` : ''
    return `  ${name}: ${fatesOf(account)}${lost}`
  })
}

function fatesOf(account: Account): string {
  if (account.kind === 'receiver') {
    return `offered ${account.offered} = taken ${account.taken} + refused ${account.refused} + waiting ${account.held()}`
  }
  if (account.kind === 'queue') {
    const { received, recovered, sent, kept } = account
    const [came, stays] = [recovered > 0 ? ` + recovered ${recovered}` : '', kept > 0 ? ` + kept ${kept}` : '']
    return `received ${received}${came} = sent ${sent}${stays} + held ${account.held()}`
  }
  return `received ${account.received} = passed ${account.passed} + consumed ${account.consumed}; made ${account.made}`
}

const labelText = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
  return pairs.length > 0 ? ` {${pairs.join(', ')}}` : ''
}

const mebibytes = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`
