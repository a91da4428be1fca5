import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes } from '../../test/support/delivery.ts'
import { newLog } from '../runtime/log.ts'
import type { Outcome } from '../telemetry/receipt.ts'
import { Receipt } from '../telemetry/receipt.ts'
import { queued } from './queued.ts'
import { fatesOf, Retryable, type SendResult, sent } from './sender.ts'

test.each<[SendResult, number[]]>([
  [sent(10), [10, 0, 0]],
  [{ sent: 7, rejected: 3 }, [7, 3, 0]],
  // What was not sent was rejected, as long as nothing else is said.
  [{ sent: 7 }, [7, 3, 0]],
  // The peer's word counts, not what the sender took for granted before it.
  [{ sent: 10, rejected: 3 }, [7, 3, 0]],
  [{ sent: 0, rejected: 99 }, [0, 10, 0]],
  [{ sent: 5, rejected: 2 }, [5, 2, 3]],
  [{ sent: -1, rejected: Number.NaN }, [0, 0, 10]],
])('%j of ten records', (result, fates) => expect(Object.values(fatesOf(result, 10))).toEqual(fates))

test('whatever an answer says, every record has one fate', () => {
  const anything = fc.oneof(fc.double(), fc.integer({ min: -5, max: 30 }))
  fc.assert(
    fc.property(fc.nat(20), anything, fc.option(anything, { nil: undefined }), (count, given, rejected) => {
      const fates = Object.values(fatesOf({ sent: given, ...(rejected !== undefined && { rejected }) }, count))
      expect(fates.every((n) => Number.isInteger(n) && n >= 0)).toBe(true)
      expect(fates.reduce((sum, n) => sum + n, 0)).toBe(count)
    }),
  )
})

test('partial success: the rejected records are lost with what the peer said, the others are sent, the books add up', async () => {
  const lines: string[] = []
  const host = { ...deliveryHost(), log: newLog({ write: (line) => void lines.push(line) }) }
  const answers: SendResult[] = [
    { sent: 1, rejected: 2, detail: 'too old' },
    { sent: 1, rejected: 1 },
  ]
  const sender = { send: async () => answers.shift()!, close() {} }
  const exporter = queued(deliveryConfig(), host, sender)
  await exporter.start()
  const outcomes: Outcome[] = []
  for (let i = 0; i < 2; i++) {
    const receipts = [new Receipt((outcome) => void outcomes.push(outcome))]
    exporter.consume(envelopes(['1', '2', '3'], 'app', { receipts }))
    host.clock.advance(1000)
    await exporter.idle()
  }
  const { only: account } = host
  expect([account.sent, account.dropped('rejected'), account.dropped('fault')]).toEqual([2, 3, 1])
  expect([account.imbalance(), account.held()]).toEqual([0, 0])
  expect(outcomes).toMatchObject([{ dropped: 'rejected', detail: 'too old', isPartial: true }, { dropped: 'rejected' }])
  expect(lines[0]).toMatch(/Exporting failed. Dropping data. dropped_items=2 reason=rejected error="too old"/)
})

test.each<[string, SendResult | undefined, number[]]>([
  ['nothing: all is lost', undefined, [0, 0, 4]],
  ['that some arrived', { sent: 1, rejected: 0 }, [1, 0, 3]],
  ['that some arrived and some were refused', { sent: 1, rejected: 2, detail: 'too old' }, [1, 2, 1]],
  ['more than there was', { sent: 9, rejected: 0 }, [4, 0, 0]],
])('of a batch that is given up the sender says %s', async (_name, part, fates) => {
  const host = deliveryHost()
  const sender = {
    send: (): SendResult => {
      throw new Retryable('busy')
    },
    abandon: () => part,
    close() {},
  }
  const exporter = queued(deliveryConfig({ retry_on_failure: { max_retries: 0 } }), host, sender)
  await exporter.start()
  exporter.consume(envelopes(['1', '2', '3', '4']))
  host.clock.advance(1000)
  await exporter.idle()
  const { only: account } = host
  expect([account.sent, account.dropped('rejected'), account.dropped('retries_exhausted')]).toEqual(fates)
  expect(account.imbalance()).toBe(0)
})
