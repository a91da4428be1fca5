import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { decodeOtlpMetrics, type Message } from '../../../test/support/decode.ts'
import { type DecodedEnvelope, decodeEnvelopes } from '../../../test/support/decode-envelopes.ts'
import { newFolder } from '../../../test/support/folder.ts'
import { type ReceiverRun, runReceiver } from '../../../test/support/receiver.ts'
import { loadConfig } from '../../config/load.ts'
import type { Format } from '../../plugin.ts'
import { issue, newAuthority } from '../../runtime/certs.ts'
import prometheus from './index.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A target: the port, and how many connections it has seen. */
interface TestTarget {
  port: number
  sockets: Set<Socket>
}

async function serve(
  answer: string | RequestListener,
  tls?: { cert: string; key: string; ca?: string },
): Promise<TestTarget> {
  const listener: RequestListener =
    typeof answer === 'string'
      ? (_, response) => void response.end(answer)
      : (request, response) => answer(request, response)
  const server: Server = tls
    ? createTlsServer({ ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined }, listener)
    : createServer(listener)
  const sockets = new Set<Socket>()
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

function running(
  written: Record<string, unknown>,
  formats: readonly Format[] = ['envelopes'],
  memory = 1 << 20,
): ReceiverRun {
  const receiver = runReceiver(prometheus, { default_source_id: 'default-id', ...written }, { formats, memory })
  closers.push(() => void receiver.stop())
  return receiver
}

/** A receiver on target files with these contents. */
async function withFiles(files: readonly string[], written: Record<string, unknown> = {}): Promise<ReceiverRun> {
  const folder = newFolder(
    Object.fromEntries(files.map((text, i) => [`job-${i}/config/prom_scraper_config.yml`, text])),
  )
  const receiver = running({ target_globs: [`${folder}/*/config/prom_scraper_config.yml`], ...written })
  await receiver.start()
  return receiver
}

/** One interval: every target is scraped once. */
const interval = (receiver: ReceiverRun, ms = 15_000) => receiver.clock.advance(ms)

const envelopesOf = (receiver: ReceiverRun): DecodedEnvelope[] =>
  receiver.batches.flatMap((batch) => decodeEnvelopes(batch.bytes()))

const gauges = (receiver: ReceiverRun) =>
  envelopesOf(receiver).map(({ source_id, instance_id, tags, gauge }) => ({
    source_id,
    instance_id,
    tags,
    ...gauge?.metrics,
  }))

const failures = (receiver: ReceiverRun, sourceId = 'app') =>
  receiver.counter('failed_scrapes_total', { scrape_target_source_id: sourceId })

describe('target files', () => {
  test('are scraped once per interval: the first time within the first one', async () => {
    let requests = 0
    const { port } = await serve((_, response) => {
      requests++
      response.end('# TYPE up_time gauge\nup_time{unit="s",az="z1"} 1.5\n')
    })
    const receiver = await withFiles([`port: ${port}\nsource_id: app\ninstance_id: i-1\nlabels: {origin: o}\n`])
    expect(requests).toBe(0)
    interval(receiver)
    await receiver.records(1)
    expect(gauges(receiver)).toEqual([
      { source_id: 'app', instance_id: 'i-1', tags: { origin: 'o', az: 'z1' }, up_time: { unit: 's', value: 1.5 } },
    ])
    expect(envelopesOf(receiver)[0]!.timestamp).toBe(`${receiver.clock.now()}000000`)
    interval(receiver)
    await receiver.records(2)
    expect(requests).toBe(2)
    expect(receiver.counter('scrape_targets_total')).toBe(1)
    expect(failures(receiver)).toBe(0)
    await receiver.stop()
    expect(receiver.account.imbalance()).toBe(0)
  })

  test('send the headers they name, as they are written, ask for gzip and for no type', async () => {
    const seen: string[][] = []
    const { port } = await serve((request, response) => {
      seen.push(request.rawHeaders)
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('a 1\n'))
    })
    const receiver = await withFiles([`port: ${port}\nheaders: {X-my-Key: "v w", Host: elsewhere}\n`])
    interval(receiver)
    await receiver.records(1)
    const [headers] = seen
    const pairs = Object.fromEntries(headers!.flatMap((name, i) => (i % 2 === 0 ? [[name, headers![i + 1]]] : [])))
    expect(pairs).toMatchObject({ 'X-my-Key': 'v w', 'Accept-Encoding': 'gzip', Host: `127.0.0.1:${port}` })
    expect(headers).not.toContain('Accept')
  })

  test('fill in their defaults; an empty source id becomes the default one', async () => {
    const paths: (string | undefined)[] = []
    const { port } = await serve(({ url }, response) => {
      paths.push(url)
      response.end('a 1\n')
    })
    const receiver = await withFiles([
      `port: "0${port}"\n`,
      `port: ${port}\npath: custom?x=1\nlabels: {num: 1.50, yes: true, source_id: tag}\nunknown: 1\n`,
      `port: ${port}\npath:\nsource_id: third\n`,
    ])
    interval(receiver)
    await receiver.records(3)
    expect(paths.sort()).toEqual(['/', '/custom?x=1', '/metrics'])
    expect(gauges(receiver).map(({ source_id, tags }) => [source_id, tags ?? {}])).toEqual(
      expect.arrayContaining([
        ['default-id', {}],
        ['default-id', { num: '1.50', yes: 'true', source_id: 'tag' }],
        ['third', {}],
      ]),
    )
  })

  test('without a sound port are left out with the words of the original', async () => {
    const ports = [
      '',
      'port: 0',
      'port: 65537',
      'port: 0x50',
      'port: 80.0',
      'port: 1_000',
      'port: abc',
      'source_id: x',
      'port: -1',
    ]
    const receiver = await withFiles(ports)
    const skipped = receiver.lines.filter((line) =>
      /^Prom scraper config at \S+prom_scraper_config\.yml does not have a valid port - skipping this config file$/.test(
        line,
      ),
    )
    expect(skipped).toHaveLength(ports.length)
    expect(receiver.counter('scrape_targets_total')).toBe(0)
  })

  test('count when they are switched off, too; an interval without a unit switches off with an error', async () => {
    const receiver = await withFiles([
      'port: 1\nsource_id: a\nscrape_interval: 0\n',
      'port: 1\nsource_id: b\nscrape_interval: -5s\n',
      'port: 1\nsource_id: c\nscrape_interval:\n',
      'port: 1\nsource_id: d\nscrape_interval: 15\n',
      'port: 1\nsource_id: e\nscrape_interval: 1m30s\n',
    ])
    expect(receiver.counter('scrape_targets_total')).toBe(5)
    expect(['a', 'b', 'c', 'd', 'e'].map((id) => failures(receiver, id))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      0,
    ])
    expect(receiver.lines.join('\n')).toMatch(
      /scrape_interval 15 in \S+job-3\S+ has no unit: this target is not scraped; write "15s"/,
    )
  })

  test('that cannot be read or parsed end the start; a bad pattern does not', async () => {
    await expect(withFiles(['port: [\n'])).rejects.toThrow(/unmarshal: \S+prom_scraper_config\.yml: /)
    await expect(withFiles(['port: 1\nscrape_interval: abc\n'])).rejects.toThrow(/unmarshal: .*invalid duration "abc"/)
    await expect(withFiles(['port: 1\nlabels: [a]\n'])).rejects.toThrow(/unmarshal: .*labels: expected a map/)
    await expect(withFiles(['- 1\n'])).rejects.toThrow(/unmarshal: .*expected a map/)
    const folder = newFolder({ 'a.yml/inside': '' })
    await expect(running({ target_globs: [`${folder}/*.yml`] }).start()).rejects.toThrow('cannot read file: ')
    const receiver = running({ target_globs: ['/[', `${folder}/none`] })
    await receiver.start()
    expect(receiver.lines).toContain('unable to read config from glob: /[')
  })

  test('spread over the interval', async () => {
    const times: number[] = []
    let receiver: ReceiverRun | undefined
    const { port } = await serve((_, response) => {
      times.push(receiver!.clock.monotonic())
      response.end('a 1\n')
    })
    receiver = await withFiles(Array.from({ length: 20 }, (_, i) => `port: ${port}\nsource_id: s${i}\n`))
    for (let second = 1; second <= 15; second++) {
      receiver.clock.advance(1000)
      // What is due now is asked for before time goes on.
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    }
    await receiver.records(20)
    expect(new Set(times).size).toBeGreaterThan(5)
    expect(Math.max(...times)).toBeLessThanOrEqual(15_000)
  })
})

describe('a scrape that fails', () => {
  const failing = async (answer: string | RequestListener, more = '', written: Record<string, unknown> = {}) => {
    const { port, sockets } = await serve(answer)
    const receiver = await withFiles([`port: ${port}\nsource_id: app\ninstance_id: i-1\n${more}`], written)
    interval(receiver)
    const text = await receiver.line('[id: app')
    return { receiver, port, sockets, text: text.replaceAll(String(port), 'PORT') }
  }
  const where =
    'failed to scrape: scrape errors:\n[id: app, instance_id: i-1, metric_url: http://127.0.0.1:PORT/metrics]: '

  test('says what the target answered, counts, and tells when it has recovered', async () => {
    let healthy = false
    const { receiver, text } = await failing((_, response) => {
      if (healthy) response.end('a 1\n')
      else response.writeHead(500).end('some text')
    })
    expect(text).toBe(`${where}unexpected status code 500: some text`)
    expect(failures(receiver)).toBe(1)
    expect(receiver.batches).toEqual([])
    healthy = true
    interval(receiver)
    await receiver.records(1)
    expect(receiver.lines.at(-1)).toBe('i-1 has recovered')
    expect(failures(receiver)).toBe(1)
  })

  test('names the line that does not parse and sends nothing of the page; other targets go on', async () => {
    const good = await serve('a 1\n')
    const bad = await serve('a 1\nb x\n')
    const receiver = await withFiles([
      `port: ${bad.port}\nsource_id: app\ninstance_id: i-1\n`,
      `port: ${good.port}\nsource_id: good\n`,
    ])
    interval(receiver)
    const [text] = await Promise.all([receiver.line('[id: app'), receiver.records(1)])
    expect(text.replaceAll(String(bad.port), 'PORT')).toBe(
      `${where}text format parsing error in line 2: expected float as value, got "x"`,
    )
    expect(gauges(receiver)).toEqual([expect.objectContaining({ source_id: 'good' })])
    expect(failures(receiver, 'good')).toBe(0)
  })

  test('fails as the original did on the recorded pages', async () => {
    const rows = readFileSync(new URL('../../../test/testdata/prom-scraper.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { input_b64: string; error?: string })
      .filter((row) => row.error !== undefined)
    let page = 0
    const { port } = await serve((_, response) => void response.end(Buffer.from(rows[page]!.input_b64, 'base64')))
    const receiver = await withFiles([`port: ${port}\nsource_id: app\ninstance_id: i-1\n`])
    for (; page < rows.length; page++) {
      const seen = receiver.lines.length
      interval(receiver)
      expect(await receiver.line('[id: app', seen)).toContain(`]: ${rows[page]!.error}`)
    }
    expect(failures(receiver)).toBe(rows.length)
    expect(receiver.batches).toEqual([])
  })

  test('when nobody listens', async () => {
    const receiver = await withFiles(['port: 1\nsource_id: app\ninstance_id: i-1\n'])
    interval(receiver)
    const text = await receiver.line('[id: app')
    expect(text).toContain(']: Get "http://127.0.0.1:1/metrics": dial tcp 127.0.0.1:1: connect: connection refused')
  })

  test('with a port or scheme that no URL can have', async () => {
    const receiver = await withFiles(['port: 65536\nsource_id: app\n', 'port: 80\nscheme: ftp\nsource_id: b\n'])
    interval(receiver)
    expect(await receiver.line('[id: app')).toContain('invalid URL "http://127.0.0.1:65536/metrics"')
    expect(await receiver.line('[id: b')).toContain('unsupported protocol scheme "ftp"')
  })

  test('when the page is larger than body_size_limit, packed or not', async () => {
    const page = `${'# comment\n'.repeat(200)}a 1\n`
    const plain = await failing(page, '', { body_size_limit: '1KiB' })
    expect(plain.text).toBe(`${where}body size limit exceeded: the page has more than 1024 bytes`)
    const packed = await failing(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(page)),
      '',
      { body_size_limit: '1KiB' },
    )
    expect(packed.text).toBe(plain.text)
  })

  test('when the memory budget has no room for the page, which is given back', async () => {
    const { port } = await serve('a 1\n'.padStart(5000, '\n'))
    const targets = [`127.0.0.1:${port}`]
    const config = { scrape_configs: [{ job_name: 'app', static_configs: [{ targets }] }] }
    const receiver = running({ config }, ['envelopes'], 4096)
    await receiver.start()
    interval(receiver, 60_000)
    expect(await receiver.line('[id: app')).toContain('no room for the page in the memory budget')
    expect(receiver.budget.used).toBe(0)
  })

  test('when the answer breaks off or is no gzip', async () => {
    const cut = await failing((_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('a 1\n', () => response.destroy())
    })
    expect(cut.text).toMatch(/connection reset|aborted/)
    const odd = await failing(
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('a 1\n'),
    )
    expect(odd.text).toContain('gzip: incorrect header check')
  })

  test('after the timeout, and the next one is not held up', async () => {
    let requests = 0
    const { port } = await serve((_, response) => {
      if (++requests > 1) response.end('a 1\n')
    })
    const receiver = await withFiles([`port: ${port}\nsource_id: app\ninstance_id: i-1\n`])
    interval(receiver)
    while (requests === 0) await new Promise(setImmediate)
    expect(receiver.lines.some((line) => line.includes('[id: app'))).toBe(false)
    // Scrapes never overlap: the one that hangs ends with its interval.
    interval(receiver)
    expect(await receiver.line('[id: app')).toContain('context deadline exceeded')
    interval(receiver)
    await receiver.records(1)
    expect(failures(receiver)).toBe(1)
  })

  test('without a trace when the receiver stops', async () => {
    let asked: () => void = () => {}
    const waiting = new Promise<void>((resolve) => {
      asked = resolve
    })
    const { port } = await serve(() => asked())
    const receiver = await withFiles([`port: ${port}\nsource_id: app\n`])
    interval(receiver)
    await waiting
    await receiver.stop()
    expect(failures(receiver)).toBe(0)
    expect(receiver.lines.some((line) => line.includes('failed to scrape'))).toBe(false)
  })
})

describe('connections', () => {
  test('are kept from scrape to scrape', async () => {
    const target = await serve('a 1\n')
    const receiver = await withFiles([`port: ${target.port}\nsource_id: app\n`])
    for (let i = 1; i <= 3; i++) {
      interval(receiver)
      await receiver.records(i)
      // The connection is idle again a few turns after the body's end.
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    }
    expect(target.sockets.size).toBe(1)
  })

  test('that the target closed while idle are opened again without a failure', async () => {
    const target = await serve('a 1\n')
    const receiver = await withFiles([`port: ${target.port}\nsource_id: app\n`])
    interval(receiver)
    await receiver.records(1)
    for (const socket of target.sockets) socket.resetAndDestroy()
    interval(receiver)
    await receiver.records(2)
    expect(failures(receiver)).toBe(0)
  })

  test('follow redirects, but not for ever', async () => {
    const { port } = await serve((request: IncomingMessage, response: ServerResponse) => {
      const hop = Number(/\d+$/.exec(request.url!)?.[0] ?? 0)
      if (hop >= 3 && request.url!.startsWith('/short')) response.end('a 1\n')
      else response.writeHead(302, { location: request.url!.replace(/\d*$/, String(hop + 1)) }).end('moved')
    })
    const receiver = await withFiles([
      `port: ${port}\nsource_id: app\npath: short\n`,
      `port: ${port}\nsource_id: endless\npath: long\n`,
    ])
    interval(receiver)
    await receiver.records(1)
    expect(await receiver.line('[id: endless')).toContain(
      `Get "http://127.0.0.1:${port}/long": stopped after 10 redirects`,
    )
  })
})

describe('TLS', () => {
  const authority = newAuthority({ commonName: 'metricScraperCA' })
  const other = newAuthority({ commonName: 'otherCA' })
  const server = issue(authority, { commonName: 'app_metrics', names: ['app_metrics'] })
  const ipServer = issue(authority, { commonName: 'ip', ips: ['127.0.0.1'] })
  const nameless = issue(authority, { commonName: 'app_metrics' })
  const client = issue(authority, { commonName: 'prom_scraper' })
  const stranger = issue(other, { commonName: 'stranger' })
  const newCertificates = () => {
    const folder = newFolder({
      'ca.crt': authority.cert,
      'other.crt': other.cert,
      'client.crt': client.cert,
      'client.key': client.key,
      'stranger.crt': stranger.cert,
      'stranger.key': stranger.key,
    })
    const scraping = {
      tls: { ca_file: `${folder}/ca.crt`, cert_file: `${folder}/client.crt`, key_file: `${folder}/client.key` },
    }
    return { folder, scraping }
  }
  const targetFile = (port: number, more = '') => `port: ${port}\nsource_id: app\nscheme: https\n${more}`

  test('shows the own certificate and checks the name of the target', async () => {
    const { scraping } = newCertificates()
    const { port } = await serve('a 1\n', { ...server, ca: authority.cert })
    const receiver = await withFiles([targetFile(port, 'server_name: app_metrics\n')], scraping)
    interval(receiver)
    await receiver.records(1)
  })

  test('takes certificates that stand in the configuration itself', async () => {
    const { port } = await serve('a 1\n', { ...server, ca: authority.cert })
    const tls = { ca_pem: authority.cert, cert_pem: client.cert, key_pem: client.key }
    const receiver = await withFiles([targetFile(port, 'server_name: app_metrics\n')], { tls })
    interval(receiver)
    await receiver.records(1)
  })

  test('refuses another name, a certificate without alternative names, and an unknown authority', async () => {
    const { folder, scraping } = newCertificates()
    const named = await serve('a 1\n', server)
    const bare = await serve('a 1\n', nameless)
    const receiver = await withFiles(
      [
        targetFile(named.port, 'server_name: wrong\n'),
        targetFile(bare.port, 'server_name: app_metrics\n').replace('app\n', 'bare\n'),
        targetFile(named.port, `server_name: app_metrics\nca_path: ${folder}/other.crt\n`).replace(
          'app\n',
          'unknown\n',
        ),
      ],
      scraping,
    )
    interval(receiver)
    expect(await receiver.line('[id: app')).toMatch(/does not match certificate's altnames/)
    expect(await receiver.line('[id: bare')).toContain('does not contain a DNS name')
    expect(await receiver.line('[id: unknown')).toMatch(/unable to (get|verify)/)
    expect(failures(receiver)).toBe(1)
  })

  test('expects the address without server_name and without an own certificate', async () => {
    const { scraping } = newCertificates()
    const { port } = await serve('a 1\n', ipServer)
    const receiver = await withFiles([targetFile(port)], { tls: { ca_file: scraping.tls.ca_file } })
    interval(receiver)
    await receiver.records(1)
  })

  test('does not check when told not to', async () => {
    const { port } = await serve('a 1\n', nameless)
    const receiver = await withFiles([targetFile(port)], { tls: { insecure_skip_verify: true } })
    interval(receiver)
    await receiver.records(1)
  })

  test("uses a file's own certificate when it has both parts", async () => {
    const { folder, scraping } = newCertificates()
    const { port } = await serve('a 1\n', { ...server, ca: other.cert })
    const own = `server_name: app_metrics\nclient_cert_path: ${folder}/stranger.crt\n`
    const receiver = await withFiles(
      [
        targetFile(port, `${own}client_key_path: ${folder}/stranger.key\n`),
        targetFile(port, own).replace('app\n', 'half\n'),
      ],
      scraping,
    )
    interval(receiver)
    await receiver.records(1)
    await receiver.line('[id: half')
    expect(gauges(receiver)).toEqual([expect.objectContaining({ source_id: 'app' })])
  })

  test('switches a target off that would show a certificate to it knows not whom', async () => {
    const { scraping } = newCertificates()
    const receiver = await withFiles([targetFile(1), 'port: 2\nsource_id: plain\n'], scraping)
    expect(receiver.lines.join('\n')).toContain('server_name is missing from mTLS scrape config (app)')
    expect(failures(receiver)).toBeUndefined()
    expect(failures(receiver, 'plain')).toBe(0)
  })

  test('ends the start when files cannot be used', async () => {
    const { folder } = newCertificates()
    const started = withFiles([targetFile(1, `server_name: x\nca_path: ${folder}/none\n`)])
    await expect(started).rejects.toThrow('failed to read certificate(s) at path')
  })
})

describe('static scrape configs', () => {
  const metrics = async (
    answer: string | RequestListener,
    job: Record<string, unknown>,
    more: Record<string, unknown> = {},
    written: Record<string, unknown> = {},
  ) => {
    const { port } = await serve(answer)
    const receiver = running(
      {
        ...written,
        config: {
          scrape_configs: [{ job_name: 'web', ...job, static_configs: [{ targets: [`127.0.0.1:${port}`], ...more }] }],
        },
      },
      ['metrics'],
    )
    await receiver.start()
    interval(receiver, 60_000)
    await receiver.records(1)
    const request = decodeOtlpMetrics(receiver.batches[0]!.bytes())
    const resources = request.resourceMetrics as Message[]
    const list = resources.flatMap((each) => each.scopeMetrics[0].metrics as Message[])
    return { receiver, port, resources, named: Object.fromEntries(list.map((each) => [each.name as string, each])) }
  }
  const attributes = (list: Message[]) => Object.fromEntries(list.map(({ key, value }) => [key, value.stringValue]))

  test('become metrics with the resource of their target, and say that it is up', async () => {
    const page =
      '# HELP hits Hits.\n# TYPE hits counter\nhits{code="200"} 5\n# TYPE t histogram\nt_bucket{le="1"} 1\nt_bucket{le="+Inf"} 2\nt_sum 3\nt_count 2\n'
    const { port, resources, named, receiver } = await metrics(page, {}, { labels: { az: 'z1' } })
    expect(attributes(resources[0]!.resource.attributes)).toEqual({
      'service.name': 'web',
      'service.instance.id': `127.0.0.1:${port}`,
      'server.address': '127.0.0.1',
      'server.port': String(port),
      'url.scheme': 'http',
    })
    expect(named.hits).toMatchObject({ description: 'Hits.', sum: { isMonotonic: true, aggregationTemporality: 2 } })
    expect(attributes(named.hits!.sum.dataPoints[0].attributes)).toEqual({ code: '200', az: 'z1' })
    expect(named.t!.histogram.dataPoints[0]).toMatchObject({ count: 2n, sum: 3, bucketCounts: [1n, 1n] })
    expect(named.up!.gauge.dataPoints[0].asDouble).toBe(1)
    expect(named.scrape_samples_scraped!.gauge.dataPoints[0].asDouble).toBe(5)
    expect(named.scrape_duration_seconds).toMatchObject({ unit: 's' })
    expect(named.scrape_samples_post_metric_relabeling!.gauge.dataPoints[0].asDouble).toBe(5)
    expect(named.scrape_series_added!.gauge.dataPoints[0].asDouble).toBe(5)
    expect(receiver.batches[0]!.count).toBe(7)
    expect(receiver.batches[0]!.index().count).toBe(7)
  })

  test('say how many samples metric_relabel_configs left', async () => {
    const metric_relabel_configs = [{ source_labels: ['__name__'], regex: 'b', action: 'drop' }]
    const summary = '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 2\ns_count 3\n'
    const { named } = await metrics(`a 1\nb 2\nc 3\n${summary}`, { metric_relabel_configs })
    expect(named.scrape_samples_scraped!.gauge.dataPoints[0].asDouble).toBe(6)
    expect(named.scrape_samples_post_metric_relabeling!.gauge.dataPoints[0].asDouble).toBe(5)
    expect(named.scrape_series_added!.gauge.dataPoints[0].asDouble).toBe(5)
  })

  test('lose suffixes of their names with trim_metric_suffixes, what the receiver adds too', async () => {
    const { named } = await metrics('# TYPE c_total counter\nc_total 1\n', {}, {}, { trim_metric_suffixes: true })
    expect(Object.keys(named)).toEqual(expect.arrayContaining(['c', 'scrape_duration', 'scrape_series_added']))
  })

  test('say that a target is down', async () => {
    const { named, receiver } = await metrics((_, response) => void response.writeHead(503).end('no'), {})
    expect(named.up!.gauge.dataPoints[0].asDouble).toBe(0)
    expect(named.scrape_samples_scraped!.gauge.dataPoints[0].asDouble).toBe(0)
    expect(failures(receiver, 'web')).toBe(1)
  })

  test('rename labels of the page that the target has, unless honor_labels says otherwise', async () => {
    const page = 'a{job="mine",az="page",exported_az="x"} 1\n'
    const renamed = await metrics(page, {}, { labels: { az: 'z1' } })
    expect(attributes(renamed.named.a!.gauge.dataPoints[0].attributes)).toEqual({
      exported_job: 'mine',
      exported_exported_az: 'page',
      exported_az: 'x',
      az: 'z1',
    })
    const honored = await metrics(page, { honor_labels: true }, { labels: { az: 'z1' } })
    expect(attributes(honored.named.a!.gauge.dataPoints[0].attributes)).toEqual({
      job: 'mine',
      az: 'page',
      exported_az: 'x',
    })
  })

  test('read OpenMetrics when the target answers with it', async () => {
    const { named } = await metrics(
      (_, response) =>
        void response
          .writeHead(200, { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' })
          .end('# TYPE hits counter\n# UNIT hits \nhits_total 4\n# EOF\n'.replace('# UNIT hits \n', '')),
      {},
    )
    expect(named.hits_total!.sum.dataPoints[0].asDouble).toBe(4)
  })

  test('send path, parameters, headers and credentials', async () => {
    let seen: IncomingMessage | undefined
    await metrics(
      (request, response) => {
        seen = request
        response.end('a 1\n')
      },
      {
        metrics_path: '/federate',
        params: { 'match[]': ['{job="a"}', 'b'] },
        headers: { 'X-Tenant': 't' },
        basic_auth: { username: 'u', password: 'p' },
      },
    )
    expect(seen!.url).toBe('/federate?match%5B%5D=%7Bjob%3D%22a%22%7D&match%5B%5D=b')
    expect(seen!.headers).toMatchObject({
      'x-tenant': 't',
      authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
      accept: expect.stringContaining('application/openmetrics-text'),
    })
  })

  test('fail with more samples than sample_limit', async () => {
    const { receiver, named } = await metrics('a 1\nb 2\nc 3\n', { sample_limit: 2 })
    expect(Object.keys(named)).not.toContain('a')
    expect(receiver.lines.join('\n')).toContain('sample limit exceeded: 3 samples, the limit is 2')
  })

  test('become envelopes, whose ids are labels of the target or the name of the job', async () => {
    const { port } = await serve('a{az="page"} 1\n')
    const targets = [`127.0.0.1:${port}`]
    const receiver = running({
      config: {
        scrape_configs: [
          {
            job_name: 'web',
            bearer_token: 'secret',
            scrape_interval: '5s',
            static_configs: [{ targets }, { targets, labels: { source_id: 's', instance_id: 'i', az: 'z1' } }],
          },
        ],
      },
    })
    await receiver.start()
    interval(receiver, 5000)
    await receiver.records(2)
    expect(gauges(receiver)).toEqual(
      expect.arrayContaining([
        { source_id: 'web', instance_id: undefined, tags: { az: 'page' }, a: { unit: undefined, value: 1 } },
        { source_id: 's', instance_id: 'i', tags: { az: 'z1', exported_az: 'page' }, a: { unit: undefined, value: 1 } },
      ]),
    )
  })
})

test('a page of many series comes in batches that queues can hold', async () => {
  const page = Array.from({ length: 2500 }, (_, i) => `a{i="${i}"} ${i}\n`).join('')
  const { port } = await serve(page)
  const receiver = await withFiles([`port: ${port}\nsource_id: app\n`])
  interval(receiver)
  await receiver.records(2500)
  expect(receiver.batches.map((batch) => batch.count)).toEqual([1000, 1000, 500])
  expect(envelopesOf(receiver)).toHaveLength(2500)
})

test('one page serves both formats', async () => {
  const { port } = await serve('a{b="c"} 1\n')
  const folder = newFolder({ 'a.yml': `port: ${port}\nsource_id: app\nlabels: {x: "y"}\n` })
  const receiver = running({ target_globs: [`${folder}/*.yml`] }, ['envelopes', 'metrics'])
  await receiver.start()
  interval(receiver)
  await receiver.records(7)
  expect(receiver.batches.map(({ format, count }) => [format, count]).sort()).toEqual([
    ['envelopes', 1],
    ['metrics', 6],
  ])
  await receiver.stop()
  await receiver.stop()
})

test('the receiver may be stopped before it starts', async () => {
  await running({}).stop()
})

test('sample.yaml loads', () => {
  const file = new URL('./sample.yaml', import.meta.url).pathname
  const { value, problems } = loadConfig([file], { set: [], env: {} })
  expect(problems).toEqual([])
  for (const written of Object.values(value.receivers as object))
    expect(() => prometheus.config.parse(written)).not.toThrow()
})
