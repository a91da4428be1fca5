import type { Batch } from '../telemetry/batch.ts'
import { Receipt } from '../telemetry/receipt.ts'
import { beginSend, type Place, pointOf, TracePoint, type Work } from './batch-trace.ts'
import { Dropped, fatesOf, Retryable, type Sender, type SendResult } from './sender.ts'

/** The batch as it goes into a queue at `now`, monotonic: traced ones know since when they wait, all others stay as they are. */
export function queueTraced(batch: Batch, queue: Place, now: number): Batch {
  if (!pointOf(batch.receipts)) return batch
  return batch.withReceipts(batch.receipts.map((receipt) => waiting(receipt, queue, now)))
}

function waiting(receipt: Receipt, queue: Place, now: number): Receipt {
  const at = pointOf([receipt])
  if (!at) return receipt
  const point = new TracePoint(at.trace, queue, now)
  return new Receipt((outcome) => {
    point.settled(outcome)
    receipt.settle(outcome)
  }, point)
}

/** A sender that is told which attempt with these records it is, from 1. */
export interface Attempts {
  send(batch: Batch, signal: AbortSignal, attempt: number): SendResult | Promise<SendResult>
  abandon(batch: Batch): SendResult | undefined
}

/** The sender with a span for each attempt with a traced batch. Batches without receipts cost nothing. */
export function withSpans(sender: Sender, queue: Place): Attempts {
  return {
    send(batch, signal, attempt) {
      const work = batch.receipts.length > 0 ? beginSend(batch, queue, attempt) : undefined
      return work ? sendTraced(sender, batch, signal, work) : sender.send(batch, signal)
    },
    abandon: (batch) => sender.abandon?.(batch),
  }
}

function sendTraced(sender: Sender, batch: Batch, signal: AbortSignal, work: Work): SendResult | Promise<SendResult> {
  let result: SendResult | Promise<SendResult>
  try {
    result = sender.send(batch, signal)
  } catch (error) {
    failed(work, error)
    throw error
  }
  if (result instanceof Promise) follow(work, result, signal, batch.count)
  else answered(work, result, batch.count)
  return result
}

/** Ends the span with the answer, or with the timeout that comes before it. */
function follow(work: Work, result: Promise<SendResult>, signal: AbortSignal, count: number): void {
  let over = false
  const once = (end: () => void) => {
    if (over) return
    over = true
    signal.removeEventListener('abort', aborted)
    end()
  }
  const aborted = () => once(() => failed(work, signal.reason))
  signal.addEventListener('abort', aborted)
  result.then(
    (answer) => once(() => answered(work, answer, count)),
    (error) => once(() => failed(work, error)),
  )
}

function answered(work: Work, result: SendResult, count: number): void {
  const { rejected, fault } = fatesOf(result, count)
  const lost = rejected + fault
  if (lost === 0) {
    work.end({ 'tailrace.outcome': result.durable ? 'durable' : 'delivered' })
    return
  }
  const reason = rejected > 0 ? 'rejected' : 'fault'
  const about = { 'tailrace.outcome': 'dropped', 'tailrace.reason': reason, 'tailrace.lost_records': lost }
  work.end(about, result.detail ?? reason)
}

function failed(work: Work, error: unknown): void {
  if (error instanceof Dropped) work.end({ 'tailrace.outcome': 'dropped', 'tailrace.reason': error.reason }, error)
  else work.end({ 'tailrace.outcome': error instanceof Retryable ? 'retryable' : 'failed' }, error)
}
