import { join } from 'node:path'
import { expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, textsOf } from '../../test/support/delivery.ts'
import { newFolder } from '../../test/support/folder.ts'
import { openSpool } from '../storage/spool.ts'
import type { Batch } from '../telemetry/batch.ts'
import { deadLettersAt, Paused } from './dead-letters.ts'
import type { QueueStorage, StorageUse } from './queue-storage.ts'
import { queued } from './queued.ts'
import { Dropped, Retryable, type SendResult, sent } from './sender.ts'

/** An exporter that puts dead letters aside in a folder, and a backend that refuses while `say` says so. */
async function exporterWith(written: Record<string, unknown> = {}) {
  const folder = newFolder()
  const host = deliveryHost()
  const { clock, log } = host
  const placeOf = ({ deadLetters }: StorageUse) => join(folder, deadLetters ? 'letters' : 'queue')
  const storage: QueueStorage = {
    maxLossMs: 500,
    maxBytes: 0,
    open: (use) =>
      openSpool({ folder: placeOf(use), clock, log, maxBytes: 0, maxAgeMs: 0, maxLossMs: 500, onLost: use.onLost }),
  }
  const backend = { says: undefined as Error | undefined, got: [] as string[] }
  const sender = {
    send(batch: Batch): SendResult {
      if (backend.says) throw backend.says
      backend.got.push(...textsOf(batch))
      return sent(batch.count)
    },
    close() {},
  }
  const config = deliveryConfig({ linger: 0, dead_letter: { storage: 'file_storage' }, ...written })
  const exporter = queued(config, { ...host, extension: <T>() => storage as T }, sender)
  await exporter.start()
  const letters = () => deadLettersAt(join(folder, 'letters'))
  const refuse = (...texts: string[]) => {
    backend.says = new Dropped('rejected', 'no such tenant')
    for (const text of texts) {
      exporter.consume(envelopes([text]))
      clock.advance(1)
    }
    backend.says = undefined
  }
  const law = () => expect([host.only.imbalance(), host.only.held()]).toEqual([0, 0])
  return { exporter, backend, letters, refuse, clock, account: host.only, law }
}

const minute = 60_000

test.each([
  ['in memory', {}],
  ['on disk', { sending_queue: { storage: 'file_storage' } }],
  ['without a queue', { sending_queue: { enabled: false } }],
])('dead letters go back into a queue %s, once', async (_, written) => {
  const { letters, refuse, backend, account, law, exporter } = await exporterWith(written)
  refuse('a', 'b', 'c')
  expect(await letters()!.replay({}, minute)).toEqual({ batches: 3, records: 3, stopped: undefined })
  await exporter.idle()
  expect(backend.got).toEqual(['a', 'b', 'c'])
  expect(await letters()!.replay({}, minute)).toMatchObject({ records: 0 })
  expect([account.received, account.recovered, account.sent, account.dropped('rejected')]).toEqual([3, 3, 3, 3])
  law()
  await exporter.stop(AbortSignal.abort())
})

test('those of a time alone, and up to one of them', async () => {
  const { letters, refuse, backend, clock } = await exporterWith()
  refuse('a')
  const since = clock.now()
  refuse('b', 'c')
  await letters()!.replay({ since, to: since + 1 }, minute)
  expect(backend.got).toEqual(['b'])
  expect(await letters()!.take({ upTo: 1 }, async () => {})).toMatchObject({ records: 1 })
  await letters()!.replay({}, minute)
  expect(backend.got).toEqual(['b', 'c'])
})

test('what is refused once more is put aside once more, and not taken up in the same replay', async () => {
  const { letters, refuse, backend, account, law } = await exporterWith({ sending_queue: { enabled: false } })
  refuse('a', 'b')
  backend.says = new Dropped('rejected', 'no such tenant yet')
  expect(await letters()!.replay({}, minute)).toMatchObject({ records: 2 })
  backend.says = undefined
  expect(account.disk!().deadLetters).toBe(4)
  await letters()!.replay({}, minute)
  expect(backend.got).toEqual(['a', 'b'])
  law()
})

test('what the queue has no room for stays, after ten seconds', async () => {
  const { letters, refuse, backend, clock, account } = await exporterWith({ queue_size: 4, when_full: 'drop_oldest' })
  refuse('a', 'b', 'c')
  backend.says = new Retryable('down')
  const replayed = letters()!.replay({}, minute)
  for (let i = 0; i < 400; i++) {
    await new Promise(setImmediate)
    clock.advance(50)
  }
  expect(await replayed).toMatchObject({ records: 2, stopped: { message: 'half of the queue is full' } })
  expect([account.held(), account.dropped('displaced')]).toEqual([2, 0])
  backend.says = undefined
  for (let i = 0; i < 10; i++) clock.advance(10_000)
  await letters()!.replay({}, minute)
  expect(backend.got.sort()).toEqual(['a', 'b', 'c'])
})

test('a replay whose time is over says so, and the rest stays', async () => {
  const { letters, refuse, backend } = await exporterWith()
  refuse('a', 'b')
  const { records, stopped } = await letters()!.replay({}, 0)
  expect([records, stopped]).toEqual([0, expect.any(Paused)])
  await letters()!.replay({}, minute)
  expect(backend.got).toEqual(['a', 'b'])
})

test('one replay at a time, and none after the end', async () => {
  const { letters, refuse, exporter } = await exporterWith()
  refuse('a')
  const first = letters()!.replay({}, minute)
  await expect(letters()!.replay({}, minute)).rejects.toThrow(/try again when that is over/)
  await first
  await exporter.stop(AbortSignal.abort())
  expect(letters()).toBeUndefined()
})
