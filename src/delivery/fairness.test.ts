import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, otlpLogs } from '../../test/support/delivery.ts'
import { Backlog } from './backlog.ts'
import { entryCost } from './budget.ts'
import { FairGate } from './fair-gate.ts'
import { Fairness } from './fairness.ts'
import { queued } from './queued.ts'
import { sent } from './sender.ts'

async function stuck(written: Record<string, unknown>) {
  const host = deliveryHost()
  const pending: (() => void)[] = []
  const send = (batch: { count: number }) =>
    new Promise<ReturnType<typeof sent>>((resolve) => void pending.push(() => resolve(sent(batch.count))))
  const settings = { queue_bytes: 0, timeout: 0, max_batch_records: 10, ...written }
  const exporter = queued(deliveryConfig(settings), host, { send, close() {} })
  await exporter.start()
  exporter.consume(envelopes(['on the wire'], 'first'))
  const put = (app: string, count: number) =>
    exporter.consume(
      envelopes(
        Array.from({ length: count }, () => 'x'.repeat(50)),
        app,
      ),
    )
  return { host, exporter, put, pending, account: host.only }
}

test.each(['drop_oldest', 'drop_newest'])(
  'in a queue that is half full a flooding app hurts itself (%s)',
  async (when_full) => {
    const { put, account } = await stuck({ when_full, queue_size: 201 })
    for (const app of ['quiet a', 'quiet b', 'quiet c']) put(app, 2)
    put('flood', 99)
    expect(account.droppedTotal).toBe(0)
    for (let i = 0; i < 50; i++) put('flood', 10)
    // Four sources: the flood got to half of the queue before it was half full, and no further.
    expect(account.dropped('unfair_share')).toBe(500)
    expect(account.dropped('displaced') + account.dropped('queue_full')).toBe(0)
    for (const app of ['quiet a', 'quiet b', 'quiet c']) put(app, 20)
    expect(account.dropped('unfair_share')).toBe(500)
    expect(account.imbalance()).toBe(0)
  },
)

test('a single app may fill the queue', async () => {
  const { put, account } = await stuck({ when_full: 'drop_oldest', queue_size: 101 })
  for (let i = 0; i < 15; i++) put('only', 10)
  expect([account.dropped('unfair_share'), account.dropped('displaced')]).toEqual([0, 50])
})

test('below half nobody is counted', async () => {
  const { put, account } = await stuck({ when_full: 'drop_oldest', queue_size: 201 })
  put('quiet', 1)
  for (let i = 0; i < 9; i++) put('flood', 10)
  expect(account.droppedTotal).toBe(0)
})

test('a queue that refuses or waits is left as it is, and records without a source are one source', async () => {
  const refusing = await stuck({ when_full: 'refuse', queue_size: 101 })
  refusing.put('quiet', 10)
  for (let i = 0; i < 9; i++) refusing.put('flood', 10)
  expect(refusing.account.droppedTotal).toBe(0)
  const { exporter, account } = await stuck({ when_full: 'drop_oldest', queue_size: 101 })
  for (let i = 0; i < 10; i++) exporter.consume(otlpLogs(Array.from({ length: 10 }, () => 'x')))
  expect(account.droppedTotal).toBe(0)
})

test('what leaves the queue leaves its bucket, so the flood may come back', async () => {
  const { put, account, pending, exporter } = await stuck({ when_full: 'drop_oldest', queue_size: 201 })
  put('quiet', 10)
  for (let i = 0; i < 30; i++) put('flood', 10)
  const lost = account.dropped('unfair_share')
  expect(lost).toBeGreaterThan(0)
  while (exporter.queue.records > 20) {
    pending.shift()!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  put('flood', 10)
  expect(account.dropped('unfair_share')).toBe(lost)
})

test('the buckets are exact: what entered and left is gone', () => {
  const fairness = new Fairness()
  const batch = envelopes(['a', 'bb', 'ccc'], 'app')
  const shares = fairness.shares(batch)
  fairness.enter(shares)
  expect([fairness.held('app'), fairness.activeBuckets]).toEqual([batch.size, 1])
  fairness.leave(shares, 0, 1)
  expect(fairness.held('app')).toBe(batch.size - envelopes(['a'], 'app').size)
  fairness.leave(shares, 1, 3)
  expect([fairness.held('app'), fairness.activeBuckets]).toEqual([0, 0])
})

test('and stay exact however batches are cut, joined and dropped', () => {
  const none = Number.POSITIVE_INFINITY
  const step = fc.record({
    what: fc.constantFrom('put', 'put', 'take', 'front', 'end'),
    n: fc.integer({ min: 1, max: 9 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const backlog = new Backlog()
      const gate = new FairGate(backlog)
      gate.enter(envelopes(['x']), 0.5)
      backlog.fairness!.clear()
      for (const { what, n } of steps) {
        const head = backlog.head()
        if (what === 'put') {
          const batch = gate.enter(envelopes(Array(n).fill('y'.repeat(n * 20)), `app ${n % 3}`), 0.3)
          const { count, size: bytes } = batch
          const cost = entryCost(bytes, count)
          backlog.push({ batch, first: 0, count, bytes, cost, at: 0, own: false, shares: gate.shares })
        } else if (what === 'take') {
          backlog.take({ records: n, bytes: none, enoughRecords: n, enoughBytes: none, fill: true })
        } else if (head) {
          const last = backlog.entry(backlog.entries - 1)!
          if (what === 'front') backlog.remove(head, Math.min(n, head.count), false)
          else backlog.remove(last, Math.min(n, last.count), true)
        }
        const held = ['app 0', 'app 1', 'app 2'].map((app) => backlog.fairness!.held(app))
        expect(held.reduce((sum, bytes) => sum + bytes)).toBe(backlog.bytes)
        expect(backlog.fairness!.activeBuckets).toBe(held.filter((bytes) => bytes > 0).length)
        if (backlog.records === 0) expect([backlog.bytes, backlog.cost, backlog.entries]).toEqual([0, 0, 0])
      }
    }),
    { numRuns: 300 },
  )
})
