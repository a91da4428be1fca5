import { describe, expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, otlpLogs, textsOf } from '../../test/support/delivery.ts'
import type { Batch } from '../telemetry/batch.ts'
import { type Outcome, Receipt } from '../telemetry/receipt.ts'
import type { DeliveryDefaults } from './fields.ts'
import { type QueuedOptions, queued } from './queued.ts'
import { Dropped, Retryable, type SendResult, sent } from './sender.ts'

type Answer = SendResult | Error | 'later'

/** A started exporter whose sender takes its answers from a list, and accepts when there is none. */
async function exporterWith(
  written: Record<string, unknown> = {},
  use: { defaults?: DeliveryDefaults; options?: QueuedOptions; readsOrigins?: boolean } = {},
) {
  const host = deliveryHost(undefined, use.readsOrigins)
  const sends: string[][] = []
  const answers: Answer[] = []
  const signals: AbortSignal[] = []
  const pending: { resolve: (result: SendResult) => void; reject: (error: Error) => void }[] = []
  let closed = 0
  const sender = {
    send(batch: Batch, signal: AbortSignal): SendResult | Promise<SendResult> {
      sends.push(textsOf(batch))
      signals.push(signal)
      const answer = answers.shift() ?? sent(batch.count)
      if (answer === 'later') return new Promise((resolve, reject) => void pending.push({ resolve, reject }))
      if (answer instanceof Error) throw answer
      return answer
    },
    close: () => void closed++,
  }
  const options = { random: () => 0.5, ...use.options }
  const exporter = queued(deliveryConfig(written, use.defaults), host, sender, options)
  await exporter.start()
  const { only: account, clock } = host
  return { host, exporter, sends, answers, signals, pending, account, clock, closed: () => closed }
}

const turn = async () => {
  for (let i = 0; i < 6; i++) await Promise.resolve()
}

describe('the rhythm of sending', () => {
  test('an idle destination sends at once, inside consume', async () => {
    const { exporter, sends } = await exporterWith()
    exporter.consume(envelopes(['a', 'b']))
    expect(sends).toEqual([['a', 'b']])
  })

  test('after that when linger has passed, with all that came meanwhile', async () => {
    const { exporter, sends, clock } = await exporterWith({ linger: '2ms' })
    for (const text of ['a', 'b', 'c']) exporter.consume(envelopes([text]))
    clock.advance(1)
    expect(sends).toEqual([['a']])
    clock.advance(1)
    expect(sends).toEqual([['a'], ['b', 'c']])
    clock.advance(2)
    exporter.consume(envelopes(['d']))
    expect(sends[2]).toEqual(['d'])
  })

  test('and when the previous send has completed', async () => {
    const { exporter, sends, answers, pending, clock } = await exporterWith()
    answers.push('later')
    for (const text of ['a', 'b', 'c']) exporter.consume(envelopes([text]))
    clock.advance(50)
    expect(sends).toEqual([['a']])
    pending[0]!.resolve(sent(1))
    await turn()
    expect(sends).toEqual([['a'], ['b', 'c']])
  })

  test.each([
    ['max_batch_records', { max_batch_records: 3 }],
    ['max_batch_bytes', { max_batch_bytes: envelopes(['b', 'c', 'd']).size }],
  ])('or at once at %s', async (_, limit) => {
    const { exporter, sends } = await exporterWith({ linger: '1s', ...limit })
    for (const text of ['a', 'b', 'c', 'd', 'e']) exporter.consume(envelopes([text]))
    expect(sends).toEqual([['a'], ['b', 'c', 'd']])
  })

  test.each([envelopes, otlpLogs])('a batch larger than the limits is split between records (%o)', async (make) => {
    const { exporter, sends } = await exporterWith({ linger: 0, max_batch_records: 2 })
    exporter.consume(make(['a', 'b', 'c', 'd', 'e']))
    expect(sends).toEqual([['a', 'b'], ['c', 'd'], ['e']])
    const bySize = await exporterWith({ linger: 0, max_batch_bytes: 100 })
    bySize.exporter.consume(make(['x'.repeat(300), 'b', 'c'.repeat(300), 'd']))
    expect(bySize.sends.map((texts) => texts.length)).toEqual([1, 1, 1, 1])
    expect(bySize.sends.flat().map((text) => text[0])).toEqual(['x', 'b', 'c', 'd'])
  })

  test('a record above the limit of the peer is dropped alone', async () => {
    const { exporter, sends, account } = await exporterWith({}, { options: { maxRecordBytes: 100 } })
    exporter.consume(envelopes(['a', 'x'.repeat(200), 'b']))
    expect(sends).toEqual([['a', 'b']])
    expect(account.dropped('too_large')).toBe(1)
    expect(account.imbalance()).toBe(0)
  })

  test('formats are never joined, nor are origins when somebody reads them', async () => {
    const { exporter, sends, clock } = await exporterWith({}, { readsOrigins: true })
    const [here, there] = ['here', 'there'].map((address) => ({ address, port: 1, subject: undefined }))
    exporter.consume(envelopes(['first']))
    exporter.consume(envelopes(['a'], 'app', { origin: here }))
    exporter.consume(envelopes(['b'], 'app', { origin: here }))
    exporter.consume(envelopes(['c'], 'app', { origin: there }))
    exporter.consume(otlpLogs(['d'], { origin: there }))
    for (let i = 0; i < 3; i++) clock.advance(2)
    expect(sends).toEqual([['first'], ['a', 'b'], ['c'], ['d']])
  })

  test('several consumers send side by side, one keeps the order', async () => {
    const two = await exporterWith({ linger: 0, sending_queue: { num_consumers: 2 } })
    two.answers.push('later', 'later')
    for (const text of ['a', 'b', 'c']) two.exporter.consume(envelopes([text]))
    expect(two.sends).toEqual([['a'], ['b']])
    expect(two.account.held()).toBe(3)
  })

  test('nothing is sent before start', async () => {
    const host = deliveryHost()
    const events: string[] = []
    const exporter = queued(deliveryConfig(), host, {
      connect: () => void events.push('connect'),
      send(batch) {
        events.push('send')
        return sent(batch.count)
      },
      close() {},
    })
    exporter.consume(envelopes(['a']))
    expect(host.only.held()).toBe(1)
    await exporter.start()
    expect(events).toEqual(['connect', 'send'])
  })
})

describe('written batch settings', () => {
  const batch = { flush_timeout: '200ms', min_size: 4, max_size: 5 }

  test('are obeyed to the letter: min_size, max_size, and the age of the oldest record', async () => {
    const { exporter, sends, clock } = await exporterWith({ sending_queue: { batch } })
    exporter.consume(envelopes(['a']))
    clock.advance(199)
    expect(sends).toEqual([])
    clock.advance(1)
    expect(sends).toEqual([['a']])
    exporter.consume(envelopes(['b', 'c', 'd']))
    clock.advance(100)
    exporter.consume(envelopes(['e', 'f', 'g']))
    expect(sends[1]).toEqual(['b', 'c', 'd', 'e', 'f'])
    clock.advance(199)
    expect(sends.length).toBe(2)
    clock.advance(1)
    expect(sends[2]).toEqual(['g'])
  })

  test('without max_size a batch ends where min_size is reached', async () => {
    const { exporter, sends } = await exporterWith({ sending_queue: { batch: { min_size: 2 } } })
    exporter.consume(envelopes(['a']))
    exporter.consume(envelopes(['b', 'c', 'd']))
    expect(sends).toEqual([['a', 'b', 'c', 'd']])
  })

  test('can come from a batch processor', async () => {
    const { exporter, sends } = await exporterWith()
    exporter.obey({ flushMs: 200, minSize: 2, maxSize: 0, sizer: 'items' })
    exporter.consume(envelopes(['a']))
    expect(sends).toEqual([])
    exporter.consume(envelopes(['b']))
    expect(sends).toEqual([['a', 'b']])
  })
})

describe('failures', () => {
  const retry_on_failure = { initial_interval: '100ms', max_interval: '300ms', max_elapsed_time: '1s', multiplier: 2 }

  test('a retry holds back what follows and comes after growing pauses', async () => {
    const { exporter, sends, answers, account, clock } = await exporterWith({ retry_on_failure })
    answers.push(new Retryable('busy'), new Retryable('busy'))
    exporter.consume(envelopes(['a']))
    exporter.consume(envelopes(['b']))
    clock.advance(99)
    expect(sends).toEqual([['a']])
    expect(exporter.ready()).toBe(false)
    clock.advance(1)
    clock.advance(199)
    expect(sends.length).toBe(2)
    clock.advance(1)
    expect(sends).toEqual([['a'], ['a'], ['a'], ['b']])
    expect(exporter.ready()).toBe(true)
    expect([account.sent, account.attempts, account.maybe_duplicate]).toEqual([2, 4, 0])
  })

  test('the server may ask for a longer pause, never for a shorter one', async () => {
    const { exporter, sends, answers, clock } = await exporterWith({ retry_on_failure })
    answers.push(new Retryable('throttled', { retryAfterMs: 700 }), new Retryable('throttled', { retryAfterMs: 1 }))
    exporter.consume(envelopes(['a']))
    clock.advance(699)
    expect(sends.length).toBe(1)
    clock.advance(1)
    clock.advance(199)
    expect(sends.length).toBe(2)
    clock.advance(1)
    expect(sends.length).toBe(3)
  })

  test('it gives up before a pause that would pass max_elapsed_time', async () => {
    const { exporter, answers, account, clock } = await exporterWith({ retry_on_failure })
    answers.push(...Array.from({ length: 9 }, () => new Retryable('busy')))
    exporter.consume(envelopes(['a']))
    clock.advance(899)
    // Attempts at 0, 100, 300, 600 and 900; after the last the next would be at 1,200.
    expect([account.attempts, account.dropped('retries_exhausted')]).toEqual([4, 0])
    clock.advance(1)
    expect([account.attempts, account.dropped('retries_exhausted')]).toEqual([5, 1])
    expect(account.imbalance()).toBe(0)
  })

  test('the pause is drawn from [d * (1 - f), d * (1 + f)]', async () => {
    for (const [random, at] of [
      [0, 50],
      [0.999999, 150],
    ] as const) {
      const options = { options: { random: () => random } }
      const { exporter, sends, answers, clock } = await exporterWith({ retry_on_failure }, options)
      answers.push(new Retryable('busy'))
      exporter.consume(envelopes(['a']))
      clock.advance(at - 1)
      expect(sends.length).toBe(1)
      clock.advance(1)
      expect(sends.length).toBe(2)
    }
  })

  test('without retries a failed send is lost as connection', async () => {
    const { exporter, answers, account } = await exporterWith({ retry_on_failure: { enabled: false } })
    answers.push(new Error('reset'))
    exporter.consume(envelopes(['a', 'b']))
    expect(account.dropped('connection')).toBe(2)
    expect(exporter.ready()).toBe(false)
  })

  test('what will never go through is lost at once, with its reason', async () => {
    const { exporter, answers, account } = await exporterWith()
    answers.push(new Dropped('too_large'))
    exporter.consume(envelopes(['a', 'b']))
    expect(account.dropped('too_large')).toBe(2)
  })

  test('partial success: the rejected are lost, the rest is sent', async () => {
    const { exporter, answers, account } = await exporterWith()
    answers.push({ sent: 2, rejected: 1 })
    exporter.consume(envelopes(['a', 'b', 'c']))
    expect([account.sent, account.dropped('rejected'), account.imbalance()]).toEqual([2, 1, 0])
  })

  test('an unknown outcome is repeated and counted as maybe_duplicate', async () => {
    const { exporter, answers, account, clock } = await exporterWith({ retry_on_failure })
    answers.push(new Error('socket hang up'), Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
    exporter.consume(envelopes(['a', 'b']))
    clock.advance(100)
    clock.advance(200)
    expect([account.sent, account.attempts, account.maybe_duplicate]).toEqual([2, 6, 4])
  })

  test('each attempt has a timeout, which aborts its signal', async () => {
    const { exporter, sends, answers, signals, pending, account, clock } = await exporterWith({
      timeout: '1s',
      retry_on_failure,
    })
    answers.push('later')
    exporter.consume(envelopes(['a']))
    clock.advance(999)
    expect(signals[0]!.aborted).toBe(false)
    expect(account.dropped('retries_exhausted')).toBe(0)
    clock.advance(1)
    expect(signals[0]!.aborted).toBe(true)
    // Too late: it was given up, and an answer now changes nothing.
    pending[0]!.resolve(sent(1))
    await turn()
    expect([account.sent, account.dropped('retries_exhausted'), account.imbalance()]).toEqual([0, 1, 0])
    exporter.consume(envelopes(['b']))
    expect(sends[1]).toEqual(['b'])
    expect(signals[1]!.aborted).toBe(false)
  })
})

describe('receipts', () => {
  const withReceipt = (texts: string[], outcomes: Outcome[]) =>
    envelopes(texts, 'app', { receipts: [new Receipt((outcome) => void outcomes.push(outcome))] })

  test('are settled once when all parts of a split batch are', async () => {
    const { exporter, answers } = await exporterWith({ linger: 0, max_batch_records: 1 })
    const outcomes: Outcome[] = []
    answers.push(sent(1), new Dropped('rejected'))
    exporter.consume(withReceipt(['a', 'b', 'c'], outcomes))
    expect(outcomes).toMatchObject([{ dropped: 'rejected', detail: 'not retryable error: rejected' }])
  })

  test('survive joining, and can be durable', async () => {
    const { exporter, answers, clock } = await exporterWith()
    const [one, two]: [Outcome[], Outcome[]] = [[], []]
    answers.push(sent(1), { sent: 2, durable: true })
    exporter.consume(envelopes(['first']))
    exporter.consume(withReceipt(['a'], one))
    exporter.consume(withReceipt(['b'], two))
    clock.advance(2)
    expect([one, two]).toEqual([['durable'], ['durable']])
  })

  test('tell of records displaced from a full queue', async () => {
    const { exporter, answers } = await exporterWith({ when_full: 'drop_oldest', queue_size: 4 })
    const outcomes: Outcome[] = []
    answers.push('later')
    exporter.consume(envelopes(['a']))
    exporter.consume(withReceipt(['b', 'c', 'd'], outcomes))
    for (const text of ['e', 'f']) exporter.consume(envelopes([text]))
    expect(outcomes).toEqual([])
    exporter.consume(envelopes(['g']))
    expect(outcomes).toEqual([{ dropped: 'displaced' }])
  })
})

describe('stop', () => {
  test('sends what is queued without lingering, then closes', async () => {
    const { exporter, sends, account, closed } = await exporterWith({ linger: '1s' })
    for (const text of ['a', 'b', 'c']) exporter.consume(envelopes([text]))
    await exporter.stop(new AbortController().signal)
    expect(sends).toEqual([['a'], ['b', 'c']])
    expect([account.sent, account.held(), closed()]).toEqual([3, 0, 1])
  })

  test('makes one attempt each, also of what waits for a repeat; what fails is lost as shutdown', async () => {
    const { exporter, answers, account, host } = await exporterWith()
    answers.push(new Retryable('busy'), new Retryable('busy'), sent(1))
    exporter.consume(envelopes(['a']))
    exporter.consume(envelopes(['b']))
    await exporter.stop(new AbortController().signal)
    expect([account.sent, account.dropped('shutdown'), account.imbalance()]).toEqual([1, 1, 0])
    expect(host.budget.used).toBe(0)
  })

  test('gives up when the deadline aborts: all is counted and settled, the call aborted', async () => {
    const { exporter, answers, account, signals, closed } = await exporterWith()
    const outcomes: Outcome[] = []
    const receipts = () => [new Receipt((outcome) => void outcomes.push(outcome))]
    answers.push('later')
    exporter.consume(envelopes(['a'], 'app', { receipts: receipts() }))
    exporter.consume(envelopes(['b', 'c'], 'app', { receipts: receipts() }))
    const deadline = new AbortController()
    const stopped = exporter.stop(deadline.signal)
    expect(account.held()).toBe(3)
    deadline.abort()
    await stopped
    expect([account.dropped('shutdown'), account.held(), closed()]).toEqual([3, 0, 1])
    expect(outcomes).toEqual([{ dropped: 'shutdown' }, { dropped: 'shutdown' }])
    expect(signals[0]!.aborted).toBe(true)
  })

  test('is legal before start, and twice', async () => {
    const host = deliveryHost()
    const exporter = queued(deliveryConfig(), host, { send: (batch) => sent(batch.count), close() {} })
    exporter.consume(envelopes(['a']))
    const { signal } = new AbortController()
    await Promise.all([exporter.stop(signal), exporter.stop(signal)])
    exporter.consume(envelopes(['b']))
    expect([host.only.dropped('shutdown'), host.only.imbalance()]).toEqual([2, 0])
    expect(exporter.admissions()[0]!.admit()).toMatchObject({ reason: 'shutting down' })
  })

  test('what comes in the very turn in which the last send ends is counted too', async () => {
    const { exporter, answers, pending, account } = await exporterWith()
    answers.push('later')
    exporter.consume(envelopes(['a']))
    const stopped = exporter.stop(new AbortController().signal)
    pending[0]!.resolve(sent(1))
    for (let i = 0; i < 8; i++) {
      await Promise.resolve()
      exporter.consume(envelopes(['b']))
    }
    await stopped
    expect([account.held(), account.imbalance(), account.received]).toEqual([0, 0, 9])
  })

  test('a sender that does not close ends with the deadline', async () => {
    const host = deliveryHost()
    const close = () => new Promise<void>(() => {})
    const exporter = queued(deliveryConfig(), host, { send: (batch) => sent(batch.count), close })
    await exporter.start()
    const deadline = new AbortController()
    const stopped = exporter.stop(deadline.signal)
    await turn()
    deadline.abort()
    await stopped
  })
})

test('records that differ in the metadata a batch processor names are never joined, others are', async () => {
  const origin = (tenant: string, port: number) => ({
    address: '10.0.0.1',
    port,
    subject: undefined,
    metadata: { tenant },
  })
  const host = deliveryHost(undefined, true)
  const sends: string[][] = []
  const sender = {
    send(batch: Batch) {
      sends.push(textsOf(batch))
      return sent(batch.count)
    },
    close() {},
  }
  const batching = () => ({
    flushMs: 100,
    minSize: 1000,
    maxSize: 0,
    sizer: 'items' as const,
    metadataKeys: ['tenant'],
  })
  const exporter = queued(deliveryConfig(), { ...host, batching }, sender)
  await exporter.start()
  for (const [text, tenant, port] of [
    ['a', 'one', 1],
    ['b', 'one', 2],
    ['c', 'two', 1],
    ['d', 'one', 1],
  ] as const)
    exporter.consume(envelopes([text], 'app', { origin: origin(tenant, port) }))
  host.clock.advance(100)
  expect(sends).toEqual([['a', 'b'], ['c'], ['d']])
  expect(exporter.account.batches).toMatchObject({ bySize: 0, byAge: 3, records: { sum: 4 } })
})

test('what a full queue sends back is counted, and how full it is can be asked', async () => {
  const { exporter, answers, account } = await exporterWith({ when_full: 'refuse', queue_size: 2 })
  answers.push('later')
  exporter.consume(envelopes(['a', 'b']))
  const [queue] = exporter.admissions()
  expect(queue!.admit()).toMatchObject({ reason: 'sending queue is full' })
  queue!.sentBack!(5)
  expect([account.turned_away, account.fill?.size(), account.fill?.capacity]).toEqual([5, 2, 2])
})
