import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { decodeOtlpMetrics, type Message } from '../../../test/support/decode.ts'
import { newFolder } from '../../../test/support/folder.ts'
import { type ReceiverRun, runReceiver } from '../../../test/support/receiver.ts'
import prometheus from './index.ts'

const closers: (() => unknown)[] = []
afterEach(() => Promise.all(closers.splice(0).map((close) => close())))

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function scraping(job: Record<string, unknown>): Promise<ReceiverRun> {
  const config = { scrape_configs: [{ job_name: 'web', scrape_interval: '20s', ...job }] }
  const receiver = runReceiver(prometheus, { config }, { formats: ['metrics'] })
  closers.push(() => receiver.stop())
  await receiver.start()
  return receiver
}

interface Sample {
  name: string
  labels: Record<string, string>
  data: Message
}

const attributes = (list: Message[] = []): Record<string, string> =>
  Object.fromEntries(list.map(({ key, value }) => [key, value.stringValue]))

/** Samples of the batch, and the resource of its first one. */
function read(receiver: ReceiverRun, batch: number): { resource: Record<string, string>; samples: Sample[] } {
  const resources = decodeOtlpMetrics(receiver.batches[batch]!.bytes()).resourceMetrics as Message[]
  const metrics = resources.flatMap((each) => each.scopeMetrics[0].metrics as Message[])
  const samples = metrics.flatMap((metric) => {
    const data = metric.gauge ?? metric.sum ?? metric.histogram ?? metric.summary
    return (data.dataPoints as Message[]).map((point) => ({
      name: metric.name as string,
      labels: attributes(point.attributes),
      data: point,
    }))
  })
  return { resource: attributes(resources[0]!.resource.attributes), samples }
}

async function scraped(receiver: ReceiverRun, batches = 1): Promise<void> {
  while (receiver.batches.length < batches) {
    receiver.clock.advance(500)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const own = ({ samples }: { samples: Sample[] }) =>
  samples.filter(({ name }) => name !== 'up' && !name.startsWith('scrape_')).map(({ name, labels }) => [name, labels])

describe('targets', () => {
  test('are listed by files, which are read again', async () => {
    const address = await serve((_, response) => void response.end('a 1\n'))
    const other = await serve((_, response) => void response.end('b 1\n'))
    const folder = newFolder({ 'a.yml': `- targets: ['${address}']\n  labels: {az: z1}\n`, 'b.json': '{"no": "list"}' })
    const receiver = await scraping({
      file_sd_configs: [{ files: [`${folder}/*.yml`, `${folder}/*.json`], refresh_interval: '10s' }],
      relabel_configs: [{ source_labels: ['__meta_filepath'], regex: '.*/(.*)', target_label: 'file' }],
    })
    await receiver.line('targets of job web could not be read, those known stay')
    await scraped(receiver)
    expect(own(read(receiver, 0))).toEqual([['a', { az: 'z1', file: 'a.yml' }]])
    writeFileSync(`${folder}/b.json`, JSON.stringify([{ targets: [other] }]))
    while (!receiver.batches.some((_, i) => own(read(receiver, i)).some(([name]) => name === 'b'))) {
      await scraped(receiver, receiver.batches.length + 1)
    }
    writeFileSync(`${folder}/a.yml`, '[]')
    receiver.clock.advance(10_000)
    // The two take turns while both are there.
    const namesOfLast = (n: number) =>
      Array.from({ length: n }, (_, i) => own(read(receiver, receiver.batches.length - 1 - i))[0]![0])
    do await scraped(receiver, receiver.batches.length + 1)
    while (namesOfLast(3).join() !== 'b,b,b')
  })

  test('are listed by a service', async () => {
    const address = await serve((_, response) => void response.end('a 1\n'))
    let asked: string | undefined
    const service = await serve((request, response) => {
      asked = request.headers.authorization
      response.end(JSON.stringify([{ targets: [address], labels: { __meta_env: 'prod' } }]))
    })
    const receiver = await scraping({
      http_sd_configs: [{ url: `http://${service}/targets`, authorization: { credentials: 'token' } }],
      relabel_configs: [{ action: 'labelmap', regex: '__meta_(env)' }],
    })
    await scraped(receiver)
    expect(own(read(receiver, 0))).toEqual([['a', { env: 'prod' }]])
    expect(asked).toBe('Bearer token')
  })

  test('can be changed and dropped by rules before they are asked', async () => {
    const paths: string[] = []
    const address = await serve((request, response) => {
      paths.push(request.url!)
      response.end('a 1\n')
    })
    const receiver = await scraping({
      params: { module: ['x'] },
      static_configs: [{ targets: ['dropped:1', 'probe'] }],
      relabel_configs: [
        { action: 'drop', source_labels: ['__address__'], regex: 'dropped:.*' },
        { source_labels: ['__address__'], target_label: '__param_target' },
        { source_labels: ['__param_target'], target_label: 'instance' },
        { target_label: '__address__', replacement: address },
        { target_label: '__metrics_path__', replacement: '/probe' },
        { target_label: 'job', replacement: 'blackbox' },
      ],
    })
    await scraped(receiver)
    expect(paths).toEqual(['/probe?module=x&target=probe'])
    expect(read(receiver, 0).resource).toMatchObject({ 'service.name': 'blackbox', 'service.instance.id': 'probe' })
  })

  test.each(['kubernetes_sd_configs', 'ec2_sd_configs'])('of %s are refused in one sentence', (name) => {
    const { error } = prometheus.config.safeParse({ config: { scrape_configs: [{ job_name: 'j', [name]: [{}] }] } })
    expect(error?.issues.map(({ message }) => message)).toEqual([
      `${name} is not supported: let a program list the targets for file_sd_configs or http_sd_configs`,
    ])
  })
})

describe('samples', () => {
  const page = `# TYPE hits counter
hits{code="200",path="/a"} 1
hits{code="500",path="/a"} 2
# TYPE t histogram
t_bucket{le="1"} 1
t_bucket{le="+Inf"} 2
t_sum 3
t_count 2
`
  const relabelled = async (rules: object[], more: object = {}) => {
    const address = await serve((_, response) => void response.end(page))
    const static_configs = [{ targets: [address], labels: { az: 'z1' } }]
    const receiver = await scraping({ static_configs, metric_relabel_configs: rules, ...more })
    await scraped(receiver)
    return { receiver, ...read(receiver, 0) }
  }

  test('are dropped, and lose labels', async () => {
    const found = await relabelled([
      { action: 'drop', source_labels: ['__name__', 'code'], regex: 'hits;5..' },
      { action: 'labeldrop', regex: 'path|az' },
      { action: 'drop', source_labels: ['__name__', 'le'], regex: 't_bucket;1' },
    ])
    expect(own(found)).toEqual([
      ['hits', { code: '200' }],
      ['t', {}],
    ])
    expect(found.samples.find(({ name }) => name === 't')!.data).toMatchObject({ count: 2n, sum: 3 })
  })

  test('are renamed, histograms whole', async () => {
    const found = await relabelled([
      { source_labels: ['__name__'], regex: '(hits|t_.*)', target_label: '__name__', replacement: 'app_$1' },
      { source_labels: ['job'], target_label: 'from' },
    ])
    expect(own(found)).toEqual([
      ['app_hits', { az: 'z1', code: '200', path: '/a', from: 'web' }],
      ['app_hits', { az: 'z1', code: '500', path: '/a', from: 'web' }],
      ['app_t', { az: 'z1', from: 'web' }],
    ])
    const histogram = found.samples.find(({ name }) => name === 'app_t')!.data
    expect(histogram).toMatchObject({ count: 2n, sum: 3, bucketCounts: [1n, 1n], explicitBounds: [1] })
  })

  test.each([
    [{ max_series: 3 }, 'max_series exceeded: 6 series, the limit is 3; hits has most, 2'],
    [{ sample_limit: 5 }, 'sample limit exceeded: 6 samples, the limit is 5'],
    [{ label_limit: 2 }, 'label_limit exceeded: 3 labels, the limit is 2'],
    [{ label_name_length_limit: 3 }, 'label_name_length_limit exceeded: code has 4 bytes'],
    [{ label_value_length_limit: 2 }, 'label_value_length_limit exceeded: code has 3 bytes'],
  ])('beyond %j are a failed scrape that says so', async (limit, message) => {
    const { receiver, samples } = await relabelled([], limit)
    expect(receiver.lines.join('\n')).toContain(message)
    expect(samples.find(({ name }) => name === 'up')!.data.asDouble).toBe(0)
  })
})

describe('series that end', () => {
  const flagged = (receiver: ReceiverRun, batch: number) =>
    read(receiver, batch)
      .samples.filter(({ name }) => !name.startsWith('scrape_'))
      .map(({ name, labels, data }) => `${name}${labels.n ?? ''}${data.flags === 1 ? ' ended' : ''}`)
      .sort()

  test('are told by points without a value: once, when they leave the page or the scrape fails', async () => {
    const pages = ['a{n="1"} 1\na{n="2"} 2\n', 'a{n="2"} 2\n', 'a{n="2"} 3\n', undefined, undefined, 'a{n="2"} 3\n']
    let number = 0
    const address = await serve((_, response) => {
      const page = pages[number++]
      if (page === undefined) response.writeHead(500)
      response.end(page ?? '')
    })
    const receiver = await scraping({ static_configs: [{ targets: [address] }] })
    await scraped(receiver, 6)
    expect([0, 1, 2, 3, 4, 5].map((batch) => flagged(receiver, batch))).toEqual([
      ['a1', 'a2', 'up'],
      ['a1 ended', 'a2', 'up'],
      ['a2', 'up'],
      ['a2 ended', 'up'],
      ['up'],
      ['a2', 'up'],
    ])
    for (const batch of receiver.batches) expect(batch.index().count).toBe(batch.count)
  })

  test('and those that are new are counted: by lines, after the rules, and not again when the target comes back', async () => {
    const histogram = (...bounds: string[]) =>
      `# TYPE h histogram\n${bounds.map((bound) => `h_bucket{le="${bound}"} 1\n`).join('')}h_sum 1\nh_count 1\n`
    const pages = [
      `a{n="1"} 1\nleft_out 1\n${histogram('+Inf')}`,
      `a{n="1"} 2\nleft_out{n="1"} 1\n${histogram('+Inf')}`,
      `a{n="2"} 1\nleft_out{n="2"} 1\n${histogram('1', '+Inf')}`,
      undefined,
      `a{n="2"} 1\na{n="3"} 1\n${histogram('1', '+Inf')}`,
      `a{n="2"} 1\na{n="3"} 1\n`,
    ]
    let number = 0
    const address = await serve((_, response) => {
      const page = pages[number++]
      if (page === undefined) response.writeHead(500)
      response.end(page ?? '')
    })
    const receiver = await scraping({
      static_configs: [{ targets: [address] }],
      metric_relabel_configs: [{ action: 'drop', source_labels: ['__name__'], regex: 'left_out' }],
    })
    await scraped(receiver, 6)
    const added = (batch: number) =>
      read(receiver, batch).samples.find(({ name }) => name === 'scrape_series_added')!.data.asDouble
    expect([0, 1, 2, 3, 4, 5].map(added)).toEqual([4, 0, 2, 0, 1, 0])
    expect([2, 3, 4, 5].map((batch) => flagged(receiver, batch))).toEqual([
      ['a1 ended', 'a2', 'h', 'up'],
      ['a2 ended', 'h ended', 'up'],
      ['a2', 'a3', 'h', 'up'],
      ['a2', 'a3', 'h ended', 'up'],
    ])
    const { data } = read(receiver, 5).samples.find(({ name }) => name === 'h')!
    expect(data).toMatchObject({ explicitBounds: [1], bucketCounts: [0n, 0n] })
  })

  test('are all of them when the target is gone from its list', async () => {
    const address = await serve((_, response) => void response.end('a{n="1"} 1\n# TYPE t summary\nt_count 1\n'))
    const folder = newFolder({ 'a.json': JSON.stringify([{ targets: [address] }]) })
    const receiver = await scraping({ file_sd_configs: [{ files: [`${folder}/*.json`], refresh_interval: '1s' }] })
    await scraped(receiver)
    writeFileSync(`${folder}/a.json`, '[]')
    const isOver = () => flagged(receiver, receiver.batches.length - 1).includes('up ended')
    while (!isOver()) await scraped(receiver, receiver.batches.length + 1)
    expect(flagged(receiver, receiver.batches.length - 1)).toEqual(['a1 ended', 't ended', 'up ended'])
  })

  test('have the times of the page where that is asked; counters start with the first scrape', async () => {
    const address = await serve((_, response) => void response.end('# TYPE c counter\nc 1 1700000000123\n'))
    const receiver = await scraping({ static_configs: [{ targets: [address] }], honor_timestamps: true })
    await scraped(receiver, 2)
    const [first, second] = [0, 1].map((batch) => read(receiver, batch).samples.find(({ name }) => name === 'c')!.data)
    expect(first!.timeUnixNano).toBe(1_700_000_000_123_000_000n)
    expect(second!.startTimeUnixNano).toBe(first!.startTimeUnixNano)
    expect(second!.startTimeUnixNano).toBeGreaterThan(0n)
  })
})
