import { expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, textsOf } from '../../test/support/delivery.ts'
import { queued } from './queued.ts'
import { sent } from './sender.ts'

test('an idle destination sends at once, inside consume', async () => {
  const host = deliveryHost()
  const got: string[] = []
  const exporter = queued(deliveryConfig(), host, {
    send(batch) {
      got.push(...textsOf(batch))
      return sent(batch.count)
    },
    close() {},
  })
  await exporter.start()
  exporter.consume(envelopes(['a', 'b']))
  expect(got).toEqual(['a', 'b'])
  exporter.consume(envelopes(['c']))
  expect(got).toEqual(['a', 'b'])
  expect(host.only.held()).toBe(1)
  host.clock.advance(2)
  expect(got).toEqual(['a', 'b', 'c'])
  expect(host.only.imbalance()).toBe(0)
  await exporter.stop(AbortSignal.abort())
  expect(host.budget.used).toBe(0)
})
