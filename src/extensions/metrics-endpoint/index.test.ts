import { afterEach, describe, expect, test } from 'vitest'
import { fetchPage } from '../../../test/support/fetch-page.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import metricsEndpoint from './index.ts'
import { parseSelector } from './selector.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function started(settings: object) {
  const lines: string[] = []
  const shared = {
    log: newLog({ write: (line) => void lines.push(line) }),
    clock: new ManualClock(),
    metrics: new Metrics(),
    ledger: new Ledger(),
    budget: new Budget('test'),
  }
  const host = newHost(shared, {
    kind: 'extension',
    type: 'metrics_endpoint',
    id: 'metrics_endpoint',
    readsOrigins: false,
    extension: () => undefined,
  })
  const extension = metricsEndpoint.create({ config: metricsEndpoint.config.parse(settings), host })
  await extension.start()
  cleanups.push(() => extension.stop(AbortSignal.abort()))
  const address = (text: string) => lines.join('').match(new RegExp(`${text}(\\S+)`))![1]!
  return { ...shared, address, lines, page: () => fetchPage(`http://${address('listening on ')}/metrics`) }
}

test('a chosen family stands on the page with 0 before anything was counted', async () => {
  const families = [{ name: 'ingress', help: 'Received.', from: 'receiver loggregator offered' }]
  const { page } = await started({ families })
  const { status, headers, text } = await page()
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8; escaping=underscores')
  expect(text).toContain('# HELP ingress Received.\n# TYPE ingress counter\ningress 0\n')
})

test('families of one name are one family; labels and sums come from the books', async () => {
  const { page, ledger } = await started({
    families: [
      { name: 'dropped', labels: { direction: 'in' }, from: 'receiver r dropped' },
      { name: 'dropped', labels: { direction: 'out' }, from: 'queue q dropped(!displaced)' },
      { name: 'expired', by: ['destination'], from: 'queue q dropped(displaced)' },
      { name: 'hidden', from: 'receiver r taken', unless: true },
    ],
  })
  ledger.open('receiver', 'r').drop('malformed', 3)
  ledger.open('queue', 'q', { destination: 'a' }).drop('displaced', 5)
  ledger.open('queue', 'q', { destination: 'b' }).drop('connection', 7)
  const { text } = await page()
  expect(text.match(/# TYPE dropped counter/g)).toHaveLength(1)
  expect(text).toContain('dropped{direction="in"} 3\ndropped{direction="out"} 7\n')
  expect(text).toContain('expired{destination="a"} 5\nexpired{destination="b"} 0\n')
  expect(text).not.toContain('hidden')
  expect(text).toContain('tailrace_dropped_records_total{kind="queue",id="q",destination="a",reason="displaced"} 5')
})

test('the page is gzipped for readers that ask', async () => {
  const { address } = await started({})
  const { headers, text } = await fetchPage(`http://${address('listening on ')}/metrics`, { 'accept-encoding': 'gzip' })
  expect(headers['content-encoding']).toBe('gzip')
  expect(text).toContain('promhttp_metric_handler_errors_total{cause="encoding"} 0')
})

test('other paths are not found', async () => {
  const { address } = await started({})
  expect((await fetchPage(`http://${address('listening on ')}/`)).status).toBe(404)
})

test('debug adds series of the process and opens the profiles; without it there is no such port', async () => {
  const { page, address } = await started({ debug: true })
  expect((await page()).text).toMatch(/process_resident_memory_bytes \d/)
  const profiles = address('pprof server on: ')
  expect((await fetchPage(`http://${profiles}/debug/pprof/`)).text).toContain('profile?seconds=30')
  const profile = await fetchPage(`http://${profiles}/debug/pprof/profile?seconds=1`)
  expect(JSON.parse(profile.text)).toHaveProperty('nodes')
  const report = await fetchPage(`http://${profiles}/debug/pprof/report`)
  expect(JSON.parse(report.text).environmentVariables).toBeUndefined()
  const { lines, page: plain } = await started({})
  expect(lines.join('')).not.toContain('pprof')
  expect((await plain()).text).not.toContain('process_')
})

describe('selectors', () => {
  const ledger = new Ledger()
  const metrics = new Metrics()
  const queue = ledger.open('queue', 'firehose', { protocol: 'v2' })
  queue.sent = 4
  queue.drop('displaced', 2)
  queue.drop('connection', 1)
  ledger.open('queue', 'firehose', { protocol: 'v1' }).sent = 40
  metrics.counter('tailrace_x_total', '', { id: 'x' }).add(9)

  test.each([
    ['queue firehose sent', 44],
    ['queue firehose sent protocol=v2', 4],
    ['queue firehose dropped', 3],
    ['queue firehose dropped(displaced)', 2],
    ['queue firehose dropped(!displaced) protocol=v2', 1],
    ['queue firehose dropped(displaced, connection) protocol=v2', 3],
    ['queue firehose dropped(!displaced, connection)', 0],
    ['queue firehose held', 0],
    ['metric tailrace_x_total', 9],
    ['metric tailrace_x_total id=y', 0],
    ['queue other sent', 0],
  ])('%s', (text, expected) => {
    const readings = parseSelector(text)({ ledger, metrics })
    expect(readings.reduce((sum, { value }) => sum + value, 0)).toBe(expected)
  })

  test.each([
    ['queues firehose sent', 'expected "queue ID sent" or "metric NAME"'],
    ['queue firehose lost', 'nothing is counted as "lost"'],
    ['queue firehose dropped(bad)', '"bad" is no reason'],
  ])('%s is refused with the reason', (text, reason) => {
    expect(() => parseSelector(text)).toThrow(reason)
  })
})

test('a selector that cannot be read is a problem of the configuration, not of the start', () => {
  const { error } = metricsEndpoint.config.safeParse({ families: [{ name: 'x', from: 'queue q lost' }] })
  expect(error?.issues[0]?.message).toContain('nothing is counted as "lost"')
})
