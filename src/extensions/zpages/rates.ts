import type { Account } from '../../delivery/ledger.ts'
import type { Host } from '../../plugin.ts'

/** Milliseconds between two looks at the books. */
const everyMs = 5000

/** What came in and what went out since the look before the last, per second. */
export interface Rate {
  readonly in: number
  readonly out: number
  readonly dropped: number
}

export interface Rates {
  start(): void
  stop(): void
  of(account: Account): Rate
}

interface Look {
  readonly at: number
  readonly sums: ReadonlyMap<string, readonly [number, number, number]>
}

/** Looks at the books every five seconds; what is shown covers the last five to ten. */
export function newRates({ ledger, clock }: Pick<Host, 'ledger' | 'clock'>): Rates {
  let timer: { cancel(): void } | undefined
  const look = (): Look => ({
    at: clock.monotonic(),
    sums: new Map(ledger.summary().map((account) => [keyOf(account), sumsOf(account)])),
  })
  let older = look()
  let newer = older
  const turn = () => {
    older = newer
    newer = look()
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
    of(account) {
      const seconds = (clock.monotonic() - older.at) / 1000
      const before = older.sums.get(keyOf(account)) ?? [0, 0, 0]
      const [came, went, dropped] = sumsOf(account).map((sum, i) =>
        seconds > 0 ? Math.round((10 * (sum - before[i]!)) / seconds) / 10 : 0,
      ) as [number, number, number]
      return { in: came, out: went, dropped }
    },
  }
}

const keyOf = ({ kind, id, labels }: Account): string => JSON.stringify([kind, id, labels])

/** Records in, out, lost. */
export function sumsOf(account: Account): readonly [number, number, number] {
  const { kind, droppedTotal } = account
  if (kind === 'receiver') return [account.offered, account.taken, droppedTotal]
  if (kind === 'queue') return [account.received, account.sent, droppedTotal]
  return [account.received, account.passed + account.made, droppedTotal]
}
