import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { decodeOtlpMetrics, type Message } from '../../../test/support/decode.ts'
import { newFolder } from '../../../test/support/folder.ts'
import { type ReceiverRun, runReceiver } from '../../../test/support/receiver.ts'
import prometheus from './index.ts'

const closers: (() => unknown)[] = []
afterEach(() => Promise.all(closers.splice(0).map((close) => close())))

/** A page, and the requests that asked for it. Without a page nothing is ever answered. */
async function serve(page: string | undefined): Promise<{ address: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    if (page !== undefined) response.end(page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

async function scraping(targets: string[], job: object = {}, global: object = {}): Promise<ReceiverRun> {
  const config = { global, scrape_configs: [{ job_name: 'web', static_configs: [{ targets }], ...job }] }
  const receiver = runReceiver(prometheus, { config }, { formats: ['metrics'] })
  closers.push(() => receiver.stop())
  await receiver.start()
  return receiver
}

/** The batches of the next interval: one for each target, whether it answers or not. */
async function nextBatches(receiver: ReceiverRun, count = 1): Promise<Message[]> {
  const before = receiver.batches.length
  receiver.clock.advance(60_000)
  while (receiver.batches.length < before + count) await new Promise(setImmediate)
  return receiver.batches.slice(before).flatMap((batch) => {
    const resources = decodeOtlpMetrics(batch.bytes()).resourceMetrics as Message[]
    return resources.flatMap((each) => each.scopeMetrics[0].metrics as Message[])
  })
}

const values = (metrics: Message[], wanted: string): number[] =>
  metrics.filter(({ name }) => name === wanted).map((metric) => metric.gauge.dataPoints[0].asDouble as number)

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`

describe('credentials in files', () => {
  test.each([
    [
      'basic_auth',
      (file: string) => ({ basic_auth: { username: 'u', password_file: file } }),
      basic('u:one'),
      basic('u:two'),
    ],
    ['authorization', (file: string) => ({ authorization: { credentials_file: file } }), 'Bearer one', 'Bearer two'],
    [
      'another scheme',
      (file: string) => ({ authorization: { type: 'Token', credentials_file: file } }),
      'Token one',
      'Token two',
    ],
    ['bearer_token_file', (file: string) => ({ bearer_token_file: file }), 'Bearer one', 'Bearer two'],
  ])('%s: are read again when they change', async (_, job, first, second) => {
    const file = join(newFolder(), 'secret')
    writeFileSync(file, 'one\n')
    const { address, requests } = await serve('a 1\n')
    const receiver = await scraping([address], job(file))
    await nextBatches(receiver)
    writeFileSync(file, 'two \n')
    await nextBatches(receiver)
    expect(requests.map(({ headers }) => headers.authorization)).toEqual([first, second])
  })

  test('that are not there fail the scrape; the first that finds one goes on', async () => {
    const file = join(newFolder(), 'token')
    const { address, requests } = await serve('a 1\n')
    const receiver = await scraping([address], { bearer_token_file: file })
    expect(values(await nextBatches(receiver), 'up')).toEqual([0])
    expect(receiver.lines.join('\n')).toContain(`no such file or directory, open '${file}'`)
    expect(requests).toEqual([])
    writeFileSync(file, 'late')
    expect(values(await nextBatches(receiver), 'up')).toEqual([1])
  })
})

describe('limits', () => {
  test('more targets than target_limit: none is scraped, all say why', async () => {
    const { address, requests } = await serve('a 1\n')
    const targets = [address, address.replace('127.0.0.1', 'localhost')]
    const receiver = await scraping(targets, { target_limit: 1 })
    expect(values(await nextBatches(receiver, 2), 'up')).toEqual([0, 0])
    expect(requests).toEqual([])
    expect(
      receiver.lines.filter((line) => line.includes('target_limit exceeded (number of targets: 2, limit: 1)')),
    ).toHaveLength(2)
  })

  test('rules that drop targets come first', async () => {
    const { address } = await serve('a 1\n')
    const drop = { source_labels: ['__address__'], regex: 'gone.*', action: 'drop' }
    const receiver = await scraping([address, 'gone:1'], { target_limit: 1, relabel_configs: [drop] })
    expect(values(await nextBatches(receiver), 'up')).toEqual([1])
  })

  test.each([
    [{ sample_limit: 1 }, 'sample limit exceeded: 2 samples, the limit is 1'],
    [{ label_limit: 2 }, 'label_limit exceeded: 3 labels, the limit is 2'],
    [{ label_name_length_limit: 2 }, 'label_name_length_limit exceeded: long has 4 bytes, the limit is 2'],
    [{ label_value_length_limit: 3 }, 'label_value_length_limit exceeded: long has 5 bytes, the limit is 3'],
    [{ body_size_limit: '10B' }, 'body size limit exceeded: the page has more than 10 bytes'],
    [{ target_limit: 1 }, 'target_limit exceeded'],
  ])('%j of global holds for jobs that name none', async (limit, text) => {
    const { address } = await serve('a{long="value",b="c"} 1\nb 2\n')
    const targets = 'target_limit' in limit ? [address, address.replace('127.0.0.1', 'localhost')] : [address]
    const receiver = await scraping(targets, {}, limit)
    expect(values(await nextBatches(receiver, targets.length), 'up')).toEqual(targets.map(() => 0))
    expect(receiver.lines.join('\n')).toContain(text)
    const own = Object.fromEntries(Object.keys(limit).map((key) => [key, 1000]))
    const spared = await scraping([address], own, limit)
    expect(values(await nextBatches(spared), 'up')).toEqual([1])
  })
})

test('enable_compression and scrape_protocols say what is asked for', async () => {
  const { address, requests } = await serve('a 1\n')
  await nextBatches(await scraping([address]))
  await nextBatches(
    await scraping([address], {
      enable_compression: false,
      scrape_protocols: ['PrometheusProto', 'PrometheusText0.0.4'],
    }),
  )
  expect(requests.map(({ headers }) => [headers['accept-encoding'], headers.accept])).toEqual([
    ['gzip', 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1'],
    [undefined, 'text/plain;version=0.0.4;q=0.4,*/*;q=0.1'],
  ])
})

test('external_labels stand at every sample', async () => {
  const { address } = await serve('a 1\n')
  const metrics = await nextBatches(await scraping([address], {}, { external_labels: { cluster: 'c1' } }))
  const labels = metrics.flatMap((metric) => metric.gauge.dataPoints[0].attributes as Message[])
  expect(labels.map(({ key, value }) => [key, value.stringValue])).toEqual(metrics.map(() => ['cluster', 'c1']))
})

test('a timeout of global is at most the interval of the job', async () => {
  const { address, requests } = await serve(undefined)
  const receiver = await scraping([address], { scrape_interval: '5s' }, { scrape_timeout: '30s' })
  receiver.clock.advance(5000)
  while (requests.length === 0) await new Promise(setImmediate)
  receiver.clock.advance(5000)
  expect(await receiver.line('[id: web')).toContain('context deadline exceeded')
})

describe('what is not valid, and why', () => {
  const job = (more: object) => ({ config: { scrape_configs: [{ job_name: 'web', ...more }] } })
  test.each([
    [
      job({ scrape_interval: '10s', scrape_timeout: '11s' }),
      ['config', 'scrape_configs', 0, 'scrape_timeout'],
      'scrape timeout greater than scrape interval for scrape config with job name "web"',
    ],
    [
      { config: { global: { scrape_interval: '10s', scrape_timeout: '11s' } } },
      ['config', 'global', 'scrape_timeout'],
      'global scrape timeout greater than scrape interval',
    ],
    [
      { config: { scrape_configs: [{ job_name: 'web' }, { job_name: 'web' }] } },
      ['config', 'scrape_configs', 1, 'job_name'],
      'found multiple scrape configs with job name "web"',
    ],
    [
      job({ basic_auth: { username: 'u', password: 'p', password_file: 'f' } }),
      ['config', 'scrape_configs', 0, 'basic_auth', 'password_file'],
      'at most one of basic_auth password & password_file must be configured',
    ],
    [
      job({ basic_auth: { username: 'u' }, bearer_token: 't' }),
      ['config', 'scrape_configs', 0, 'authorization'],
      'at most one of basic_auth, authorization, bearer_token, bearer_token_file must be configured',
    ],
    [
      job({ authorization: { type: 'basic', credentials: 'x' } }),
      ['config', 'scrape_configs', 0, 'authorization', 'type'],
      'authorization type cannot be set to "basic", use "basic_auth" instead',
    ],
    [
      job({ scrape_protocols: ['PrometheusProto'] }),
      ['config', 'scrape_configs', 0, 'scrape_protocols'],
      'none of these is read here; add PrometheusText0.0.4 or OpenMetricsText1.0.0',
    ],
    [
      job({ proxy_url: 'http://proxy:3128' }),
      ['config', 'scrape_configs', 0, 'proxy_url'],
      'proxy_url is not supported: pages are asked directly; let the proxy rewrite the address of the target',
    ],
    [
      job({ oauth2: { client_id: 'x' } }),
      ['config', 'scrape_configs', 0, 'oauth2'],
      'oauth2 is not supported: write a token to a file and name it in authorization.credentials_file',
    ],
    [
      { config: { remote_write: [] } },
      ['config', 'remote_write'],
      'remote_write is not supported: add the exporter prometheusremotewrite to the pipeline',
    ],
    [
      { target_allocator: { endpoint: 'http://a' } },
      ['target_allocator'],
      'target_allocator is not supported: let http_sd_configs ask the allocator for /jobs/NAME/targets?collector_id=ID',
    ],
    [
      { use_start_time_metric: true },
      ['use_start_time_metric'],
      'use_start_time_metric is not supported: leave it out, the Collector has dropped it in 0.143; ' +
        'counters start with `_created`, or with the first scrape of their target',
    ],
  ])('%j', (written, path, message) => {
    expect(prometheus.config.safeParse(written).error?.issues).toMatchObject([{ path, message }])
  })
})

test('a target of scrape_configs that has recovered is named by its URL: it has no other name', async () => {
  const statuses = [500, 200]
  const server = createServer((_, response) => void response.writeHead(statuses.shift()!).end('a 1\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close().closeAllConnections())
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const receiver = await scraping([address])
  await nextBatches(receiver)
  await nextBatches(receiver)
  expect(receiver.lines.at(-1)).toBe(`http://${address}/metrics has recovered`)
})
