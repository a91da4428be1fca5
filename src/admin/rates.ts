import type { Account, Ledger } from '../delivery/ledger.ts'
import type { Clock } from '../runtime/clock.ts'

/** Records per second. */
export interface Rate {
  readonly in: number
  readonly out: number
  readonly dropped: number
}

/** The books at one moment. */
export interface Look {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly sums: ReadonlyMap<string, Sums>
}

/** Records in, out, lost. */
export type Sums = readonly [number, number, number]

/** Milliseconds between two looks at the books. */
const everyMs = 5000

export const lookAt = (ledger: Ledger, clock: Clock): Look => lookOf(ledger.summary(), clock)

/** The same of accounts that were summed up just now: with many destinations that takes a while. */
export function lookOf(accounts: readonly Account[], clock: Clock): Look {
  return { at: clock.monotonic(), sums: new Map(accounts.map((account) => [accountKey(account), sumsOf(account)])) }
}

/** What an account counted between two looks, per second, to a tenth. */
export function rateBetween(older: Look, newer: Look, account: Account): Rate {
  const key = accountKey(account)
  return rateOf(older.sums.get(key), newer.sums.get(key) ?? sumsOf(account), newer.at - older.at)
}

/** The rates of a process that somebody may ask at any time. */
export interface Rates {
  start(): void
  stop(): void
  of(account: Account): Rate
}

/** Looks at the books every five seconds; what is shown covers the last five to ten. */
export function newRates({ ledger, clock }: { ledger: Ledger; clock: Clock }): Rates {
  let timer: { cancel(): void } | undefined
  let older = lookAt(ledger, clock)
  let newer = older
  const turn = () => {
    older = newer
    newer = lookAt(ledger, clock)
    timer = clock.after(everyMs, turn)
  }
  return {
    start() {
      timer ??= clock.after(everyMs, turn)
    },
    stop() {
      timer?.cancel()
      timer = undefined
    },
    of: (account) => rateOf(older.sums.get(accountKey(account)), sumsOf(account), clock.monotonic() - older.at),
  }
}

function rateOf(before: Sums = [0, 0, 0], now: Sums, ms: number): Rate {
  const per = (i: 0 | 1 | 2) => (ms > 0 ? Math.round((10_000 * (now[i] - before[i])) / ms) / 10 : 0)
  return { in: per(0), out: per(1), dropped: per(2) }
}

export const accountKey = ({ kind, id, labels }: Pick<Account, 'kind' | 'id' | 'labels'>): string =>
  JSON.stringify([kind, id, labels])

export function sumsOf(account: Account): Sums {
  const { kind, droppedTotal } = account
  if (kind === 'receiver') return [account.offered, account.taken, droppedTotal]
  if (kind === 'queue') return [account.received, account.sent, droppedTotal]
  return [account.received, account.passed + account.made, droppedTotal]
}
