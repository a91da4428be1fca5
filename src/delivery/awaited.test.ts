import { describe, expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes } from '../../test/support/delivery.ts'
import type { Batch } from '../telemetry/batch.ts'
import { Receipt } from '../telemetry/receipt.ts'
import type { Undelivered } from './admission.ts'
import { queued } from './queued.ts'
import { Dropped, Retryable, type SendResult, sent } from './sender.ts'

type Answer = SendResult | Error

/** A started exporter whose sends end when `answer` is called, oldest first. */
async function exporterWith(written: Record<string, unknown>, consumers = 10) {
  const host = deliveryHost()
  const calls: { texts: number; end: PromiseWithResolvers<SendResult> }[] = []
  const sender = {
    send(batch: Batch) {
      const end = Promise.withResolvers<SendResult>()
      calls.push({ texts: batch.count, end })
      return end.promise
    },
    close() {},
  }
  const exporter = queued(deliveryConfig(written, { num_consumers: consumers }), host, sender, { random: () => 0.5 })
  await exporter.start()
  const answer = (with_: Answer) => {
    const { end } = calls.shift()!
    if (with_ instanceof Error) end.reject(with_)
    else end.resolve(with_)
  }
  const [admission] = exporter.admissions()
  /** What the engine does with one batch, or several that a processor made of it. */
  const offer = (...batches: Batch[]) => {
    expect(admission!.admit()).toBeUndefined()
    for (const batch of batches) exporter.consume(batch)
    return admission!.settle() as Promise<void> | undefined
  }
  return { exporter, admission: admission!, offer, answer, calls, host }
}

const off = { sending_queue: { enabled: false } }
const once = { ...off, retry_on_failure: { enabled: false } }
const reasonOf = (promise: Promise<void> | undefined) =>
  promise!.then(
    () => 'delivered',
    (error: Undelivered) => [error.message, error.isPermanent],
  )

describe.each([
  ['without a queue', once],
  ['with wait_for_result', { ...once, sending_queue: { wait_for_result: true } }],
])('%s', (_, written) => {
  test('a sender is answered when its records are delivered', async () => {
    const { offer, answer } = await exporterWith(written)
    const answered = reasonOf(offer(envelopes(['a', 'b'])))
    answer(sent(2))
    expect(await answered).toBe('delivered')
  })

  test.each<[Answer, unknown]>([
    [new Dropped('rejected', 'wrong'), ['not retryable error: wrong', true]],
    [new Retryable('busy'), ['busy', false]],
    [new Error('broken'), ['broken', false]],
    [{ sent: 0, detail: 'all are too old' }, ['all are too old', true]],
    [{ sent: 1, detail: 'one is too old' }, 'delivered'],
  ])('and told of %o', async (said, heard) => {
    const { offer, answer } = await exporterWith(written)
    const answered = reasonOf(offer(envelopes(['a', 'b'])))
    answer(said)
    expect(await answered).toEqual(heard)
  })
})

test('a failure names what the sender failed with', async () => {
  const { offer, answer } = await exporterWith(once)
  const answered = offer(envelopes(['a']))
  const cause = new Dropped('rejected', 'wrong')
  answer(cause)
  await expect(answered).rejects.toMatchObject({ name: 'Undelivered', cause })
})

test('repeats are waited for', async () => {
  const { offer, answer, calls, host } = await exporterWith(off)
  const answered = reasonOf(offer(envelopes(['a'])))
  answer(new Retryable('busy'))
  await Promise.resolve()
  await new Promise(setImmediate)
  host.clock.advance(5000)
  expect(calls).toHaveLength(1)
  answer(sent(1))
  expect(await answered).toBe('delivered')
})

test('all that became of a batch is waited for; one part lost is a loss', async () => {
  const { offer, answer } = await exporterWith(once)
  const answered = reasonOf(offer(envelopes(['a']), envelopes(['b'])))
  answer(sent(1))
  answer(new Retryable('busy'))
  expect(await answered).toEqual(['busy', false])
})

test('each batch is a call of its own and waits for no other', async () => {
  const { offer, answer, calls } = await exporterWith(once)
  const answers = [envelopes(['a']), envelopes(['b', 'c']), envelopes(['d'])].map((batch) => reasonOf(offer(batch)))
  expect(calls.map(({ texts }) => texts)).toEqual([1, 2, 1])
  for (const count of [1, 2]) answer(sent(count))
  answer(new Dropped('rejected', 'wrong'))
  expect(await Promise.all(answers)).toEqual(['delivered', 'delivered', ['not retryable error: wrong', true]])
})

test('an exporter that keeps order makes one call at a time', async () => {
  const { offer, answer, admission } = await exporterWith(once, 1)
  const answered = reasonOf(offer(envelopes(['a'])))
  expect(admission.admit()).toBe('wait')
  answer(sent(1))
  expect(await answered).toBe('delivered')
  expect(admission.admit()).toBeUndefined()
})

test('what nobody waits for is sent all the same, and what got nothing is not waited for', async () => {
  const { exporter, answer, host, offer } = await exporterWith(once)
  exporter.consume(envelopes(['a']))
  answer(sent(1))
  await new Promise(setImmediate)
  expect(host.only.sent).toBe(1)
  expect(offer()).toBeUndefined()
})

test('other receipts of a batch are told too', async () => {
  const { offer, answer } = await exporterWith(once)
  const told = new Promise((resolve) => {
    const batch = envelopes(['a']).withReceipts([new Receipt(resolve)])
    void offer(batch)
  })
  answer(new Dropped('rejected', 'wrong'))
  expect(await told).toMatchObject({ dropped: 'rejected' })
})

test('the end of the process answers who waits', async () => {
  const { exporter, offer } = await exporterWith(off)
  const answered = reasonOf(offer(envelopes(['a'])))
  await exporter.stop(AbortSignal.abort())
  expect(await answered).toEqual(['the process stopped before they could be sent', false])
})
