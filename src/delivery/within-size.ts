import type { Batch } from '../telemetry/batch.ts'
import { Dropped, Retryable, type SendResult } from './sender.ts'

type Send = (batch: Batch, abort: AbortSignal) => SendResult | Promise<SendResult>
type Settled = SendResult | Retryable | Dropped

/** A `send` that halves what is too large for one request; only written batch settings let a batch become that large. */
export function withinSize(maxBytes: number, send: Send): Send {
  const sendAll: Send = (batch, abort) => {
    if (batch.size <= maxBytes) return send(batch, abort)
    if (batch.count === 1)
      throw new Dropped('too_large', `one record makes a request of ${batch.size} bytes, the most is ${maxBytes}`)
    return halves(batch, abort)
  }
  const halves = async (batch: Batch, abort: AbortSignal): Promise<SendResult> => {
    const middle = batch.count >> 1
    const first = await settled(sendAll, batch.slice(0, middle), abort)
    // Nothing of it has arrived: all of it may be repeated.
    if (first instanceof Retryable) throw first
    const second = await settled(sendAll, batch.slice(middle), abort)
    return joined(first, second, batch.count)
  }
  return sendAll
}

async function settled(send: Send, batch: Batch, abort: AbortSignal): Promise<Settled> {
  try {
    return await send(batch, abort)
  } catch (error) {
    if (error instanceof Retryable || error instanceof Dropped) return error
    throw error
  }
}

/** Two halves of one batch as one result. A half that could be repeated takes the other with it: counted as maybe twice. */
function joined(first: SendResult | Dropped, second: Settled, count: number): SendResult {
  if (second instanceof Retryable) {
    const { message, retryAfterMs, cause } = second
    throw new Retryable(message, { retryAfterMs, maybeDelivered: true, cause })
  }
  if (first instanceof Dropped && second instanceof Dropped) throw first
  const sent = (first instanceof Dropped ? 0 : first.sent) + (second instanceof Dropped ? 0 : second.sent)
  const detail = [first, second].map(detailOf).find((text) => text !== undefined)
  return { sent, rejected: count - sent, ...(detail !== undefined && { detail }) }
}

const detailOf = (result: SendResult | Dropped) => (result instanceof Dropped ? result.message : result.detail)
