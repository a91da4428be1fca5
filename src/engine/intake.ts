import { type Admission, Refused, type Verdict } from '../delivery/admission.ts'
import { settleAll } from '../delivery/backlog.ts'
import type { Budget } from '../delivery/budget.ts'
import { entryCost } from '../delivery/budget.ts'
import type { Account } from '../delivery/ledger.ts'
import type { Consumer, Intake } from '../plugin.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { BatchSampler } from './batch-sampler.ts'
import { type Flow, type FlowOutcome, newFlow } from './flow-counts.ts'

export interface IntakeOptions {
  next: Consumer
  account: Account
  budget: Budget
  /** The queues that a batch from here can reach. Asked at every offer. */
  admissions: () => readonly Admission[]
  /** False: everything is taken, and full queues drop in their own branch. */
  pushesBack: boolean
  /** Told of records that were not let in because memory is short. */
  onShort?: (records: number) => void
  /** It leads nowhere yet: everything waits until `goOn`. */
  onHold?: boolean
  /** Where records of this format are counted. Default: nobody reads it. */
  flow?: Flow
  /** Asked of every batch that is let in whether it is traced. */
  sampler?: BatchSampler | undefined
}

interface Waiting {
  batch: Batch
  signal: AbortSignal | undefined
  isKept: boolean
  cost: number
  /** Since when, monotonic; undefined when nobody asks. */
  since: number | undefined
  /** Its signal is listened to no longer. */
  over(): void
  resolve(): void
  reject(error: Error): void
}

/** When to try again is part of the answer: without it clients of OTLP must drop what was refused. */
const memoryShort = new Refused('data refused due to high memory usage', 1000)

/**
 * Where a receiver delivers one format. All reachable queues are asked in one turn before any processor runs: all say
 * yes and the batch runs through every branch in that turn, or nobody gets it and no state was touched.
 */
export class ReceiverIntake implements Intake {
  private readonly flow: Flow
  private readonly options: IntakeOptions
  private readonly waiting: Waiting[] = []
  private waitingRecords = 0
  /** Refused, and about to be offered again by their receivers; each with what ends listening to its signal. */
  private readonly kept = new Map<Batch, () => void>()
  private keptRecords = 0
  private listening = false
  private onHold: boolean

  constructor(options: IntakeOptions) {
    this.options = options
    this.onHold = options.onHold ?? false
    this.flow = options.flow ?? newFlow()
  }

  /** Records that wait for room, here or in their receiver. */
  get held(): number {
    return this.waitingRecords + this.keptRecords
  }

  offer(batch: Batch, signal?: AbortSignal, isKept = false): void | Promise<void> {
    const { account, budget, pushesBack } = this.options
    const isNew = !this.unkeep(batch)
    if (isNew) account.offered += batch.count
    if (this.onHold) return this.defer(batch, signal, isKept)
    if (!pushesBack) return budget.short ? this.lose(batch) : this.run(batch)
    // What waits is in memory too: it is let in only while there is some.
    const waits = this.waiting.length > 0 && budget.admits(entryCost(batch.size, batch.count))
    const verdict = waits ? 'wait' : this.ask(batch, isKept)
    if (verdict === undefined) return this.run(batch)
    if (verdict === 'wait') return this.wait(batch, signal, isKept)
    this.sendBack(batch, signal, isKept)
    if (verdict === memoryShort && isNew) this.options.onShort?.(batch.count)
    throw verdict
  }

  private defer(batch: Batch, signal: AbortSignal | undefined, isKept: boolean): void | Promise<void> {
    if (this.options.budget.admits(entryCost(batch.size, batch.count))) return this.wait(batch, signal, isKept)
    if (!this.options.pushesBack) return this.lose(batch)
    this.sendBack(batch, signal, isKept)
    throw memoryShort
  }

  /** Counts what is refused, unless its receiver keeps it: that is not sent back to anybody before `signal` aborts. */
  private sendBack(batch: Batch, signal: AbortSignal | undefined, isKept: boolean): void {
    if (!isKept || signal?.aborted) {
      this.countRefused(batch.count)
      return
    }
    const giveUp = () => {
      if (this.unkeep(batch)) this.countRefused(batch.count)
    }
    this.kept.set(batch, () => signal?.removeEventListener('abort', giveUp))
    this.keptRecords += batch.count
    signal?.addEventListener('abort', giveUp, { once: true })
  }

  /** Answers whether its receiver kept it. */
  private unkeep(batch: Batch): boolean {
    const over = this.kept.get(batch)
    if (!over) return false
    over()
    this.kept.delete(batch)
    this.keptRecords -= batch.count
    return true
  }

  /** From now on everything waits, in order, until `goOn`. */
  hold(): void {
    this.onHold = true
  }

  goOn(): void {
    this.onHold = false
    this.listening = false
    this.pump()
  }

  /** Refuses whatever still waits: the process stops. */
  close(): void {
    for (const entry of this.waiting.splice(0)) this.refuse(entry, new Refused('the agent is shutting down'))
    for (const batch of [...this.kept.keys()]) if (this.unkeep(batch)) this.countRefused(batch.count)
  }

  /** A promise: some queue has not made safe yet what it got. */
  private run(batch: Batch, since?: number): void | Promise<void> {
    const { account, next, pushesBack, sampler } = this.options
    const { count } = batch
    account.taken += count
    let safe: Promise<void> | undefined
    try {
      next.consume(sampler ? sampler.follow(batch, account, since) : batch)
    } finally {
      if (pushesBack) safe = this.settle()
    }
    if (!safe) this.told('success', count)
    else
      safe.then(
        () => this.told('success', count),
        () => this.told('refused', count),
      )
    return safe
  }

  private told(outcome: FlowOutcome, records: number): void {
    const sum = this.flow[outcome]
    sum.requests++
    sum.records += records
  }

  private settle(): Promise<void> | undefined {
    let all: Promise<unknown> | undefined
    for (const queue of this.options.admissions()) {
      const safe = queue.settle()
      if (safe) all = all ? Promise.all([all, safe]) : safe
    }
    return all as Promise<void> | undefined
  }

  /** The protocol knows no refusal: what comes while memory is short ends here, counted. */
  private lose(batch: Batch): void {
    const { account, onShort } = this.options
    account.drop('memory', batch.count, batch)
    this.told('failure', batch.count)
    onShort?.(batch.count)
    settleAll(batch.receipts, { dropped: 'memory' })
  }

  private ask(batch: Batch, isKept: boolean): Verdict {
    const { admissions, budget } = this.options
    if (!budget.admits(entryCost(batch.size, batch.count))) return memoryShort
    const willing: Admission[] = []
    let verdict: Verdict
    for (const queue of admissions()) {
      const answer = queue.admit()
      if (answer === undefined) willing.push(queue)
      else if (answer === 'wait') verdict ??= answer
      else {
        verdict = answer
        if (!isKept) queue.sentBack?.(batch.count)
        break
      }
    }
    // Those alone: another may have said yes to a run that is still under way.
    if (verdict !== undefined) for (const queue of willing) queue.settle()
    return verdict
  }

  private wait(batch: Batch, signal: AbortSignal | undefined, isKept: boolean): Promise<void> {
    if (signal?.aborted) return Promise.reject(this.withdrawn(batch))
    const cost = entryCost(batch.size, batch.count)
    return new Promise((resolve, reject) => {
      const withdraw = () => {
        this.waiting.splice(this.waiting.indexOf(entry), 1)
        this.refuse(entry, new Refused('withdrawn'))
      }
      const over = () => signal?.removeEventListener('abort', withdraw)
      const since = this.options.sampler?.now()
      const entry: Waiting = { batch, signal, isKept, cost, since, over, resolve, reject }
      signal?.addEventListener('abort', withdraw, { once: true })
      this.waiting.push(entry)
      this.waitingRecords += batch.count
      this.options.budget.take(cost)
      this.listen()
    })
  }

  private countRefused(records: number): void {
    this.told('refused', records)
    this.options.account.refused += records
  }

  private withdrawn(batch: Batch): Refused {
    this.countRefused(batch.count)
    return new Refused('withdrawn')
  }

  private refuse(entry: Waiting, error: Refused, isKept = false): void {
    const { batch, signal } = entry
    this.release(entry)
    if (this.options.pushesBack) {
      this.sendBack(batch, signal, isKept)
      entry.reject(error)
      return
    }
    // Nobody would hear of it.
    this.options.account.drop('shutdown', batch.count, batch)
    this.told('failure', batch.count)
    settleAll(batch.receipts, { dropped: 'shutdown' })
    entry.resolve()
  }

  private release(entry: Waiting): void {
    entry.over()
    this.waitingRecords -= entry.batch.count
    this.options.budget.give(entry.cost)
  }

  /** Asks to be told when any reachable queue has room. */
  private listen(): void {
    if (this.listening) return
    this.listening = true
    for (const queue of this.options.admissions()) queue.onRoom(this.again)
  }

  // One function for good: queues that are asked again and again keep it once.
  private readonly again = (): void => {
    if (!this.listening || this.onHold) return
    this.listening = false
    this.pump()
  }

  /** First come, first served: the head goes on as soon as every queue takes it. */
  private pump(): void {
    for (let head = this.waiting[0]; head; head = this.waiting[0]) {
      // Its own charge must not stand in its way.
      this.options.budget.give(head.cost)
      const verdict = this.options.pushesBack ? this.ask(head.batch, head.isKept) : undefined
      this.options.budget.take(head.cost)
      if (verdict === 'wait') {
        this.listen()
        return
      }
      this.waiting.shift()
      if (verdict) {
        this.refuse(head, verdict, head.isKept)
        continue
      }
      this.release(head)
      const safe = this.run(head.batch, head.since)
      if (safe) safe.then(head.resolve, head.reject)
      else head.resolve()
    }
  }
}
