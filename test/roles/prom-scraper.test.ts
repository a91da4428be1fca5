import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { canonical } from '../support/canonical.ts'
import type { Message } from '../support/decode.ts'
import { decodeEnvelopes } from '../support/decode-envelopes.ts'
import { promScraperEnv } from '../support/environments.ts'
import { newFolder } from '../support/folder.ts'
import { startRole } from '../support/role.ts'
import { startIngressSink } from '../support/sinks.ts'

interface Row {
  line: number
  name: string
  target: { sourceId: string; instanceId: string; labels?: Record<string, string>; defaultSourceId: string }
  input_b64: string
  output: Message[]
}

const rows = readFileSync(new URL('../testdata/prom-scraper.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)
  // Histograms with fractional counts differ on purpose (docs/differences.md); they are tested with the codec.
  .filter(({ line }) => ![174, 186].includes(line))

/** An HTTP server whose answers are looked up by path; counts what it was asked. */
async function startTargets(answer: (path: string, count: number) => { status?: number; body: string | Buffer }) {
  const asked = new Map<string, number>()
  const server = createServer((request, response) => {
    const path = request.url!
    const count = (asked.get(path) ?? 0) + 1
    asked.set(path, count)
    const { status = 200, body } = answer(path, count)
    response.writeHead(status).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as { port: number }).port, asked }
}

test('P1-P22: answers every recorded page as the original did, through one process', async () => {
  const { port } = await startTargets((path) => ({
    body: Buffer.from(rows[Number(path.slice(1))]!.input_b64, 'base64'),
  }))
  const files = rows.map(({ target }, i) => {
    const labels = { ...target.labels, row: String(i) }
    const lines = [
      `port: ${port}`,
      `path: /${i}`,
      `source_id: ${JSON.stringify(target.sourceId || target.defaultSourceId)}`,
      `instance_id: ${JSON.stringify(target.instanceId)}`,
      'scrape_interval: 2s',
      `labels: ${JSON.stringify(labels)}`,
    ]
    return [`${String(i).padStart(3, '0')}/prom_scraper_config.yml`, `${lines.join('\n')}\n`]
  })
  const folder = newFolder(Object.fromEntries(files))
  const sink = await startIngressSink()
  const env = {
    ...promScraperEnv(sink.address, `${folder}/*/prom_scraper_config.yml`),
    DEFAULT_SOURCE_ID: 'default-id',
  }
  await startRole('prom-scraper', env)
  const got = rows.map((): string[] => [])
  let read = 0
  const collect = () => {
    for (; read < sink.received.length; read++) {
      for (const { timestamp: _, ...envelope } of decodeEnvelopes(sink.received[read]!.bytes)) {
        const { row, ...tags } = envelope.tags!
        got[Number(row)]!.push(shape({ ...envelope, tags }))
      }
    }
    return rows.every(({ output }, i) => got[i]!.length >= output.length)
  }
  await sink.until('all pages', collect)
  // Scraped again, a page says the same again.
  const once = (i: number) => got[i]!.slice(0, rows[i]!.output.length || undefined).sort()
  for (const [i, row] of rows.entries()) expect(once(i), row.name).toEqual(row.output.map(shape).sort())
})

/** Minus zero reads back as zero from the JSON of the recording. */
const shape = ({ tags = {}, ...envelope }: Message) => canonical({ ...envelope, tags }).replace(/,?"value":"-0"/, '')

test('P14: names target files without a valid port, and scrapes the others; headers and labels are sent', async () => {
  const { port, asked } = await startTargets(() => ({ body: '# TYPE up gauge\nup 1\n' }))
  const folder = newFolder({
    'a/prom_scraper_config.yml': 'port: 0\n',
    'b/prom_scraper_config.yml': 'port: foo\n',
    'c/prom_scraper_config.yml': '',
    'd/prom_scraper_config.yml': `port: ${port}\nsource_id: job\ninstance_id: "7"\nlabels: {origin: o}\n`,
    'e/prom_scraper_config.yml': `port: ${port}\nscrape_interval: -1\npath: never\n`,
    'f/prom_scraper_config.yml': `port: ${port}\nscrape_interval:\npath: never\n`,
  })
  const sink = await startIngressSink()
  const env = { ...promScraperEnv(sink.address, `${folder}/*/prom_scraper_config.yml`), SCRAPE_INTERVAL: '100ms' }
  const role = await startRole('prom-scraper', env)
  for (const job of ['a', 'b', 'c']) {
    const file = `${folder}/${job}/prom_scraper_config.yml`
    await role.line(
      new RegExp(`^Prom scraper config at ${file} does not have a valid port - skipping this config file$`),
    )
  }
  await sink.until('a scrape', () => sink.count() > 0)
  expect(sink.envelopes()[0]).toMatchObject({ source_id: 'job', instance_id: '7', tags: { origin: 'o' } })
  const page = await role.metrics()
  expect(page.get('scrape_targets_total')).toBe(3)
  expect(page.get('failed_scrapes_total{scrape_target_source_id="job"}')).toBe(0)
  expect(asked.has('/never')).toBe(false)
})

test('P11, P16: a target that fails is counted and named once, and spoken of again when it recovers', async () => {
  const { port } = await startTargets((_, count) =>
    count <= 2 ? { status: 504, body: 'busy' } : { body: '# TYPE up gauge\nup 1\n' },
  )
  const folder = newFolder({
    'a.yml': `port: ${port}\nsource_id: some-id\ninstance_id: some-instance-id\nscrape_interval: 100ms\n`,
  })
  const sink = await startIngressSink()
  const role = await startRole('prom-scraper', promScraperEnv(sink.address, `${folder}/*.yml`))
  await role.line(/^failed to scrape: scrape errors:/)
  await role.line(/^\[id: some-id, instance_id: some-instance-id, metric_url: http:.*\]: unexpected status code 504: /)
  await role.line(/^some-instance-id has recovered$/)
  await sink.until('a scrape', () => sink.count() > 0)
  const page = await role.metrics()
  expect(page.get('failed_scrapes_total{scrape_target_source_id="some-id"}')).toBe(2)
})

test('a malformed page emits nothing, counts one failed scrape and names the line; other targets go on', async () => {
  const bad = '# TYPE good gauge\ngood 1\nbad{a="b} 1\ngood 2\n'
  const { port } = await startTargets((path, count) => ({
    body: path === '/bad' && count === 1 ? bad : '# TYPE up gauge\nup 1\n',
  }))
  const folder = newFolder({
    'bad.yml': `port: ${port}\npath: bad\nsource_id: bad\nscrape_interval: 100ms\n`,
    'good.yml': `port: ${port}\npath: good\nsource_id: good\nscrape_interval: 100ms\n`,
  })
  const sink = await startIngressSink()
  const role = await startRole('prom-scraper', promScraperEnv(sink.address, `${folder}/*.yml`))
  await role.line(/^\[id: bad, .*\]: text format parsing error in line 3: /)
  await sink.until('the next page of both', () => new Set(sink.envelopes().map((each) => each.source_id)).size === 2)
  expect(sink.envelopes().every(({ gauge }) => Object.keys(gauge.metrics)[0] === 'up')).toBe(true)
  const page = await role.metrics()
  expect(page.get('failed_scrapes_total{scrape_target_source_id="bad"}')).toBe(1)
  expect(page.get('failed_scrapes_total{scrape_target_source_id="good"}')).toBe(0)
})
