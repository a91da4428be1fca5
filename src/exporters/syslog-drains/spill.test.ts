import { existsSync, readdirSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { newFolder } from '../../../test/support/folder.ts'
import { freePort } from '../../../test/support/free-port.ts'
import { Budget } from '../../delivery/budget.ts'
import { Account } from '../../delivery/ledger.ts'
import type { QueueStorage, StorageUse } from '../../delivery/queue-storage.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import type { Spool, SpoolRecord } from '../../storage/contract.ts'
import { envelope, field } from '../../telemetry/testing/encode.ts'
import { DiskRefusals } from './disk-refusals.ts'
import { Leftovers } from './leftovers.ts'
import type { Returning } from './refill.ts'
import { Spill, type SpillOptions } from './spill.ts'
import type { SpillWorld } from './spill-world.ts'
import { bindingCache, bindingsJson, cleanUp, exporter, logs, newStorage, range, tcpDrain, until } from './test-kit.ts'

afterEach(cleanUp)

/** Drains with little memory, and a disk. */
async function spilling(directory: string, settings: object, written: object = {}) {
  const small = { queue_size: 100, queue_bytes: '64KiB', max_write: '8KiB' }
  const sending_queue = { storage: 'file_storage' }
  return exporter({ ...small, sending_queue, ...settings }, undefined, await newStorage(directory, written))
}

const folders = (directory: string) =>
  readdirSync(directory).filter((name) => name.startsWith('exporter_syslog_drains'))
const onDisk = (lines: readonly string[]) => lines.some((line) => line.includes('part of its queue on disk'))
const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 1))

/** In many batches with turns between them, as lines come. */
async function send(made: { consume(batch: ReturnType<typeof logs>): void }, app: string, from: number, to: number) {
  for (let line = from; line < to; line += 10) {
    made.consume(logs(app, ...range(line, Math.min(to, line + 10))))
    if (line % 50 === 0) await nextTurn()
  }
}

describe('a drain whose memory is used up', () => {
  test('has the rest on disk, loses nothing, and gets all of it in order when it reads again', async () => {
    const directory = newFolder()
    const gone = await tcpDrain()
    await gone.stop()
    const { made, account, lines } = await spilling(directory, {
      aggregate_drains: [`syslog://127.0.0.1:${gone.port}`],
    })
    await send(made, 'app', 0, 60)
    await until(() => onDisk(lines))
    await send(made, 'app', 60, 3000)
    expect([account.droppedTotal, account.held(), account.imbalance()]).toEqual([0, 3000, 0])
    const drain = await tcpDrain({ port: gone.port })
    await until(() => drain.messages.length === 3000)
    expect(drain.texts()).toEqual(range(0, 3000))
    await until(() => account.held() === 0)
    expect(account).toMatchObject({ received: 3000, sent: 3000, droppedTotal: 0 })
    expect(account.imbalance()).toBe(0)
  })

  test('keeps everything over a restart, in order: what is on disk and what stands in memory', async () => {
    const directory = newFolder()
    const gone = await tcpDrain()
    await gone.stop()
    const settings = { aggregate_drains: [`syslog://127.0.0.1:${gone.port}`] }
    const first = await spilling(directory, settings)
    await send(first.made, 'app', 0, 60)
    await until(() => onDisk(first.lines))
    await send(first.made, 'app', 60, 1000)
    await first.made.stop(AbortSignal.timeout(50))
    expect([first.account.kept, first.account.droppedTotal, first.account.imbalance()]).toEqual([1000, 0, 0])
    // Another life in which nobody can be reached, and more comes.
    const second = await spilling(directory, settings)
    await send(second.made, 'app', 1000, 1500)
    await second.made.stop(AbortSignal.timeout(50))
    expect([second.account.recovered, second.account.kept, second.account.imbalance()]).toEqual([1000, 1500, 0])
    const drain = await tcpDrain({ port: gone.port })
    const last = await spilling(directory, settings)
    await until(() => drain.messages.length === 1500)
    expect(drain.texts()).toEqual(range(0, 1500))
    await until(() => last.account.held() === 0)
    expect([last.account.recovered, last.account.sent, last.account.imbalance()]).toEqual([1500, 1500, 0])
  })

  test('that is taken away leaves nothing behind, and what it had is counted', async () => {
    const directory = newFolder()
    const gone = await tcpDrain()
    await gone.stop()
    const answers = { bindings: bindingsJson({ [`syslog://127.0.0.1:${gone.port}`]: ['a'] }), aggregate: 'null\n' }
    const cache = await bindingCache(answers)
    const { made, account, lines } = await spilling(directory, { bindings: cache.settings })
    await send(made, 'a', 0, 60)
    await until(() => onDisk(lines))
    await send(made, 'a', 60, 500)
    answers.bindings = '[]\n'
    await until(() => account.held() === 0)
    await until(() => folders(directory).length === 0)
    expect([account.dropped('no_destination'), account.imbalance()]).toEqual([500, 0])
  })

  test('loses its oldest on disk when that is full too', async () => {
    const directory = newFolder()
    const gone = await tcpDrain()
    await gone.stop()
    const settings = { aggregate_drains: [`syslog://127.0.0.1:${gone.port}`] }
    const { made, account, lines } = await spilling(directory, settings, { max_bytes: '128KiB' })
    await send(made, 'app', 0, 60)
    await until(() => onDisk(lines))
    await send(made, 'app', 60, 9000)
    expect(account.dropped('displaced')).toBeGreaterThan(0)
    expect(account.imbalance()).toBe(0)
  })

  test('goes on without a disk when too many have one', async () => {
    const directory = newFolder()
    const gone = await Promise.all([tcpDrain(), tcpDrain()])
    for (const drain of gone) await drain.stop()
    const aggregate_drains = gone.map(({ port }) => `syslog://127.0.0.1:${port}`)
    const sending_queue = { storage: 'file_storage', max_drains: 1 }
    const { made, account, lines } = await spilling(directory, { aggregate_drains, sending_queue })
    await send(made, 'app', 0, 60)
    await until(() => onDisk(lines))
    await send(made, 'app', 60, 1000)
    expect(folders(directory)).toHaveLength(1)
    const { droppedTotal } = account
    expect(droppedTotal).toBeGreaterThan(800)
    expect([account.held() + droppedTotal, account.imbalance()]).toEqual([2000, 0])
  })
})

test('a folder that cannot be closed or removed is told, with what to do, and everything goes on', async () => {
  const directory = newFolder()
  const storage = await newStorage(directory)
  const failing = {
    ...storage,
    async open(use: StorageUse) {
      const spool = await storage.open(use)
      const close = spool.close.bind(spool)
      spool.close = () => close().then(() => Promise.reject(new Error('EIO: it broke')))
      return spool
    },
    remove: () => Promise.reject(new Error('EACCES: permission denied')),
  }
  const port = await freePort()
  const small = { queue_size: 100, queue_bytes: '64KiB', sending_queue: { storage: 'file_storage' } }
  const aggregate_drains = [`syslog://127.0.0.1:${port}`]
  const first = await exporter({ ...small, aggregate_drains }, undefined, failing)
  await send(first.made, 'app', 0, 60)
  await until(() => onDisk(first.lines))
  await send(first.made, 'app', 60, 500)
  await first.made.stop(AbortSignal.timeout(50))
  const { account, lines, reload } = await exporter({ ...small, aggregate_drains }, undefined, failing)
  // What stood in memory is back there, and its folder of no use any more.
  const told = () => lines.filter((line) => line.includes('was not removed: mend what the error says'))
  await until(() => told().length === 1)
  await until(() => lines.some((line) => line.includes('part of its queue on disk')))
  await reload({ ...small, aggregate_drains: [] })
  await until(() => told().length === 2)
  expect(told().every((line) => line.includes('EACCES'))).toBe(true)
  expect(lines.filter((line) => line.includes('was not closed well') && line.includes('EIO'))).toHaveLength(2)
  await until(() => account.held() === 0)
  expect([account.recovered, account.droppedTotal, account.imbalance()]).toEqual([500, 500, 0])
})

test('a folder that stays empty is removed', async () => {
  const directory = newFolder()
  const clock = new ManualClock()
  const gone = await tcpDrain()
  await gone.stop()
  const small = { queue_size: 100, queue_bytes: '64KiB', aggregate_drains: [`syslog://127.0.0.1:${gone.port}`] }
  const sending_queue = { storage: 'file_storage' }
  const { made, lines } = await exporter({ ...small, sending_queue }, clock, await newStorage(directory))
  made.consume(logs('app', ...range(0, 80)))
  await until(() => onDisk(lines))
  clock.advance(10_000)
  await until(() => folders(directory).length === 0)
  expect(existsSync(directory)).toBe(true)
})

/** What a drain has on a disk that does nothing but tell. */
function spillOn(storage: Partial<QueueStorage>, options: Partial<SpillOptions> = {}) {
  const events: string[] = []
  const account = new Account('queue', 'syslog_drains', {})
  const clock = new ManualClock()
  const remove = async () => void events.push('remove')
  const shared = {
    storage: { remove, ...storage } as QueueStorage,
    exporter: 'syslog_drains',
    clock,
    log: silentLog,
    account,
  }
  const refusals = new DiskRefusals('', silentLog, clock)
  const world: SpillWorld = {
    ...shared,
    most: 1,
    since: 0,
    counting: Promise.resolve(),
    leftovers: new Leftovers({ ...shared, budget: new Budget('service'), notTaken: refusals, isThere: false }),
    open: new Set(),
    left: new Set(['k']),
    notTaken: refusals,
    notOpened: refusals,
  }
  const spill = new Spill({
    key: 'k',
    name: 'drain',
    world,
    atOnce: { bytes: 100, messages: 1 },
    refill: () => 0,
    hasRoom: () => false,
    onLost: (reason, messages) => void events.push(`${reason} ${messages}`),
    onChanged: (by) => void events.push(`changed ${by}`),
    ...options,
  })
  return { spill, world, account, events }
}

test.each([
  ['while it is opening is cleared and removed, and its records are counted', { begun: true, opens: true }],
  ['while it is opening stays when it does not open', { begun: true, opens: false }],
  ['before it was opened is cleared and removed too, and its records are counted', { begun: false, opens: true }],
])('the folder of a drain that goes %s', async (_, { begun, opens }) => {
  const folder = Promise.withResolvers<Spool>()
  const { spill, world, account, events } = spillOn({ open: () => folder.promise })
  const spool = {
    recovered: { records: 7, batches: 1 },
    clear: () => events.push('clear'),
    close: async () => void events.push('close'),
  } as unknown as Spool
  if (begun) spill.prepare()
  const discarded = spill.discard('no_destination')
  if (opens) folder.resolve(spool)
  else folder.reject(new Error('full'))
  await discarded
  expect(events).toEqual(opens ? ['no_destination 7', 'clear', 'close', 'remove'] : [])
  expect(account.recovered).toBe(opens ? 7 : 0)
  expect([world.left.size, world.open.size, spill.messages]).toEqual([opens ? 0 : 1, 0, 0])
})

test('a folder that a drain has taken up is not discarded by one that went before', async () => {
  const opened: string[] = []
  const spool = { recovered: { records: 7, batches: 1 }, status: () => ({}) } as unknown as Spool
  const open = async ({ part }: StorageUse) => {
    opened.push(part)
    return spool
  }
  const { spill, world, events } = spillOn({ open })
  const discarded = spill.discard('no_destination')
  const { spill: other } = spillOn({}, { world })
  other.prepare()
  await discarded
  expect([opened, other.messages, events]).toEqual([['k'], 7, []])
})

test('a batch that has come back in part stays on disk at the end, and may come twice', async () => {
  const finished: number[] = []
  const payload = Buffer.concat(range(0, 3).map((log) => field(1, envelope({ timestamp: 0, source: 'app', log }))))
  const record = (sequence: number) => ({ sequence, format: 'envelopes', count: 3, at: 0, payload }) as SpoolRecord
  const read = async () => [record(1), record(2)]
  const spool = {
    recovered: { records: 6, batches: 2 },
    unread: 2,
    read,
    finish: (sequence: number) => void finished.push(sequence),
    status: () => ({}),
    close: async () => {},
  } as unknown as Spool
  let room = 4
  const refill = (returning: Returning) => {
    const count = Math.min(room, 3 - returning.next)
    returning.next += count
    room -= count
    return count
  }
  const { spill, account, events } = spillOn({ open: async () => spool }, { refill, hasRoom: () => room > 0 })
  spill.prepare()
  await until(() => spill.messages === 2)
  await spill.park()
  expect([finished, account.recovered, account.kept, account.maybe_duplicate]).toEqual([[1], 6, 2, 1])
  expect(events).toEqual([])
})
