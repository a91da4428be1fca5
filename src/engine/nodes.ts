import { settleAll } from '../delivery/backlog.ts'
import { beginWork, type Work } from '../delivery/batch-trace.ts'
import type { Account } from '../delivery/ledger.ts'
import type { Consumer, Process } from '../plugin.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { Editor } from '../telemetry/pass.ts'
import type { OnFault } from './faults.ts'
import { loseRest, settleLost } from './guard.ts'
import { type EditingNode, SharedRun } from './shared-run.ts'

/**
 * A place in the graph whose identity never changes, while what stands behind it may: the seam a reload needs, and the
 * place where somebody may look on.
 */
export class Port implements Consumer {
  private goal: Consumer
  private look: ((next: Consumer) => Consumer) | undefined
  /** The target, or what looks on in front of it. */
  private way: Consumer

  constructor(target: Consumer = nowhere) {
    this.goal = target
    this.way = target
  }

  get target(): Consumer {
    return this.goal
  }

  /** What stands behind this port and the ports behind it, when nobody looks on in between. */
  get direct(): Consumer | undefined {
    if (this.look) return undefined
    const { goal } = this
    return goal instanceof Port ? goal.direct : goal
  }

  set target(target: Consumer) {
    this.goal = target
    this.way = this.look ? this.look(target) : target
  }

  /** Puts something in front of the target, whatever that will be; undefined takes it away. */
  set probe(look: ((next: Consumer) => Consumer) | undefined) {
    this.look = look
    this.target = this.goal
  }

  consume(batch: Batch): void {
    this.way.consume(batch)
  }
}

const nowhere: Consumer = {
  consume() {
    throw new Error('a port of the graph was used before it was connected')
  },
}

/** Hands every batch to all: nothing is copied, since batches are immutable. Targets do not throw: nodes catch their own faults. */
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
  private readonly fault: OnFault
  /** Set when its work is one pass, which those of its neighbours may join. */
  private readonly editing: EditingNode | undefined
  private readonly run: SharedRun | undefined

  constructor(process: Process, account: Account, next: Consumer, fault: OnFault, editor?: Editor) {
    this.process = process
    this.account = account
    this.next = next
    this.fault = fault
    this.editing = editor && {
      editor,
      account,
      next,
      behind: () => {
        const node = next instanceof Port ? next.direct : next
        return node instanceof ProcessorNode ? node.editing : undefined
      },
      end: (batch) => this.end(batch),
    }
    this.run = this.editing && new SharedRun(this.editing)
  }

  consume(batch: Batch): void {
    if (this.run?.takes(batch)) return
    const { account } = this
    account.received += batch.count
    const endedBefore = account.consumed + account.droppedTotal
    const madeBefore = account.made
    const work = batch.receipts.length > 0 ? beginWork('process', batch, account) : undefined
    let out: Batch | undefined
    try {
      out = this.process(batch)
    } catch (error) {
      work?.end(undefined, error)
      const { count } = batch
      // One that holds records may have ended some of another batch: what is missing in its books tells.
      const rest = account.holds ? account.imbalance() : count - (account.consumed + account.droppedTotal - endedBefore)
      account.drop('fault', rest, batch, 0, String(error))
      settleLost(batch)
      // What it made is lost too: nobody gets it.
      account.made = madeBefore
      this.fault(error, rest)
      return
    }
    const count = out?.count ?? 0
    work?.end({ 'tailrace.records_out': count })
    account.passed += count - (account.made - madeBefore)
    if (out && count > 0) this.next.consume(out)
    else this.end(batch)
  }

  /** Nothing goes on. Whoever is told so is foreign code too. */
  private end(batch: Batch): void {
    try {
      settleAll(batch.receipts, 'delivered')
    } catch (error) {
      this.fault(error, 0)
    }
  }
}

/** How much of what a connector made it has handed on: one number for an account, whoever works on it during a reload. */
const handedOn = new WeakMap<Account, { made: number }>()

/**
 * Both ends of a connector, with its books: what goes in is received, what comes out is passed on or was made. When it
 * throws, what it has not accounted for is lost, and nothing else.
 */
export function withBooks(
  account: Account,
  fault: OnFault,
): { out(next: Consumer): Consumer; around(inner: Consumer): Consumer } {
  const books = handedOn.get(account) ?? { made: account.made }
  handedOn.set(account, books)
  let work: Work | undefined
  return {
    out: (next) => ({
      consume(batch) {
        // What comes behind it is others' work.
        work?.end()
        work = undefined
        account.passed += batch.count - (account.made - books.made)
        books.made = account.made
        next.consume(batch)
      },
    }),
    around: (inner) => ({
      consume(batch) {
        account.received += batch.count
        const ended = account.passed + account.consumed + account.droppedTotal
        work = batch.receipts.length > 0 ? beginWork('process', batch, account) : undefined
        try {
          inner.consume(batch)
          work?.end({ 'tailrace.records_out': 0 })
        } catch (error) {
          work?.end(undefined, error)
          // What it made and did not hand on is lost too.
          account.made = books.made
          const rest = batch.count - (account.passed + account.consumed + account.droppedTotal - ended)
          loseRest(batch, account, rest, error, fault)
        }
      },
    }),
  }
}
