import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Answer, batchOf, exporting, gauge, lines, passing, receiving, settled } from './test-kit.ts'

describe('a request', () => {
  const many = (count: number, at = 0) => Array.from({ length: count }, (_, i) => gauge('g', i + at, { n: String(i) }))
  const lineOf = (i: number, at = 0) => `g{n="${i}"} ${i + at} @1700000000123`

  /** The first request is answered when the second has come: `most` were open at the same time. */
  const receivingTwo = async () => {
    const open = { now: 0, most: 0 }
    const receiver = await receiving(async () => {
      open.most = Math.max(open.most, ++open.now)
      await receiver.until(2)
      open.now--
      return { status: 200 }
    })
    return { ...receiver, open }
  }

  test('is cut at max_batch_size_bytes; its parts go at the same time, as many as num_consumers says', async () => {
    const { url, requests, open } = await receivingTwo()
    const { exporter, account } = await exporting(url, {
      max_batch_size_bytes: 4096,
      remote_write_queue: { num_consumers: 2 },
    })
    exporter.consume(batchOf(many(300)))
    await settled(account)
    expect([account.sent, open.most]).toEqual([300, 2])
    expect(requests.length).toBeGreaterThan(3)
    expect(requests.flatMap(lines).sort()).toEqual(Array.from({ length: 300 }, (_, i) => lineOf(i)).sort())
  })

  test('waits for those that have earlier samples of its series', async () => {
    const { url, requests } = await receivingTwo()
    const { exporter, account } = await exporting(url, { max_batch_size_bytes: 4096, max_batch_request_parallelism: 9 })
    exporter.consume(batchOf([...many(200), ...many(200, 1000)]))
    await settled(account)
    const all = requests.flatMap(lines)
    for (let i = 0; i < 200; i++) expect(all.indexOf(lineOf(i))).toBeLessThan(all.indexOf(lineOf(i, 1000)))
    expect(all).toHaveLength(400)
  })

  test('that failed is repeated; those of the batch that did not are not', async () => {
    const { url, requests } = await receiving((number) => ({ status: number === 2 ? 503 : 200 }))
    const { exporter, clock, account } = await exporting(url, {
      max_batch_size_bytes: 4096,
      max_batch_request_parallelism: 1,
    })
    exporter.consume(batchOf(many(300)))
    await passing(clock, account)
    const [, second, third] = requests.map(lines)
    expect(third).toEqual(second)
    expect(requests.toSpliced(1, 1).flatMap(lines)).toEqual(Array.from({ length: 300 }, (_, i) => lineOf(i)))
    expect([account.sent, account.maybe_duplicate]).toEqual([300, 300])
  })

  const cut = { max_batch_size_bytes: 4096, max_batch_request_parallelism: 1 }
  test.each<[string, object, (number: number) => number, string]>([
    ['when its attempts are at an end', { max_retries: 2 }, (n) => (n < 3 ? 200 : 503), 'retries_exhausted'],
    ['when there is only one', { enabled: false }, (n) => (n < 3 ? 200 : 503), 'connection'],
    ['when others were refused', { max_retries: 2 }, (n) => [200, 400][n - 1] ?? 429, 'retries_exhausted'],
  ])('that was delivered is counted as that %s', async (_name, retry_on_failure, statusOf, reason) => {
    const { url, requests } = await receiving((number) => ({ status: statusOf(number) }))
    const { exporter, clock, account, budget } = await exporting(url, { ...cut, retry_on_failure })
    exporter.consume(batchOf(many(300)))
    await passing(clock, account)
    const with_ = (status: number) => requests.filter((_, i) => statusOf(i + 1) === status).flatMap(lines).length
    expect(account.sent).toBe(with_(200))
    expect(account.sent).toBeGreaterThan(0)
    expect(account.dropped('rejected')).toBe(with_(400))
    expect(account.dropped(reason as 'connection')).toBe(300 - with_(200) - with_(400))
    expect([account.imbalance(), budget.used]).toEqual([0, 0])
  })

  test('that was delivered is counted as that when the process stops before the others', async () => {
    const { url, requests, until } = await receiving((number) => (number < 3 ? { status: 200 } : new Promise(() => {})))
    const { exporter, account, budget } = await exporting(url, cut)
    exporter.consume(batchOf(many(300)))
    await until(3)
    await exporter.stop(AbortSignal.abort())
    const delivered = requests.slice(0, 2).flatMap(lines).length
    expect([account.sent, account.dropped('shutdown')]).toEqual([delivered, 300 - delivered])
    expect([account.imbalance(), budget.used]).toEqual([0, 0])
  })

  test('is charged to the memory budget, as it is and compressed, while it is here', async () => {
    const waits = Promise.withResolvers<Answer>()
    const { url, until } = await receiving(() => waits.promise)
    const { exporter, account, budget } = await exporting(url)
    // Noise: it stays as long as it is.
    const batch = batchOf([gauge('g', 1, { noise: randomBytes(50_000).toString('latin1') })])
    const { size } = batch
    exporter.consume(batch)
    await until(1)
    expect(budget.used).toBeGreaterThan(3 * size)
    waits.resolve({ status: 200 })
    await settled(account)
    expect(budget.used).toBe(0)
  })
})

describe('an answer', () => {
  test.each([429, 500, 503])('%d is repeated after the time it names, in order', async (status) => {
    const { url, requests, until } = await receiving((number) =>
      number === 1 ? { status, headers: { 'retry-after': '7' } } : { status: 200 },
    )
    const { exporter, clock, account } = await exporting(url)
    exporter.consume(batchOf([gauge('first', 1)]))
    await until(1)
    exporter.consume(batchOf([gauge('second', 2)]))
    let waited = 0
    for (; requests.length < 2; waited += 500) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      clock.advance(500)
    }
    expect(waited).toBeGreaterThanOrEqual(7000)
    await settled(account)
    expect(account.sent).toBe(2)
    expect(requests.slice(1).flatMap(lines)).toEqual(['first{} 1 @1700000000123', 'second{} 2 @1700000000123'])
  })

  test.each([400, 404, 302])('%d is the end of the batch, counted and told', async (status) => {
    const { url } = await receiving(() => ({ status, text: 'out of order sample\n' }))
    const { exporter, account, logged } = await exporting(url)
    exporter.consume(batchOf([gauge('g', 1)]))
    await settled(account)
    expect(account.dropped('rejected')).toBe(1)
    expect(logged.join('')).toContain(`remote write answered ${status}: out of order sample`)
  })
})
