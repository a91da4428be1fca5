import { BatchTrace, TracePoint } from '../delivery/batch-trace.ts'
import type { Account } from '../delivery/ledger.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { ownScope, type Tracer } from '../runtime/tracer.ts'
import type { Batch } from '../telemetry/batch.ts'
import { Receipt } from '../telemetry/receipt.ts'

export interface BatchSamplerOptions {
  readonly tracer: Tracer
  readonly clock: Clock
  readonly metrics: Metrics
  /** Traces that begin in a second, at most: after a second without any, that many at once. */
  readonly maxPerSecond: number
}

/** Traces of batches that have not settled yet. When there are more the oldest ends, with its outcome unknown. */
const mostOpen = 1000
/** What it takes of the budget to find that a batch is about traces. */
const lookCost = 0.1

/** Says which batches are traced. One for the process. */
export class BatchSampler {
  private readonly options: BatchSamplerOptions
  private readonly open = new Set<BatchTrace>()
  private budget: number
  private filledAt: number
  private begun = 0

  constructor(options: BatchSamplerOptions) {
    this.options = options
    this.budget = options.maxPerSecond
    this.filledAt = options.clock.monotonic()
    const help = 'Traces of batches that have not settled yet.'
    options.metrics.observe('tailrace_own_traces_open', help, {}, () => this.open.size)
    const total = 'Batches that were sampled: each is a trace.'
    options.metrics.observe('tailrace_own_traces_total', total, {}, () => this.begun, 'counter')
  }

  /**
   * The batch with its trace, when it is sampled, else as it is. `account` is that of the receiver, which has had it since
   * `since` (monotonic), or now.
   */
  follow(batch: Batch, account: Account, since?: number): Batch {
    const { tracer, clock } = this.options
    const now = clock.monotonic()
    if (!this.mayBegin(now)) return batch
    const ahead = clock.now() - now
    const span = tracer.start(`receive ${account.id}`, ahead + (since ?? now), batch.origin?.metadata)
    if (!span) return batch
    if (isAboutItself(batch)) {
      // The span never ends, so nobody sees it.
      this.budget -= lookCost
      return batch
    }
    this.budget--
    this.begun++
    const trace = new BatchTrace(span, clock, ahead, {
      'tailrace.component': account.id,
      'tailrace.format': batch.format,
      'tailrace.records': batch.count,
      'tailrace.bytes': batch.size,
    })
    if (this.open.size >= mostOpen) this.endOldest()
    this.open.add(trace)
    const receipt = new Receipt((outcome) => {
      this.open.delete(trace)
      trace.end(outcome)
    }, new TracePoint(trace))
    return batch.withReceipts([...batch.receipts, receipt])
  }

  /** Monotonic milliseconds. */
  now(): number {
    return this.options.clock.monotonic()
  }

  /** Ends what is open: nothing more is heard of it. */
  close(): void {
    for (const trace of this.open) trace.end('unknown')
    this.open.clear()
  }

  private endOldest(): void {
    const [oldest] = this.open
    this.open.delete(oldest!)
    oldest!.end('unknown')
  }

  private mayBegin(now: number): boolean {
    const { maxPerSecond } = this.options
    this.budget = Math.min(maxPerSecond, this.budget + ((now - this.filledAt) / 1000) * maxPerSecond)
    this.filledAt = now
    return this.budget >= 1
  }
}

const scope = Buffer.from(ownScope)

/** Whether spans of a tailrace are in it: spans about those would never end. */
function isAboutItself(batch: Batch): boolean {
  return batch.format === 'traces' && batch.bytes().includes(scope)
}
