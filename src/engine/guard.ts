import type { Account } from '../delivery/ledger.ts'
import type { Consumer } from '../plugin.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { OnFault } from './faults.ts'

/** The queues whose books a guard looks after: those of written destinations; folded ones are too many to ask. */
export class GuardedQueues {
  accounts: readonly Account[] = []

  readonly add = (account: Account): void => {
    if (!account.within && !this.accounts.includes(account)) this.accounts = [...this.accounts.filter(isOpen), account]
  }
}

const isOpen = (account: Account) => !account.closed

/**
 * An exporter whose faults cost its own branch. What no queue of it has counted is lost in the account `own()`, what a
 * queue has counted and not kept is lost there: the books add up, and the neighbours get the batch.
 */
export function guardExporter(
  inner: Consumer,
  books: { queues: GuardedQueues; own: () => Account; fault: OnFault; came?: (batch: Batch) => void },
): Consumer {
  return {
    consume(batch) {
      books.came?.(batch)
      const before = receivedBy(books.queues.accounts)
      try {
        inner.consume(batch)
      } catch (error) {
        let lost = lostIn(books.queues.accounts, batch, error)
        if (receivedBy(books.queues.accounts) === before) {
          const own = books.own()
          own.received += batch.count
          own.drop('fault', batch.count, batch, 0, String(error))
          lost += batch.count
        }
        if (lost > 0) settleLost(batch)
        books.fault(error, lost)
      }
    },
  }
}

function receivedBy(queues: readonly Account[]): number {
  let sum = 0
  for (let i = 0; i < queues.length; i++) sum += queues[i]!.received
  return sum
}

/** Books as lost what these queues have received and do not hold; answers how much that was. */
function lostIn(queues: readonly Account[], batch: Batch, error: unknown): number {
  let lost = 0
  for (const queue of queues) {
    const missing = Math.max(0, queue.imbalance())
    if (missing > 0) queue.drop('fault', missing, batch, 0, String(error))
    lost += missing
  }
  return lost
}

/** A converter whose faults cost what it has not accounted for. */
export function guardConverter(inner: Consumer, account: Account, fault: OnFault): Consumer {
  return {
    consume(batch) {
      const before = account.received
      const ended = account.consumed + account.droppedTotal
      try {
        inner.consume(batch)
      } catch (error) {
        account.received = before + batch.count
        loseRest(batch, account, batch.count - (account.consumed + account.droppedTotal - ended), error, fault)
      }
    },
  }
}

/** Books the `rest` of a batch as lost to a fault. Receipts of which a part went on are settled by who got that. */
export function loseRest(batch: Batch, account: Account, rest: number, error: unknown, fault: OnFault): void {
  const lost = Math.max(0, rest)
  account.drop('fault', lost, batch, batch.count - Math.min(lost, batch.count), String(error))
  if (lost > 0 && lost === batch.count) settleLost(batch)
  fault(error, lost)
}

/** Settles one branch of every receipt. The fault may lie in whoever is told: that is no reason to stop either. */
export function settleLost(batch: Batch): void {
  for (const receipt of batch.receipts) {
    try {
      receipt.settle({ dropped: 'fault' })
    } catch {
      // Settled already, or its owner throws: there is nobody left to tell.
    }
  }
}
