import { expect, test } from 'vitest'
import { decodeEnvelopeBatch } from '../../../test/support/decode.ts'
import { runReceiver } from '../../../test/support/receiver.ts'
import sampleApp from './index.ts'

test('logs every request and emits metrics with every so many', async () => {
  const run = runReceiver(sampleApp, { source_id: 'demo', metrics_every: 2 }, { formats: ['envelopes'] })
  await run.start()
  run.clock.advance(2000)
  await run.stop()
  const made = run.batches.flatMap((batch) => decodeEnvelopeBatch(batch.bytes()))
  expect(made.map((envelope) => Object.keys(envelope).find((key) => /^(log|counter|gauge)$/.test(key)))).toEqual([
    'log',
    'log',
    'counter',
    'gauge',
  ])
  expect(made[0]).toMatchObject({ source_id: 'demo', instance_id: '0' })
  expect(run.account.imbalance()).toBe(0)
})

test('stops making records when it is stopped', async () => {
  const run = runReceiver(sampleApp, {}, { formats: ['envelopes'] })
  await run.start()
  await run.stop()
  run.clock.advance(10_000)
  expect(run.batches).toEqual([])
})
