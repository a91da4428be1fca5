import { expect, onTestFinished, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, textsOf } from '../../test/support/delivery.ts'
import { newFolder } from '../../test/support/folder.ts'
import { memoryFolder, memoryStorage } from '../../test/support/memory-spool.ts'
import { MoodyPeer } from '../../test/support/moody-peer.ts'
import { ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import type { Spool } from '../storage/contract.ts'
import { peekQueue } from '../storage/inspect.ts'
import { openSpoolOf } from '../storage/open-spools.ts'
import { openSpool } from '../storage/spool.ts'
import { openForTest } from '../storage/spool-kit.fixture.ts'
import { Batch } from '../telemetry/batch.ts'
import { Receipt } from '../telemetry/receipt.ts'
import { Budget } from './budget.ts'
import { DiskFeed } from './disk-feed.ts'
import { Queue } from './queue.ts'
import type { StorageUse } from './queue-storage.ts'
import { queued } from './queued.ts'
import { Withdrawal, withdrawalAt } from './withdrawal.ts'

const none = { upTo: -1 }
const large = (letter: string) => letter.repeat(5000)

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
  await withdrawal.take(none, 'kept', { last: true })
  await exporter.idle()
  expect([peer.got.join(''), books()]).toEqual(['cdefg', [5, 2, 0, 0]])
})

test('batches of a time are taken out from between others, once', async () => {
  const { withdrawal, exporter, peer, clock, books } = await sending([...'abcdef'], 'retry')
  const range = { since: clock.now() - 3500, to: clock.now() - 500 }
  expect(await withdrawal.take(range, 'removed')).toMatchObject({ batches: 3, records: 3, from: 1 })
  expect(await withdrawal.take(range, 'removed')).toMatchObject({ batches: 0, records: 0, from: 1 })
  peer.how = 'ok'
  await withdrawal.take(none, 'kept', { last: true })
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

test('who takes batches out holds the queue alone', async () => {
  const { withdrawal, exporter, peer } = await sending([...'abc'], 'retry')
  await withdrawal.take(none, 'kept', { by: 'one' })
  peer.how = 'ok'
  for (const last of [false, true])
    await expect(withdrawal.take({}, 'removed', { by: 'two', last })).rejects.toThrow('taken out of this queue already')
  expect(peer.got).toEqual([])
  expect(await withdrawal.take({ upTo: 1 }, 'kept', { by: 'one', last: true })).toMatchObject({ batches: 1, from: 2 })
  await exporter.idle()
  expect(peer.got.join('')).toBe('bc')
})

test('all of it is removed at once, and what comes afterwards is sent', async () => {
  const { withdrawal, exporter, peer, waiting, send, books } = await sending([...'abc'], 'retry')
  await withdrawal.take({ upTo: 1 }, 'kept')
  const answer = { batches: 2, records: 2, from: 4, next: 4 }
  expect(await withdrawal.take({}, 'removed', { last: true })).toEqual(answer)
  expect([await waiting(), books()]).toEqual(['', [0, 1, 2, 0]])
  peer.how = 'ok'
  send('d')
  await exporter.idle()
  expect([peer.got, books()]).toEqual([['d'], [1, 1, 2, 0]])
})

test('what was taken out from between others is not seen in the folder any more', async () => {
  const { withdrawal, waiting, clock } = await sending([...'abcd'], 'retry')
  await withdrawal.take({ since: clock.now() - 2500, to: clock.now() - 500 }, 'kept')
  expect(await waiting()).toBe('ad')
})

test('what was displaced since it was read is counted as that, and not as taken out', async () => {
  const { withdrawal, folder, clock, account, books } = await sending([...'abcd'], 'retry')
  expect(await withdrawal.take({ since: clock.now() - 500 }, 'kept')).toMatchObject({ batches: 1, from: 1 })
  openSpoolOf(folder)!.dropOldest()
  expect(await withdrawal.take({ upTo: 2 }, 'kept', { last: true })).toMatchObject({ batches: 0, from: 5 })
  expect([books(), account.dropped('displaced')]).toEqual([[0, 1, 0, 0], 3])
})

test('what takes long is answered in parts, and nothing is sent in between', async () => {
  const { withdrawal, exporter, folder, clock, peer, books } = await sending(['a', 'b', 'c'].map(large), 'retry')
  const spool = openSpoolOf(folder)!
  const read = spool.read.bind(spool)
  spool.read = () => {
    clock.advance(20_000)
    return read(1)
  }
  const range = { since: clock.now() - 1500 }
  peer.how = 'ok'
  const answers = []
  for (let more: boolean | undefined = true; more; ) {
    const answer = await withdrawal.take(range, 'kept', { last: true })
    answers.push([answer.batches, answer.more])
    more = answer.more
    if (more) expect(peer.got).toEqual([])
  }
  expect(answers).toEqual([
    [0, true],
    [1, true],
    [1, true],
    [0, undefined],
  ])
  await exporter.idle()
  expect([peer.got, books()]).toEqual([[large('a')], [1, 2, 0, 0]])
})

test('no more is taken out from behind a batch that stays than can be remembered', async () => {
  const { withdrawal, exporter, peer, clock, books } = await sending(['a'], 'retry')
  clock.advance(1000)
  for (let i = 1; i < 70_000; i++) exporter.consume(envelopes(['b']))
  const answer = {
    batches: 65_536,
    from: 1,
    stopped: expect.stringContaining('65536 batches were finished behind one'),
  }
  const range = { since: clock.now() - 500 }
  expect(await withdrawal.take(range, 'kept')).toMatchObject(answer)
  expect(await withdrawal.take(range, 'kept', { last: true })).toMatchObject({ ...answer, batches: 0 })
  expect(books()).toEqual([0, 65_536, 0, 4464])
  peer.how = 'ok'
  await exporter.idle()
  expect([peer.got.length, books()]).toEqual([4464, [4464, 65_536, 0, 0]])
})

test('what the disk does not take while batches are called back from the sender waits behind them', async () => {
  const folder = memoryFolder()
  const host = deliveryHost()
  const extension = <T>() => memoryStorage(new Map([['test', folder]])) as T
  const peer = new MoodyPeer()
  peer.how = 'late retry'
  const config = deliveryConfig({
    linger: 0,
    sending_queue: { storage: 'file_storage', num_consumers: 1 },
    when_full: 'drop_oldest',
  })
  const exporter = queued(config, { ...host, extension }, peer)
  onTestFinished(() => exporter.stop(AbortSignal.abort()))
  await exporter.start()
  exporter.consume(envelopes(['a']))
  const refused = expect(withdrawalAt('memory')!.take({}, 'kept')).rejects.toThrow('stands in memory alone')
  await Promise.resolve()
  folder.failure = 'EIO'
  exporter.consume(envelopes(['b']))
  peer.how = 'ok'
  peer.pending.shift()!()
  await refused
  await exporter.idle()
  expect([peer.got, host.only.imbalance(), host.only.sent]).toEqual([['a', 'b'], 0, 2])
})

test('an end that begins while the disk is read takes nothing back from the sender', async () => {
  const clock = new ManualClock()
  const { only: account } = deliveryHost()
  const { spool } = await openForTest({ folder: newFolder(), clock })
  spool.append(envelopes(['a']).bytes(), 1, 'envelopes')
  const budget = new Budget('test')
  const queue = new Queue({ whenFull: 'wait', clock, memory: budget, budget, onDrop: () => {} })
  const pump = () => {}
  const receipt = () => new Receipt(() => {})
  const feed = new DiskFeed({ queue, pump, clock, log: silentLog, receipt, unreadable: () => {} })
  let recalled = false
  const recall = async () => {
    recalled = true
  }
  const told = { lose: () => {}, left: () => {} }
  const withdrawal = new Withdrawal({ spool, feed, queue, pump, account, clock, recall, ...told })
  feed.opened(spool, 1)
  feed.run()
  const failed = expect(withdrawal.take({}, 'kept')).rejects.toThrow('the exporter has ended')
  feed.stop()
  withdrawal.end()
  await failed
  expect(recalled).toBe(false)
  await spool.close()
})

test('a folder that opens while the exporter ends cannot be taken from', async () => {
  const folder = memoryFolder()
  const storage = memoryStorage(new Map([['test', folder]]))
  const { promise, resolve } = Promise.withResolvers<Spool>()
  const open = () => promise
  const extension = <T>() => ({ ...storage, isTaken: () => true, open }) as T
  const peer = new MoodyPeer()
  const config = deliveryConfig({ sending_queue: { storage: 'file_storage' } })
  const exporter = queued(config, { ...deliveryHost(), extension }, peer)
  await exporter.start()
  const spool = await storage.open({ exporter: 'test', part: '', onLost: () => {} })
  const stopped = exporter.stop(new AbortController().signal)
  resolve(spool)
  await stopped
  expect([folder.isOpen, withdrawalAt('memory')]).toEqual([false, undefined])
})
