import { expect, onTestFinished, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, textsOf } from '../../test/support/delivery.ts'
import { newFolder } from '../../test/support/folder.ts'
import { MoodyPeer } from '../../test/support/moody-peer.ts'
import { peekQueue } from '../storage/inspect.ts'
import { openSpool } from '../storage/spool.ts'
import { Batch } from '../telemetry/batch.ts'
import type { StorageUse } from './queue-storage.ts'
import { queued } from './queued.ts'
import { withdrawalAt } from './withdrawal.ts'

/** An exporter whose queue stands in a real folder, with a batch for each text. */
async function sending(texts: readonly string[], how: MoodyPeer['how'], written: Record<string, unknown> = {}) {
  const folder = newFolder()
  const host = deliveryHost()
  const { clock, log } = host
  const open = ({ onLost }: StorageUse) =>
    openSpool({ folder, clock, log, maxBytes: 0, maxAgeMs: 0, maxLossMs: 500, onLost })
  const extension = <T>() => ({ maxLossMs: 500, maxBytes: 0, holds: async () => true, open }) as T
  const peer = new MoodyPeer()
  peer.how = how
  const config = deliveryConfig({
    linger: 0,
    sending_queue: { storage: 'file_storage', num_consumers: 1 },
    retry_on_failure: { initial_interval: '1s', max_interval: '1s', max_elapsed_time: 0 },
    ...written,
  })
  const exporter = queued(config, { ...host, extension }, peer, { random: () => 0.5 })
  await exporter.start()
  const send = (text: string) => {
    clock.advance(1000)
    exporter.consume(envelopes([text]))
  }
  for (const text of texts) send(text)
  onTestFinished(() => exporter.stop(AbortSignal.abort()))
  const waiting = async () => {
    const found: string[] = []
    for await (const { format, payload } of peekQueue(folder)) found.push(...textsOf(Batch.copyOf(format, payload)))
    return found.join('')
  }
  const { only: account } = host
  const books = () => {
    expect(account.imbalance()).toBe(0)
    return [account.sent, account.kept, account.dropped('removed'), account.held()]
  }
  return { folder, exporter, peer, clock, account, send, waiting, books, withdrawal: withdrawalAt(folder)! }
}

test('what waits in memory and between two attempts is taken out too, and the rest goes on in order', async () => {
  const { withdrawal, exporter, peer, waiting, send, books } = await sending([...'abcdef'], 'retry')
  expect(await withdrawal.take({ upTo: -1 }, 'kept')).toEqual({ batches: 0, records: 0, from: 1, next: 7 })
  expect(books()).toEqual([0, 0, 0, 6])
  expect(await withdrawal.take({ upTo: 2 }, 'kept')).toEqual({ batches: 2, records: 2, from: 3, next: 7 })
  peer.how = 'ok'
  send('g')
  expect([await waiting(), books(), peer.got]).toEqual(['cdefg', [0, 2, 0, 5], []])
  withdrawal.release()
  await exporter.idle()
  expect([peer.got.join(''), books()]).toEqual(['cdefg', [5, 2, 0, 0]])
})

test('batches of a time are taken out from between others, once', async () => {
  const { withdrawal, exporter, peer, clock, books } = await sending([...'abcdef'], 'retry')
  const range = { since: clock.now() - 3500, to: clock.now() - 500 }
  expect(await withdrawal.take(range, 'removed')).toMatchObject({ batches: 3, records: 3, from: 1 })
  expect(await withdrawal.take(range, 'removed')).toMatchObject({ batches: 0, records: 0, from: 1 })
  peer.how = 'ok'
  withdrawal.release()
  await exporter.idle()
  expect([peer.got.join(''), books()]).toEqual(['abf', [3, 0, 3, 0]])
})

test('what is on the wire is waited for: delivered, it is not taken out', async () => {
  const { withdrawal, peer, books } = await sending([...'abc'], 'later')
  const taken = withdrawal.take({}, 'kept')
  peer.pending.shift()!()
  expect(await taken).toMatchObject({ batches: 2, records: 2, from: 4 })
  expect([peer.got, books()]).toEqual([['a'], [1, 2, 0, 0]])
})

test('what does not come back from the wire in ten seconds is broken off, and may arrive twice', async () => {
  const { withdrawal, clock, account, books } = await sending([...'abc'], 'hang', { timeout: '1h' })
  const taken = withdrawal.take({}, 'kept')
  clock.advance(10_000)
  expect(await taken).toMatchObject({ batches: 3, from: 4 })
  expect([books(), account.maybe_duplicate]).toEqual([[0, 3, 0, 0], 1])
})

test('who takes batches out and is not heard of any more does not hold the queue', async () => {
  const { withdrawal, exporter, peer, clock } = await sending([...'abc'], 'retry')
  await withdrawal.take({ upTo: 1 }, 'kept')
  peer.how = 'ok'
  clock.advance(29_000)
  expect(peer.got).toEqual([])
  clock.advance(1000)
  await exporter.idle()
  expect(peer.got.join('')).toBe('bc')
})

test('one at a time; and none when the exporter has ended, which loses nothing', async () => {
  const { withdrawal, exporter, folder, waiting, account } = await sending([...'abc'], 'hang')
  const taken = withdrawal.take({}, 'kept')
  await expect(withdrawal.take({}, 'kept')).rejects.toThrow('are being taken out of this queue already')
  const failed = expect(taken).rejects.toThrow('the exporter has ended')
  await exporter.stop(AbortSignal.abort())
  await failed
  expect([withdrawalAt(folder), await waiting()]).toEqual([undefined, 'abc'])
  expect([account.imbalance(), account.kept]).toEqual([0, 3])
})
