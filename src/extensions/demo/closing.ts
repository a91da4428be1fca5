import type { Account, AccountKind } from '../../delivery/ledger.ts'

const headings: readonly (readonly [AccountKind, string])[] = [
  ['receiver', 'Received'],
  ['processor', 'Processed'],
  ['queue', 'Sent'],
]

/** What became of every record, for the end of a run: who took how many, what was lost and why, and the sum. */
export function closingLedger(accounts: readonly Account[]): string {
  const rows = accounts.map((account) => ({ account, name: nameOf(account), records: recordsOf(account) }))
  const width = Math.max(0, ...rows.map(({ name }) => name.length))
  const digits = Math.max(0, ...rows.map(({ records }) => String(records).length))
  const lines = headings.flatMap(([kind, heading]) => {
    const own = rows.filter(({ account }) => account.kind === kind)
    if (own.length === 0) return []
    const text = own.map(({ account, name, records }) => {
      const line = `    ${name.padEnd(width)}  ${String(records).padStart(digits)}${noteOf(account)}`
      return line.trimEnd()
    })
    return [`  ${heading}`, ...text]
  })
  return ['', '  What became of every record', '', ...lines, '', ...sums(accounts), ''].join('\n')
}

function nameOf({ id, labels }: Account): string {
  const about = Object.values(labels).join(', ')
  return about === '' ? id : `${id} (${about})`
}

function recordsOf(account: Account): number {
  if (account.kind === 'receiver') return account.offered
  return account.kind === 'queue' ? account.sent : account.received
}

function noteOf(account: Account): string {
  const parts: string[] = []
  if (account.kind === 'processor' && account.consumed > 0)
    parts.push(`${account.consumed} turned into ${account.made} others`)
  if (account.refused > 0) parts.push(`${account.refused} refused`)
  for (const [reason, records] of account.losses()) parts.push(`${records} dropped: ${reason}`)
  if (account.held() > 0) parts.push(`${account.held()} still held`)
  return parts.length > 0 ? `   ${parts.join(', ')}` : ''
}

/** The law in one line when every record goes one way, else whether each account balances by itself. */
function sums(accounts: readonly Account[]): string[] {
  const sum = (of: (account: Account) => number) => accounts.reduce((total, account) => total + of(account), 0)
  const of = (kind: AccountKind) => accounts.filter((account) => account.kind === kind)
  const received = of('receiver').reduce((total, account) => total + account.offered, 0)
  const sent = of('queue').reduce((total, account) => total + account.sent, 0)
  const [made, consumed] = [sum((account) => account.made), sum((account) => account.consumed)]
  const [dropped, refused] = [sum((account) => account.droppedTotal), sum((account) => account.refused)]
  const terms = [`${sent} sent`, `${dropped} dropped`, ...(refused > 0 ? [`${refused} refused`] : [])]
  const turned = made === consumed ? '' : ` + ${made - consumed} made on the way`.replace('+ -', '- ')
  if (received + made - consumed === sent + dropped + refused)
    return [`  ${received} received${turned} = ${terms.join(' + ')}: it adds up.`]
  const wrong = accounts.filter((account) => account.imbalance() !== 0)
  if (wrong.length === 0) return [`  ${received} received, ${terms.join(', ')}; every line balances by itself.`]
  return wrong.map((account) => `  ${nameOf(account)} does not balance by ${account.imbalance()}: please report this.`)
}
