import { settleAll } from '../delivery/backlog.ts'
import type { Account } from '../delivery/ledger.ts'
import type { Consumer, Process } from '../plugin.ts'
import type { Log } from '../runtime/log.ts'
import type { Batch } from '../telemetry/batch.ts'

/** A place in the graph whose identity never changes, while what stands behind it may: the seam a reload needs. */
export class Port implements Consumer {
  target: Consumer

  constructor(target: Consumer = nowhere) {
    this.target = target
  }

  consume(batch: Batch): void {
    this.target.consume(batch)
  }
}

const nowhere: Consumer = {
  consume() {
    throw new Error('a port of the graph was used before it was connected')
  },
}

/** Hands every batch to all: nothing is copied, since batches are immutable. */
export function fanOut(targets: readonly Consumer[]): Consumer {
  if (targets.length === 1) return targets[0]!
  return {
    consume(batch) {
      for (const receipt of batch.receipts) receipt.fork(targets.length - 1)
      for (const target of targets) target.consume(batch)
    },
  }
}

/** Runs a processor and keeps its side of the books. A processor that throws loses the batch, not the process. */
export class ProcessorNode implements Consumer {
  private readonly process: Process
  private readonly account: Account
  private readonly next: Consumer
  private readonly log: Log

  constructor(process: Process, account: Account, next: Consumer, log: Log) {
    this.process = process
    this.account = account
    this.next = next
    this.log = log
  }

  consume(batch: Batch): void {
    const { account } = this
    account.received += batch.count
    const endedBefore = account.consumed + account.droppedTotal
    const madeBefore = account.made
    let out: Batch | undefined
    try {
      out = this.process(batch)
    } catch (error) {
      this.lose(batch, batch.count - (account.consumed + account.droppedTotal - endedBefore), error)
      // What it made is lost too: nobody gets it.
      account.made = madeBefore
      return
    }
    const count = out?.count ?? 0
    account.passed += count - (account.made - madeBefore)
    if (out && count > 0) this.next.consume(out)
    else settleAll(batch.receipts, 'delivered')
  }

  private lose(batch: Batch, records: number, error: unknown): void {
    const { account, log } = this
    if (account.dropped('fault') === 0) log.error('failed on a batch, which is lost', { error: String(error) })
    account.drop('fault', records)
    settleAll(batch.receipts, { dropped: 'fault' })
  }
}

/** Both ends of a connector, with its books: what goes in is received, what comes out is passed on or was made. */
export function withBooks(account: Account, next: Port): { next: Consumer; around(inner: Consumer): Consumer } {
  let madeBefore = 0
  return {
    next: {
      consume(batch) {
        account.passed += batch.count - (account.made - madeBefore)
        madeBefore = account.made
        next.consume(batch)
      },
    },
    around: (inner) => ({
      consume(batch) {
        account.received += batch.count
        inner.consume(batch)
      },
    }),
  }
}
