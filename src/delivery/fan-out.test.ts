import { expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes } from '../../test/support/delivery.ts'
import type { Batch } from '../telemetry/batch.ts'
import { type Outcome, Receipt } from '../telemetry/receipt.ts'
import { fanOut } from './fan-out.ts'
import { type Queued, queued } from './queued.ts'
import { sent } from './sender.ts'

function destination(got: Batch[]) {
  const host = deliveryHost()
  const send = (batch: Batch) => {
    got.push(batch)
    return sent(batch.count)
  }
  return { host, exporter: queued(deliveryConfig({ linger: '2ms' }), host, { send, close() {} }) }
}

test('every destination gets every batch; receipts are settled when all have', async () => {
  const [one, two]: [Batch[], Batch[]] = [[], []]
  const destinations = [destination(one), destination(two)]
  const all = fanOut(
    () => destinations.map((each) => each.exporter),
    () => {},
  )
  await all.start()
  expect(all.admissions().length).toBe(2)
  const outcomes: Outcome[] = []
  all.consume(envelopes(['a'], 'app', { receipts: [new Receipt((outcome) => void outcomes.push(outcome))] }))
  expect([one[0]!.count, two[0]!.count, outcomes]).toEqual([1, 1, ['delivered']])
  await all.stop(AbortSignal.abort())
})

test('destinations that send in the same turn share the joined bytes, in later turns they do not', async () => {
  const [one, two]: [Batch[], Batch[]] = [[], []]
  const destinations = [destination(one), destination(two)]
  const all = fanOut(
    () => destinations.map((each) => each.exporter),
    () => {},
  )
  await all.start()
  for (const text of ['a', 'b', 'c']) all.consume(envelopes([text]))
  for (const { host } of destinations) host.clock.advance(2)
  expect(one[1]).toBe(two[1])
  expect(one[1]!.count).toBe(2)
  for (const text of ['d', 'e']) all.consume(envelopes([text]))
  destinations[0]!.host.clock.advance(2)
  await new Promise((resolve) => setImmediate(resolve))
  destinations[1]!.host.clock.advance(2)
  expect(one[2]).not.toBe(two[2])
  expect(one[2]!.bytes()).toEqual(two[2]!.bytes())
})

test('destinations come and go; without any the records are the caller’s to count', () => {
  const destinations: Queued[] = []
  const none: number[] = []
  const all = fanOut(
    () => destinations,
    (records) => void none.push(records),
  )
  const outcomes: Outcome[] = []
  all.consume(envelopes(['a', 'b'], 'app', { receipts: [new Receipt((outcome) => void outcomes.push(outcome))] }))
  expect([none, outcomes]).toEqual([[2], [{ dropped: 'no_destination' }]])
  const { exporter, host } = destination([])
  destinations.push(exporter)
  all.consume(envelopes(['c']))
  expect([none, host.only.held()]).toEqual([[2], 1])
})

test('a destination that throws costs its own branch: those after it get the batch', async () => {
  const got: Batch[] = []
  const last = destination(got)
  const broken = { ...last.exporter, consume: () => raise(new Error('a bug')) }
  const all = fanOut(
    () => [broken, last.exporter],
    () => {},
  )
  await last.exporter.start()
  expect(() => all.consume(envelopes(['a']))).toThrow('a bug')
  expect(got).toHaveLength(1)
})

function raise(error: Error): never {
  throw error
}
