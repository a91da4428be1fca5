import type { Page } from './page.ts'

/** One account of the books, as a metrics page shows it. */
export interface PageAccount {
  kind: 'receiver' | 'processor' | 'queue'
  /** `loggregator {destination="127.0.0.1:4000",protocol="loggregator"}` */
  name: string
  fates: Record<string, number>
  dropped: number
  held: number
}

/** All accounts of a page; a page is written in one turn, so that every one of them adds up. */
export function accountsOf(page: Page): PageAccount[] {
  const accounts = new Map<string, PageAccount>()
  const account = (kind: string, labels: Record<string, string>): PageAccount => {
    const { id, fate: _, reason: __, kind: ___, ...own } = labels
    const text = Object.entries(own).map(([name, value]) => `${name}="${value}"`)
    const name = `${id} {${text.sort().join(',')}}`
    const key = `${kind} ${name}`
    const found = accounts.get(key) ?? { kind: kind as PageAccount['kind'], name, fates: {}, dropped: 0, held: 0 }
    accounts.set(key, found)
    return found
  }
  for (const [series, value] of page.series) {
    const [, family, text] =
      /^tailrace_((?:receiver|processor|queue|dropped|held)_records(?:_total)?)\{(.*)\}$/.exec(series) ?? []
    if (!family) continue
    const labels = Object.fromEntries([...text!.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [k!, v!]))
    if (family === 'dropped_records_total') account(labels.kind!, labels).dropped += value
    else if (family === 'held_records') account(labels.kind!, labels).held = value
    else account(family.replace('_records_total', ''), labels).fates[labels.fate!] = value
  }
  return [...accounts.values()]
}

/** What does not add up, one sentence each: nothing, always. */
export function faultsOf(page: Page): string[] {
  const accounts = accountsOf(page)
  if (accounts.length === 0) return ['the page has no books']
  return accounts.flatMap(({ kind, name, fates, dropped, held }) => {
    const [into, ...out] = sides[kind]
    const rest = out.reduce((left, fate) => left - fates[fate]!, fates[into]!) - dropped - held
    return rest === 0 ? [] : [`${kind} ${name}: ${rest} of ${fates[into]} ${into} are unaccounted for`]
  })
}

const sides = {
  receiver: ['offered', 'taken', 'refused'],
  processor: ['received', 'passed', 'consumed'],
  queue: ['received', 'sent'],
} as const
