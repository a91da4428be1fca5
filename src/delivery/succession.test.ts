import { expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, textsOf } from '../../test/support/delivery.ts'
import type { Batch } from '../telemetry/batch.ts'
import { type Outcome, Receipt } from '../telemetry/receipt.ts'
import { Account } from './ledger.ts'
import { queued } from './queued.ts'
import { Retryable, type SendResult, sent } from './sender.ts'
import { succeed } from './succession.ts'

/** Exporters that come one after the other, on one clock; `broken` ones fail and try again later. */
function newHouse() {
  const host = deliveryHost()
  const accounts: Account[] = [host.only]
  const pending: { resolve(result: SendResult): void; reject(error: Error): void }[] = []
  const make = async (
    how: 'works' | 'fails' | 'hangs',
    written: Record<string, unknown> = {},
    account: Account = host.only,
  ) => {
    const sends: string[][] = []
    const signals: AbortSignal[] = []
    const sender = {
      send(batch: Batch, signal: AbortSignal): SendResult | Promise<SendResult> {
        sends.push(textsOf(batch))
        signals.push(signal)
        if (how === 'fails') throw new Retryable('down')
        if (how === 'hangs') return new Promise((resolve, reject) => void pending.push({ resolve, reject }))
        return sent(batch.count)
      },
      close() {},
    }
    const settings = deliveryConfig({ max_batch_records: 2, linger: 0, ...written }, { num_consumers: 1 })
    const exporter = queued(settings, { ...host, account: () => account }, sender)
    await exporter.start()
    return { exporter, sends, signals, account }
  }
  const balanced = () => expect(accounts.map((account) => account.imbalance())).toEqual(accounts.map(() => 0))
  return { host, accounts, make, pending, balanced, clock: host.clock, account: host.only }
}

const turns = () => new Promise((resolve) => setImmediate(resolve))
const never = new AbortController().signal

test('what is queued and what waits for its next attempt goes over in order, and is received once', async () => {
  const { make, balanced, account } = newHouse()
  const old = await make('fails')
  for (const text of ['1', '2', '3', '4', '5']) old.exporter.consume(envelopes([text]))
  const { done } = account.succession()
  const next = await make('works')
  balanced()
  succeed([account], [account])
  next.exporter.consume(envelopes(['6']))
  await turns()
  balanced()
  expect(old.sends).toEqual([['1']])
  expect(next.sends.flat()).toEqual(['1', '2', '3', '4', '5', '6'])
  await old.exporter.stop(never)
  done()
  balanced()
  expect(account).toMatchObject({ received: 6, sent: 6, droppedTotal: 0 })
  expect(account.held()).toBe(0)
})

test('a successor waits for what is on the wire: delivered it is done, refused it goes first', async () => {
  for (const answer of ['delivered', 'refused'] as const) {
    const { make, pending, balanced, account } = newHouse()
    const old = await make('hangs')
    for (const text of ['1', '2', '3']) old.exporter.consume(envelopes([text]))
    account.succession()
    const next = await make('works')
    succeed([account], [account])
    next.exporter.consume(envelopes(['4']))
    await turns()
    expect(next.sends).toEqual([])
    balanced()
    if (answer === 'delivered') pending[0]!.resolve(sent(1))
    else pending[0]!.reject(new Retryable('no', { maybeDelivered: true }))
    await turns()
    balanced()
    expect(next.sends.flat()).toEqual(answer === 'delivered' ? ['2', '3', '4'] : ['1', '2', '3', '4'])
    expect(account.maybe_duplicate).toBe(answer === 'delivered' ? 0 : 1)
  }
})

test('what is on the wire when the time is over goes over too, and may arrive twice', async () => {
  const { make, balanced, account } = newHouse()
  const old = await make('hangs')
  const outcomes: Outcome[] = []
  old.exporter.consume(envelopes(['1'], 'app', { receipts: [new Receipt((outcome) => void outcomes.push(outcome))] }))
  account.succession()
  const next = await make('works')
  succeed([account], [account])
  const deadline = new AbortController()
  const stopped = old.exporter.stop(deadline.signal)
  await turns()
  expect(next.sends).toEqual([])
  deadline.abort()
  await stopped
  await turns()
  expect(old.signals[0]!.aborted).toBe(true)
  expect(next.sends).toEqual([['1']])
  expect(outcomes).toEqual(['delivered'])
  expect(account).toMatchObject({ sent: 1, maybe_duplicate: 1, droppedTotal: 0 })
  balanced()
})

test('senders without order do not wait for each other', async () => {
  const { make, account } = newHouse()
  const old = await make('hangs', { sending_queue: { num_consumers: 2 } })
  old.exporter.consume(envelopes(['1']))
  account.succession()
  const next = await make('works', { sending_queue: { num_consumers: 2 } })
  succeed([account], [account])
  next.exporter.consume(envelopes(['2']))
  expect(next.sends).toEqual([['2']])
})

test('a smaller queue loses what does not fit, by its own policy, counted', async () => {
  const { make, balanced, account } = newHouse()
  const old = await make('fails', { when_full: 'drop_oldest' })
  for (const text of ['1', '2', '3', '4', '5']) old.exporter.consume(envelopes([text]))
  account.succession()
  const next = await make('hangs', { when_full: 'drop_oldest', queue_size: 3 })
  succeed([account], [account])
  balanced()
  expect(account.dropped('displaced')).toBe(2)
  expect(next.exporter.queue.held).toBe(3)
})

test('a queue with another destination takes over when there is no doubt, and both accounts add up', async () => {
  const { make, accounts, balanced } = newHouse()
  const [a, b, c] = ['a:1', 'b:1', 'c:1'].map((destination) => new Account('queue', 'x', { destination }))
  accounts.push(a!, b!, c!)
  const old = await make('fails', {}, a)
  for (const text of ['1', '2', '3']) old.exporter.consume(envelopes([text]))
  const next = await make('works', {}, b)
  succeed([a!], [b!])
  await turns()
  expect(next.sends.flat()).toEqual(['1', '2', '3'])
  expect(a).toMatchObject({ received: 3, kept: 3, sent: 0 })
  expect(b).toMatchObject({ received: 0, recovered: 3, sent: 3 })
  balanced()

  const one = await make('fails', {}, c)
  one.exporter.consume(envelopes(['4']))
  const heirs = [new Account('queue', 'x', { destination: 'd:1' }), new Account('queue', 'x', { destination: 'e:1' })]
  for (const heir of heirs) await make('works', {}, heir)
  succeed([c!], heirs)
  expect(c!.held()).toBe(1)
})

test('a successor that has ended counts what comes late as lost', async () => {
  const { make, pending, balanced, account } = newHouse()
  const old = await make('hangs')
  old.exporter.consume(envelopes(['1']))
  account.succession()
  const next = await make('works')
  succeed([account], [account])
  await next.exporter.stop(AbortSignal.abort())
  pending[0]!.reject(new Retryable('no'))
  await turns()
  expect(account.dropped('shutdown')).toBe(1)
  balanced()
})
