import type { Batch } from '../telemetry/batch.ts'
import type { Account } from './ledger.ts'

/** A queue of records that go on in the queue of a successor: a reload changed the exporter, not what it has to deliver. */
export interface Heritable {
  /**
   * Hands over what is queued now, and later what comes back from the wire; from then on nothing more is sent. Resolves
   * when nothing is on the wire. Undefined: what it holds stays where it is, for its successor to find.
   */
  readonly bequeath: ((heir: Heir) => Promise<void>) | undefined
  readonly heir: Heir
}

/** Who takes records over. */
export interface Heir {
  readonly account: Account
  /** Records that were counted as received already; `first`: before all that is queued. */
  inherit(legacy: Legacy, first: boolean): void
  /** Whether it sends what stands in this folder, or is going to. Absent: it does. */
  sendsFrom?(folder: string): boolean
  /** Sends nothing before `ready` resolves, where it promises order. */
  waitFor(ready: Promise<void>): void
}

/** Queued records, and when they came (monotonic milliseconds). */
export interface Legacy {
  readonly batch: Batch
  readonly at: number
}

/** The queues that count in an account, in the order in which they were made. */
const living = new WeakMap<Account, readonly Heritable[]>()

/** Makes a queue known; the answer is for its end. */
export function enter(account: Account, queue: Heritable): () => void {
  living.set(account, [...(living.get(account) ?? []), queue])
  return () =>
    void living.set(
      account,
      (living.get(account) ?? []).filter((one) => one !== queue),
    )
}

/**
 * Hands the records of queues that count in the accounts `from` to those in the accounts `to`: of the same account, or, where
 * an exporter had one destination and has another one now, of that.
 */
export function succeed(from: readonly Account[], to: readonly Account[]): void {
  for (const account of from) {
    const next = to.includes(account) ? account : onlyOther(account, from, to)
    const heir = next && living.get(next)?.at(-1)
    if (!heir) continue
    for (const queue of living.get(account) ?? []) if (queue !== heir) bequeath(queue, account, heir.heir)
  }
}

function bequeath(queue: Heritable, account: Account, heir: Heir): void {
  if (!queue.bequeath) return
  const moves = heir.account !== account
  const counted: Heir = {
    ...heir,
    inherit(legacy, first) {
      if (moves) {
        account.kept += legacy.batch.count
        heir.account.recovered += legacy.batch.count
      }
      heir.inherit(legacy, first)
    },
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  heir.waitFor(promise)
  void queue.bequeath(counted).then(resolve, resolve)
}

/** The one account that differs from this one in where it leads alone, when there is no other of either. */
function onlyOther(account: Account, from: readonly Account[], to: readonly Account[]): Account | undefined {
  const key = nature(account)
  const gone = from.filter((one) => !to.includes(one) && isUsed(one) && nature(one) === key)
  const come = to.filter((one) => !from.includes(one) && isUsed(one) && nature(one) === key)
  return gone.length === 1 && come.length === 1 ? come[0] : undefined
}

const isUsed = (account: Account) => (living.get(account)?.length ?? 0) > 0

function nature({ labels: { destination: _where, ...rest } }: Account): string {
  return JSON.stringify(Object.entries(rest).sort())
}
