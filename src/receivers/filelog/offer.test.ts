import { expect, test } from 'vitest'
import { otlpLogs } from '../../../test/support/delivery.ts'
import { type Intake, Receipt, Refused, Undelivered } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import type { Outcome } from '../../telemetry/receipt.ts'
import { newOffer } from './offer.ts'

function newWorld(offerOne: Intake['offer']) {
  const told: Outcome[] = []
  const clock = new ManualClock()
  let done = 0
  const offer = newOffer({ intake: { offer: offerOne }, clock, log: silentLog, done: () => done++ })
  const batch = otlpLogs(['a'], { receipts: [new Receipt((outcome) => told.push(outcome))] })
  return { offer, batch, told, clock, isDone: () => done }
}

test.each<[string, Intake['offer']]>([
  [
    'throws',
    () => {
      throw new Error('bug')
    },
  ],
  ['rejects', () => Promise.reject(new Error('bug'))],
  ['throws no error', () => Promise.reject(undefined)],
])('a batch whose intake %s is lost and settled: reading goes on', async (_, offerOne) => {
  const { offer, batch, told, isDone } = newWorld(offerOne)
  await offer.deliver(batch)
  expect([told, isDone(), offer.isWaiting]).toEqual([[{ dropped: 'fault' }], 1, false])
})

test('one that was settled before the intake threw is not settled again', async () => {
  const { offer, batch, told, isDone } = newWorld((batch) => {
    batch.receipts[0]!.settle('delivered')
    throw new Error('bug')
  })
  await offer.deliver(batch)
  expect([told, isDone()]).toEqual([['delivered'], 1])
})

test('one that is refused is offered again, and lost only at the end', async () => {
  let offers = 0
  const { offer, batch, told } = newWorld(() => {
    offers++
    throw new Refused('full')
  })
  const delivered = offer.deliver(batch)
  await Promise.resolve()
  expect([offers, offer.isWaiting, told]).toEqual([1, true, []])
  offer.stop()
  await delivered
  expect([offers, told]).toEqual([2, [{ dropped: 'shutdown' }]])
})

test('one that was taken and lost behind the intake is not offered again', async () => {
  let offers = 0
  const { offer, batch, told, isDone } = newWorld((batch) => {
    offers++
    batch.receipts[0]!.settle({ dropped: 'rejected' })
    return Promise.reject(new Undelivered({ dropped: 'rejected' }))
  })
  await offer.deliver(batch)
  expect([offers, told, isDone()]).toEqual([1, [{ dropped: 'rejected' }], 1])
})
