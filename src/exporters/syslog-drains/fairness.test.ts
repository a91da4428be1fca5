import { afterEach, expect, test } from 'vitest'
import { envelope } from '../../telemetry/testing/encode.ts'
import {
  batchOf,
  bindingCache,
  bindingsJson,
  cleanUp,
  exporter,
  logs,
  readFrames,
  tcpDrain,
  textOf,
  until,
} from './test-kit.ts'

afterEach(cleanUp)

const apps = Array.from({ length: 49 }, (_, i) => `app-${i}`)
const padding = 'x'.repeat(300)
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A round of the flood: a line of each quiet application among `many` of one. */
function flood(round: number, many: number) {
  const quiet = apps.map((source) => envelope({ source, log: `${source} ${round} ${padding}` }))
  const loud = Array.from({ length: many }, (_, i) =>
    envelope({ source: 'flooder', log: `flooder ${round * many + i} ${padding}` }),
  )
  return batchOf(...loud.slice(0, many / 2), ...quiet, ...loud.slice(many / 2))
}

test('an application that floods its own drain hurts nobody else', async () => {
  const slow = await tcpDrain({ onSocket: (socket) => !socket.pause() })
  const drain = await tcpDrain()
  const cache = await bindingCache({
    bindings: bindingsJson({
      [`syslog://127.0.0.1:${drain.port}`]: apps,
      [`syslog://127.0.0.1:${slow.port}`]: ['flooder'],
    }),
    aggregate: '[]',
  })
  const { made, metric } = await exporter({ bindings: { ...cache.settings, polling_interval: '1m' }, queue_size: 1000 })
  for (let round = 0; round < 100; round++) {
    made.consume(flood(round, 500))
    await turn()
  }
  await until(() => drain.messages.length === 4900)
  const lost = metric('lost_total').map(({ labels, value }) => [labels.drain_url, value])
  expect(lost).toContainEqual([`syslog://127.0.0.1:${drain.port}`, 0])
  expect(Number(lost.find(([url]) => url === `syslog://127.0.0.1:${slow.port}`)![1])).toBeGreaterThan(20_000)
})

test('in a drain that all share, 95 of a hundred losses fall on the one that floods', async () => {
  // It reads what the quiet ones write twice over, and no more.
  let allowed = 0
  const received: string[] = []
  const drain = await tcpDrain({
    onSocket: (socket) => {
      readFrames(socket, (message) => {
        received.push(textOf(message))
        if (received.length >= allowed) socket.pause()
      })
      return false
    },
  })
  const { made, account } = await exporter({
    aggregate_drains: [`syslog://127.0.0.1:${drain.port}`],
    queue_size: 5000,
    max_write: '4KiB',
  })
  for (let round = 0; round < 400; round++) {
    made.consume(flood(round, 500))
    allowed += 100
    for (const socket of drain.sockets) socket.resume()
    await turn()
  }
  allowed = Number.POSITIVE_INFINITY
  await until(() => {
    for (const socket of drain.sockets) socket.resume()
    return account.held() === 0
  })
  await until(() => received.length === account.sent)
  const total = 400 * 549 - received.length
  const quiet = 400 * 49 - received.filter((text) => text.startsWith('app-')).length
  expect(total).toBe(account.droppedTotal)
  expect(total).toBeGreaterThan(50_000)
  expect(quiet).toBeLessThan(total * 0.05)
})

test('a thousand drains that accept and say nothing stay under max_memory, and one that reads does not notice', async () => {
  const stalled = await tcpDrain({ onSocket: (socket) => !socket.pause() })
  const healthy = await tcpDrain()
  const stuck = Array.from({ length: 1000 }, (_, i) => `stuck-${i}`)
  const cache = await bindingCache({
    bindings: bindingsJson({
      [`syslog-tls://127.0.0.1:${stalled.port}`]: stuck,
      [`syslog://127.0.0.1:${healthy.port}`]: ['ok'],
    }),
    aggregate: '[]',
  })
  const max = 16 << 20
  const { made, account, budget, metric } = await exporter({
    bindings: { ...cache.settings, polling_interval: '1m' },
    max_memory: max,
  })
  const text = 'x'.repeat(900)
  let most = 0
  for (let round = 0; round < 60; round++) {
    made.consume(batchOf(...stuck.map((source) => envelope({ source, log: text }))))
    made.consume(logs('ok', `line ${round}`))
    most = Math.max(most, budget.used)
    await turn()
  }
  await until(() => healthy.messages.length === 60)
  expect(most).toBeLessThanOrEqual(max)
  expect(most).toBeGreaterThan(max / 2)
  expect(account.dropped('memory')).toBeGreaterThan(10_000)
  expect(account.imbalance()).toBe(0)
  expect(metric('memory_bytes')[0]!.value).toBe(budget.used)
})

test('ten thousand drains that nobody writes to cost little', async () => {
  const list: Record<string, string[]> = {}
  for (let i = 0; i < 10_000; i++)
    list[`syslog-tls://drain-${i}.example.com:6514/path?drain-data=all`] = [crypto.randomUUID()]
  const answers = { bindings: '[]', aggregate: '[]' }
  const cache = await bindingCache(answers)
  const { metric } = await exporter({ bindings: cache.settings })
  const before = process.memoryUsage().heapUsed
  answers.bindings = bindingsJson(list)
  await until(() => metric('app_drains')[0]!.value === 10_000)
  globalThis.gc?.()
  const bytes = (process.memoryUsage().heapUsed - before) / 10_000
  expect(metric('active_drains')[0]!.value).toBe(0)
  // Without a forced collection this includes garbage.
  expect(bytes).toBeLessThan(16_384)
})
