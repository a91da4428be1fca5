import { readdirSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { newFolder } from '../../../test/support/folder.ts'
import { freePort } from '../../../test/support/free-port.ts'
import { ManualClock } from '../../runtime/clock.ts'
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
  await made.stop(AbortSignal.timeout(300))
  await until(() => well.messages.length === 1200)
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

test('what the disk does not take at the end is lost and counted', async () => {
  const directory = newFolder()
  const aggregate_drains = [url(await freePort())]
  const storage = await newStorage(directory, { max_bytes: '64KiB' })
  const { made, account, lines } = await exporter({ aggregate_drains, sending_queue }, undefined, storage)
  made.consume(logs('app', ...range(0, 5000)))
  await made.stop(AbortSignal.timeout(1000))
  expect(account.kept).toBeGreaterThan(0)
  expect(account.dropped('shutdown')).toBeGreaterThan(0)
  expect([account.kept + account.droppedTotal, account.imbalance()]).toEqual([5000, 0])
  expect(lines.some((line) => line.includes('the disk does not take what drains have in memory'))).toBe(true)
})
