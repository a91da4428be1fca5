import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { decodeOtlpMetrics, type Message } from '../../../test/support/decode.ts'
import { runReceiver } from '../../../test/support/receiver.ts'
import { OtlpGate } from '../../telemetry/otlp-gate.ts'
import hostmetrics from './index.ts'

const everything = {
  cpu: {},
  load: {},
  memory: {},
  disk: {},
  filesystem: { include_virtual_filesystems: true },
  network: {},
  paging: {},
  processes: {},
  process: { mute_process_all_errors: true },
  system: {},
}
const onLinux = test.skipIf(process.platform !== 'linux')

onLinux('measures this machine: every scraper, at every interval, in bytes that the gate takes', async () => {
  const run = runReceiver(hostmetrics, { collection_interval: '10s', scrapers: everything }, { formats: ['metrics'] })
  await run.start()
  run.clock.advance(1000)
  const [batch] = await run.records(1)
  const bytes = batch!.bytes()
  expect(new OtlpGate().take('metrics', bytes, 0, bytes.length)?.count).toBe(batch!.count)
  const { resourceMetrics } = decodeOtlpMetrics(bytes)
  const scopes = resourceMetrics.map((each: Message) => each.scopeMetrics[0].scope.name.split('/').at(-1))
  expect([...new Set(scopes)]).toEqual(Object.keys(everything))
  const metrics = resourceMetrics.flatMap((each: Message) => each.scopeMetrics[0].metrics)
  const cpu = metrics.find(({ name }: Message) => name === 'system.cpu.time')
  expect(cpu).toMatchObject({ unit: 's', sum: { aggregationTemporality: 2, isMonotonic: true } })
  expect(cpu.sum.dataPoints[0].startTimeUnixNano).toBeGreaterThan(0n)
  const load = metrics.find(({ name }: Message) => name === 'system.cpu.load_average.1m')
  expect(load.unit).toBe('{thread}')
  expect(load.gauge.dataPoints[0].startTimeUnixNano ?? 0n).toBe(0n)
  const memory = metrics.find(({ name }: Message) => name === 'system.memory.usage')
  expect(memory.sum.isMonotonic ?? false).toBe(false)
  const { count } = batch!
  // The scrape ends when its batch has been taken.
  await setImmediate()
  run.clock.advance(10_000)
  await run.records(count + 1)
  expect(run.batches).toHaveLength(2)
  await run.stop()
  run.clock.advance(60_000)
  expect(run.batches).toHaveLength(2)
})

onLinux('this process is a resource among those of all processes', async () => {
  const scrapers = { process: { mute_process_all_errors: true } }
  const run = runReceiver(hostmetrics, { collection_interval: '10s', scrapers }, { formats: ['metrics'] })
  await run.start()
  run.clock.advance(1000)
  const [batch] = await run.records(1)
  const { resourceMetrics } = decodeOtlpMetrics(batch!.bytes())
  const attributesOf = ({ resource: { attributes } }: Message) =>
    Object.fromEntries(attributes.map(({ key, value }: Message) => [key, value.stringValue ?? Number(value.intValue)]))
  const own = resourceMetrics.find((each: Message) => attributesOf(each)['process.pid'] === process.pid)
  expect(attributesOf(own)).toMatchObject({
    'process.parent_pid': process.ppid,
    'process.executable.path': process.execPath,
  })
  const [{ scope, metrics }] = own.scopeMetrics
  expect(scope.name).toBe('tailrace/receivers/hostmetrics/process')
  expect(metrics.map(({ name }: Message) => name)).toEqual(
    ['cpu.time', 'memory.usage', 'memory.virtual', 'disk.io'].map((name) => `process.${name}`),
  )
  const [point] = metrics[0].sum.dataPoints
  const startedMs = Number(point.startTimeUnixNano / 1_000_000n)
  expect(Math.abs(startedMs - performance.timeOrigin)).toBeLessThan(60_000)
  await run.stop()
})

test('a scraper that can read nothing is told and counted; the others go on', async () => {
  const settings = { root_path: '/nowhere', scrapers: { cpu: {}, memory: {} } }
  const run = runReceiver(hostmetrics, settings, { formats: ['metrics'] })
  await run.start()
  run.clock.advance(1000)
  expect(await run.line('the scraper memory')).toContain('/nowhere/proc/meminfo')
  expect(run.counter('failed_scrapes_total', { scraper: 'cpu' })).toBe(1)
  expect(run.counter('scraped_points_total', { scraper: 'cpu' })).toBe(0)
  expect(run.batches).toEqual([])
  await run.stop()
})
