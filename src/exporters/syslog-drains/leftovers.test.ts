import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { newFolder } from '../../../test/support/folder.ts'
import { freePort } from '../../../test/support/free-port.ts'
import { Budget } from '../../delivery/budget.ts'
import { Account } from '../../delivery/ledger.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import type { Spool } from '../../storage/contract.ts'
import { DiskRefusals } from './disk-refusals.ts'
import { Leftovers } from './leftovers.ts'
import { bindingCache, bindingsJson, cleanUp, exporter, logs, newStorage, range, tcpDrain, until } from './test-kit.ts'

afterEach(cleanUp)

const url = (port: number) => `syslog://127.0.0.1:${port}`
const sending_queue = { storage: 'file_storage' }
const folders = (directory: string) => readdirSync(directory).filter((name) => name.startsWith('exporter_'))

test('what drains have in memory at the end is on disk, in one folder, and is sent first by the next process', async () => {
  const directory = newFolder()
  const ports = await Promise.all(Array.from({ length: 20 }, freePort))
  const all = Object.fromEntries(ports.map((port, i) => [url(port), [`app-${i % 7}`]]))
  const cache = await bindingCache({ bindings: bindingsJson(all), aggregate: 'null\n' })
  const settings = { bindings: { ...cache.settings, polling_interval: '1m' }, max_drains_per_app: 9, sending_queue }
  const send = (made: Awaited<ReturnType<typeof exporter>>['made'], from: number, to: number) => {
    for (let app = 0; app < 7; app++) made.consume(logs(`app-${app}`, ...range(from, to)))
  }
  const first = await exporter(settings, undefined, await newStorage(directory))
  send(first.made, 0, 100)
  await first.made.stop(AbortSignal.timeout(1000))
  expect([first.account.kept, first.account.droppedTotal, first.account.imbalance()]).toEqual([2000, 0, 0])
  expect(folders(directory)).toHaveLength(1)
  const drains = await Promise.all(ports.map((port) => tcpDrain({ port })))
  const second = await exporter(settings, undefined, await newStorage(directory))
  expect([second.account.recovered, second.account.imbalance()]).toEqual([2000, 0])
  send(second.made, 100, 120)
  await until(() => drains.every(({ messages }) => messages.length === 120))
  for (const drain of drains) expect(drain.texts()).toEqual(range(0, 120))
  await until(() => second.account.held() === 0 && folders(directory).length === 0)
  expect([second.account.sent, second.account.imbalance()]).toEqual([2400, 0])
  expect(second.budget.used).toBe(0)
})

test('what was on its way is kept too; a drain that works gets all of it before the end', async () => {
  const directory = newFolder()
  const [well, deaf] = [await tcpDrain(), await tcpDrain({ onSocket: (socket) => void socket.pause() })]
  const aggregate_drains = [url(well.port), url(deaf.port)]
  const settings = { aggregate_drains, sending_queue }
  const { made, account } = await exporter(settings, undefined, await newStorage(directory))
  const text = 'z'.repeat(10_000)
  for (let i = 0; i < 1200; i++) made.consume(logs('app', `${i} ${text}`))
  const deadline = new AbortController()
  const stopped = made.stop(deadline.signal)
  await until(() => well.messages.length === 1200)
  deadline.abort()
  await stopped
  expect(account.kept).toBeGreaterThan(100)
  expect([account.sent + account.kept, account.droppedTotal, account.imbalance()]).toEqual([2400, 0, 0])
  // Some of what was on its way may have arrived.
  expect(account.maybe_duplicate).toBeGreaterThan(0)
  const { port } = deaf
  await deaf.stop()
  const back = await tcpDrain({ port })
  await exporter(settings, undefined, await newStorage(directory))
  await until(() => back.messages.length === account.kept)
  const numbers = back.texts().map((line) => Number.parseInt(line, 10))
  expect(numbers).toEqual(Array.from({ length: account.kept }, (_, i) => 1200 - account.kept + i))
})

test('it waits for a drain that is not known yet, stays for the next process, and is given up when none comes', async () => {
  const directory = newFolder()
  const gone = url(await freePort())
  const clock = new ManualClock()
  const before = await exporter({ aggregate_drains: [gone], sending_queue }, undefined, await newStorage(directory))
  before.made.consume(logs('app', ...range(0, 10)))
  await before.made.stop(AbortSignal.timeout(1000))
  const storage = await newStorage(directory)
  const other = await exporter({ sending_queue }, undefined, storage)
  expect([other.account.recovered, other.account.held(), other.account.imbalance()]).toEqual([10, 10, 0])
  await other.made.stop(AbortSignal.timeout(1000))
  expect([other.account.kept, other.account.imbalance()]).toEqual([10, 0])
  const last = await exporter({ sending_queue }, clock, storage)
  clock.advance(599_999)
  expect(last.account.held()).toBe(10)
  clock.advance(1)
  expect([last.account.dropped('no_destination'), last.account.held(), last.account.imbalance()]).toEqual([10, 0, 0])
  await until(() => folders(directory).length === 0)
})

test('what drains of before have on disk stays as long as it is not certain which drains there are, then is given up', async () => {
  const directory = newFolder()
  const clock = new ManualClock()
  const answers: { bindings: string | number; aggregate: string } = {
    bindings: bindingsJson({ [url(await freePort())]: ['a'], [url(await freePort())]: ['b'] }),
    aggregate: 'null\n',
  }
  const cache = await bindingCache(answers)
  const settings = { bindings: { ...cache.settings, polling_interval: '1m' }, queue_size: 100, sending_queue }
  const before = await exporter(settings, undefined, await newStorage(directory))
  before.made.consume(logs('a', ...range(0, 60)))
  await until(() => before.lines.some((line) => line.includes('part of its queue on disk')))
  before.made.consume(logs('a', ...range(60, 500)))
  before.made.consume(logs('b', ...range(0, 10)))
  await before.made.stop(AbortSignal.timeout(1000))
  expect([before.account.kept, folders(directory).length]).toEqual([510, 2])
  answers.bindings = 503
  const { account, lines } = await exporter(settings, clock, await newStorage(directory))
  const asked = cache.asked.length
  await until(() => {
    clock.advance(60_000)
    return cache.asked.length > asked + 20 && clock.monotonic() > 1_200_000
  })
  expect([folders(directory).length, account.droppedTotal]).toEqual([2, 0])
  answers.bindings = bindingsJson({ [url(await freePort())]: ['c'] })
  const since = clock.monotonic()
  await until(() => {
    clock.advance(10_000)
    return folders(directory).length === 0
  })
  expect(clock.monotonic() - since).toBeGreaterThan(600_000)
  await until(() => account.dropped('no_destination') === 510)
  expect([account.recovered, account.held(), account.imbalance()]).toEqual([510, 0, 0])
  await until(() => lines.some((line) => line.includes('are given up messages=510')))
})

test('what the disk does not take at the end is lost, counted, and told in one line for all drains', async () => {
  const directory = newFolder()
  const aggregate_drains = (await Promise.all([freePort(), freePort(), freePort()])).map(url)
  const storage = await newStorage(directory, { max_bytes: '64KiB' })
  const { made, account, lines } = await exporter({ aggregate_drains, sending_queue }, undefined, storage)
  made.consume(logs('app', ...range(0, 5000)))
  await made.stop(AbortSignal.timeout(1000))
  expect(account.kept).toBeGreaterThan(0)
  const lost = account.dropped('shutdown')
  expect([account.kept + lost, account.droppedTotal, account.imbalance()]).toEqual([15_000, lost, 0])
  const told = lines.filter((line) => line.includes('the disk did not take'))
  expect(told).toHaveLength(1)
  expect(told[0]).toMatch(new RegExp(`drains=3 messages=${lost} `))
  expect(lines.filter((line) => line.includes('] error: '))).toEqual(told)
})

describe('a folder that is closed while it is being', () => {
  /** A folder with a message, opened and read when it is told to. */
  function slowly() {
    const [opening, reading] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const payload = logs('app', 'line').buffer
    const events: string[] = []
    const spool = {
      recovered: { records: 1, batches: 1 },
      batches: 1,
      unread: 1,
      async read() {
        events.push('read')
        await reading.promise
        return [{ sequence: 1, format: 'envelopes', count: 1, at: 0, payload, note: undefined }]
      },
      close: async () => void events.push('close'),
    } as unknown as Spool
    const open = async () => {
      events.push('open')
      await opening.promise
      return spool
    }
    const account = new Account('queue', 'syslog_drains', {})
    const shared = { clock: new ManualClock(), log: silentLog, budget: new Budget('service'), account }
    const leftovers = new Leftovers({
      ...shared,
      storage: { maxLossMs: 0, maxBytes: 0, open },
      exporter: 'syslog_drains',
      isThere: true,
      notTaken: new DiskRefusals('', silentLog, shared.clock),
    })
    account.held = () => leftovers.messages
    return { ...shared, leftovers, opening, reading, events }
  }

  test('opened is closed, and nothing of it is counted', async () => {
    const { leftovers, account, opening, events } = slowly()
    const recovered = leftovers.recover()
    const alsoOpened = leftovers.open()
    const closed = leftovers.close()
    opening.resolve()
    await Promise.all([recovered, closed])
    expect(await alsoOpened).toBe(undefined)
    expect(events).toEqual(['open', 'close'])
    expect([account.recovered, account.kept]).toEqual([0, 0])
  })

  test('read stays as it is, for the next process', async () => {
    const { leftovers, account, budget, opening, reading, events } = slowly()
    opening.resolve()
    const recovered = leftovers.recover()
    await until(() => events.includes('read'))
    expect(leftovers.claim('any')).toEqual([])
    await leftovers.close()
    reading.resolve()
    await recovered
    expect(events).toEqual(['open', 'read', 'close'])
    expect([account.recovered, account.kept, account.imbalance(), budget.used]).toEqual([1, 1, 0, 0])
  })
})
