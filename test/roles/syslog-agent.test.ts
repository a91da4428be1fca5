import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { frameMessage } from '../../src/net/frames.ts'
import { binding, startFakeCache } from '../support/bindings.ts'
import { certificate, pemOf } from '../support/certificates.ts'
import { type IngressClient, ingressClient, log } from '../support/client.ts'
import { encodeEnvelope, frameRecords, type Message } from '../support/decode.ts'
import { newFrameReader, startHttpDrain, startTcpDrain } from '../support/drains.ts'
import { type SyslogAgentOptions, syslogAgentEnv } from '../support/environments.ts'
import { type Role, startRole } from '../support/role.ts'
import { ingressPaths } from '../support/sinks.ts'

// What drains get from the syslog agent: which envelopes, which bytes, over each transport; what operators see.

async function agent(options: SyslogAgentOptions, env = {}): Promise<{ role: Role; client: IngressClient }> {
  const role = await startRole('syslog-agent', { ...syslogAgentEnv(options), ...env })
  return { role, client: ingressClient(await role.grpc()) }
}

const all = 'drain-data=all'
const numbered = (from: number, to: number, more: Message = {}) =>
  Array.from({ length: to - from }, (_, i) => log(`line ${from + i}`, more))
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)

/** What the original sent for one envelope; test/testdata/syslog-frames.jsonl. */
interface Recorded {
  name: string
  hostname: string
  metadata: boolean
  class: string
  input_b64?: string
  input_zlib_b64?: string
  output_b64?: string[]
  output_zlib_b64?: string[]
  outcome: 'sent' | 'nothing' | 'unencodable' | 'crashed'
}

const classes: Record<string, string> = {
  LOGS: 'drain-data=logs',
  LOGS_NO_EVENTS: 'drain-type=logs',
  METRICS: 'drain-data=metrics',
  LOGS_AND_METRICS: 'drain-type=all',
  TRACES: 'drain-data=traces',
  ALL: 'drain-data=all',
}

const queryOf = (row: Recorded) => `${classes[row.class]}&disable-metadata=${!row.metadata}`
const unpacked = (plain: string | undefined, packed: string | undefined) =>
  plain === undefined ? inflateSync(Buffer.from(packed!, 'base64')) : Buffer.from(plain, 'base64')
const inputOf = (row: Recorded) => unpacked(row.input_b64, row.input_zlib_b64)
const outputOf = (row: Recorded) =>
  (row.output_b64 ?? row.output_zlib_b64 ?? []).map((_, i) =>
    unpacked(row.output_b64?.[i], row.output_zlib_b64?.[i]).toString('latin1'),
  )

/** Those of aggregate drains, without what we do otherwise (docs/differences.md): crashes, and the PRI of unknown types. */
const recorded = readFileSync(new URL('../testdata/syslog-frames.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded)
  .filter((row) => row.hostname === '' && row.outcome !== 'crashed')
  .filter((row) => !outputOf(row).some((message) => message.startsWith('<-1>')))
const groups = [...new Set(recorded.map(queryOf))]

describe('bytes', () => {
  const at = { timestamp: 12_345_678n, source_id: 'test-app-id', instance_id: '1' }
  const head = '1970-01-01T00:00:00.012345+00:00 - test-app-id'
  const values = (value: number, unit: string) => ({ unit, value })
  const cases: [string, Message, string[]][] = [
    [
      'a log with tags',
      { ...at, tags: { source_type: 'MY TASK', 'log-tag': '"]\\' }, log: { payload: 'just a test' } },
      [`<14>1 ${head} [MY-TASK/1] - [tags@47450 log-tag="\\"\\]\\\\" source_type="MY TASK"] just a test\n`],
    ],
    [
      'a line from stderr, with its own line breaks',
      { ...at, instance_id: '2', tags: { source_type: 'APP' }, log: { payload: 'a\nb\n', type: 1 } },
      [`<11>1 ${head} [APP/2] - [tags@47450 source_type="APP"] a\nb\n`],
    ],
    [
      'a counter, exact beyond 2^53',
      { ...at, counter: { name: 'some-counter', total: 18446744073709551615n, delta: 1n } },
      [`<14>1 ${head} [1] - [counter@47450 name="some-counter" total="18446744073709551615" delta="1"] \n`],
    ],
    [
      'a gauge, a message for each metric',
      { ...at, gauge: { metrics: { cpu: values(0.23, 'percentage'), memory: values(268_435_456, 'bytes') } } },
      [
        `<14>1 ${head} [1] - [gauge@47450 name="cpu" value="0.23" unit="percentage"] \n`,
        `<14>1 ${head} [1] - [gauge@47450 name="memory" value="2.68435456e+08" unit="bytes"] \n`,
      ],
    ],
    [
      'a timer',
      { ...at, timer: { name: 'http', start: 10n, stop: 20n } },
      [`<14>1 ${head} [1] - [timer@47450 name="http" start="10" stop="20"] \n`],
    ],
    [
      'an event',
      { ...at, event: { title: 'event-title', body: 'event-body' } },
      [`<14>1 ${head} [1] - [event@47450 title="event-title" body="event-body"] \n`],
    ],
    [
      'the name of organization, space and app',
      {
        ...at,
        tags: { organization_name: 'some_org', space_name: 'some space', app_name: 'some_app--' },
        event: { title: 't', body: 'b' },
      },
      [
        `<14>1 1970-01-01T00:00:00.012345+00:00 someorg.some-space.someapp test-app-id [1] - [event@47450 title="t" body="b"]` +
          '[tags@47450 app_name="some_app--" organization_name="some_org" space_name="some space"] \n',
      ],
    ],
  ]

  test.each([
    ['TCP', false, 'syslog'],
    ['TLS', true, 'syslog-tls'],
  ])('octet-counted messages over %s', async (_, tls, scheme) => {
    const drain = await startTcpDrain({ tls })
    const { client } = await agent({ aggregate: `${scheme}://127.0.0.1:${drain.port}?${all}` })
    await client.send(cases.map(([, envelope]) => envelope))
    const wanted = cases.flatMap(([, , messages]) => messages)
    await drain.until('all messages', () => drain.messages.length === wanted.length)
    expect(drain.messages).toEqual(wanted)
    const framed = wanted.map((message) => `${Buffer.byteLength(message)} ${message}`).join('')
    expect(drain.bytes.toString()).toBe(framed)
    expect(drain.connections).toBe(1)
  })

  test.each(['https', 'https-batch'])('bare messages over %s', async (scheme) => {
    const drain = await startHttpDrain()
    const { client } = await agent({ aggregate: `${scheme}://127.0.0.1:${drain.port}/some/path?${all}&x=1` })
    await client.send(cases.map(([, envelope]) => envelope))
    const wanted = cases.flatMap(([, , messages]) => messages)
    await drain.until('all messages', () => drain.messages.length === wanted.length)
    expect(drain.requests.map(({ body }) => body).join('')).toBe(wanted.join(''))
    expect(drain.requests.length).toBe(scheme === 'https' ? wanted.length : 1)
    for (const { method, target, headers } of drain.requests) {
      expect([method, target]).toEqual(['POST', `/some/path?${all}&x=1`])
      expect(headers['content-type']).toBe('text/plain')
    }
  })

  test.each(groups)('every recorded envelope of aggregate drains with "%s" as the original wrote it', async (query) => {
    const rows = recorded.filter((row) => queryOf(row) === query)
    const drain = await startTcpDrain()
    const { role, client } = await agent({ aggregate: `syslog://127.0.0.1:${drain.port}?${query}` })
    const stream = client.stream()
    for (const row of rows) await client.write(stream, frameRecords([inputOf(row)]))
    const wanted = rows.map((row) => outputOf(row).sort())
    const count = wanted.flat().length
    await drain.until(`${count} messages`, () => drain.messages.length >= count)
    const got: string[] = []
    newFrameReader((message) => void got.push(message.toString('latin1')))(drain.bytes)
    let at = 0
    for (const [i, messages] of wanted.entries()) {
      // The metrics of a gauge come in any order.
      expect(got.slice(at, at + messages.length).sort(), rows[i]!.name).toEqual(messages)
      at += messages.length
    }
    expect(got.length).toBe(count)
    const unencodable = rows.filter(({ outcome }) => outcome === 'unencodable').length
    expect((await role.metrics()).get('dropped{direction="egress"}')).toBe(unencodable)
  })
})

describe('what a drain gets', () => {
  test.each([
    ['', ['log', 'event']],
    ['?drain-type=logs', ['log']],
    ['?drain-type=all', ['log', 'counter', 'gauge']],
    ['?drain-data=metrics', ['counter', 'gauge']],
    ['?drain-data=traces', ['timer']],
    ['?include-metrics-deprecated=true', ['log', 'counter', 'gauge', 'timer', 'event']],
  ])('by its URL%s', async (query, wanted) => {
    const drain = await startTcpDrain()
    const { client } = await agent({ aggregate: `syslog://127.0.0.1:${drain.port}${query}` })
    const base = { timestamp: 1n, source_id: 'app', instance_id: '0' }
    await client.send([
      { ...base, log: { payload: 'x' } },
      { ...base, counter: { name: 'c', total: 1n } },
      { ...base, gauge: { metrics: { g: { unit: 'u', value: 1 } } } },
      { ...base, timer: { name: 't', start: 1n, stop: 2n } },
      { ...base, event: { title: 'e', body: 'b' } },
    ])
    await drain.until('its messages', () => drain.messages.length === wanted.length)
    const kinds = drain.messages.map((message) => /\[(\w+)@47450/.exec(message)?.[1] ?? 'log')
    expect(kinds).toEqual(wanted)
  })

  test('of its applications alone, tags and log types as its URL says, whichever method brought them', async () => {
    const [plain, bare, filtered] = [await startTcpDrain(), await startTcpDrain(), await startTcpDrain()]
    const cache = await startFakeCache([
      binding(`syslog://127.0.0.1:${plain.port}`, ['app-1']),
      binding(`syslog://127.0.0.1:${bare.port}?disable-metadata=true`, ['app-1', 'app-2']),
      binding(`syslog://127.0.0.1:${filtered.port}?include-log-types=rtr,STG`, ['app-2']),
    ])
    const { role, client } = await agent({ cache: cache.url })
    const tagged = (text: string, app: string, type: string) =>
      log(text, { source_id: app, tags: { source_type: type } })
    const single = client.grpc.clientStream(ingressPaths.sender)
    single.write(frameMessage(encodeEnvelope(tagged('1', 'app-1', 'APP/PROC/WEB'))))
    await single.end()
    const stream = client.stream()
    await client.write(stream, [tagged('2', 'app-2', 'RTR'), tagged('3', 'app-2', 'APP')])
    await stream.end()
    await client.send([tagged('4', 'app-2', 'STG'), tagged('5', 'stranger', 'APP'), log('6', { source_id: '' })])
    await bare.until('app-1 and app-2', () => bare.messages.length === 4)
    await filtered.until('its log types', () => filtered.messages.length === 2)
    expect(plain.messages).toEqual([
      '<14>1 1970-01-01T00:00:00+00:00 org.space.app-1 app-1 [APP/PROC/WEB/0] - [tags@47450 source_type="APP/PROC/WEB"] 1\n',
    ])
    expect(bare.messages.at(-1)).toBe('<14>1 1970-01-01T00:00:00+00:00 org.space.app-2 app-2 [STG/0] - - 4\n')
    expect(bare.texts()).toEqual(['1', '2', '3', '4'])
    expect(filtered.texts()).toEqual(['2', '4'])
    const page = await role.metrics()
    expect(page.get('ingress{scope="agent"}')).toBe(6)
    // 1: two drains; 2, 3 and 4: two each.
    expect(page.get('ingress{scope="all_drains"}')).toBe(8)
    expect(page.get(`egress{direction="egress",drain_scope="app",drain_url="syslog://127.0.0.1:${bare.port}"}`)).toBe(4)
  })

  test('the source id is taken from the origin where there is none, and counted', async () => {
    const drain = await startTcpDrain()
    const { role, client } = await agent({ aggregate: `syslog://127.0.0.1:${drain.port}` })
    await client.send([log('x', { source_id: '', tags: { origin: 'rep' } })])
    await drain.until('a message', () => drain.messages.length === 1)
    expect(drain.messages[0]).toContain(' - rep [/0] ')
    expect((await role.metrics()).get('origin_mappings')).toBe(1)
  })

  test('10,000 lines in order, over each transport at the same time', async () => {
    const tcp = await startTcpDrain()
    const tls = await startTcpDrain({ tls: true })
    const batch = await startHttpDrain()
    const { client } = await agent({
      aggregate: `syslog://127.0.0.1:${tcp.port},syslog-tls://127.0.0.1:${tls.port},https-batch://127.0.0.1:${batch.port}`,
    })
    const stream = client.stream()
    // One application may fill half of a drain's memory, 5,000 messages, and no more.
    for (let line = 0; line < 10_000; line += 4000) {
      const to = Math.min(line + 4000, 10_000)
      for (let from = line; from < to; from += 100) await client.write(stream, numbered(from, from + 100))
      for (const drain of [tcp, tls, batch]) await drain.until('its lines', () => drain.messages.length === to)
    }
    for (const drain of [tcp, tls, batch]) {
      expect(drain.texts()).toEqual(lines(0, 10_000))
      expect(drain.connections).toBe(1)
    }
  })
})

describe('trust', () => {
  test('a drain that asks for a client certificate gets that of its binding, and no other', async () => {
    const drain = await startTcpDrain({ tls: true, mutual: true })
    const web = await startHttpDrain({ mutual: true })
    const { cert, key, ca } = pemOf(certificate('drain-client'))
    const cache = await startFakeCache([
      binding(`syslog-tls://127.0.0.1:${drain.port}`, ['with'], { cert, key, ca }),
      binding(`syslog-tls://127.0.0.1:${drain.port}`, ['without'], { ca }),
      binding(`https://user:p%40ss@127.0.0.1:${web.port}/`, ['with'], { cert, key, ca }),
    ])
    const { role, client } = await agent({ cache: cache.url }, { DRAIN_TRUSTED_CA_FILE: '' })
    await client.send([log('a', { source_id: 'with' }), log('b', { source_id: 'without' })])
    await drain.until('the one with a certificate', () => drain.messages.length === 1)
    await web.until('a request', () => web.requests.length === 1)
    expect(drain.texts()).toEqual(['a'])
    expect(drain.clients).toEqual(['drain-client'])
    expect(web.clients).toEqual(['drain-client'])
    expect(web.requests[0]!.headers.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`)
    await role.line(
      /^Failed to connect to syslog-tls:\/\/127\.0\.0\.1:\d+ for app without: .*requires a client certificate$/,
    )
    expect(role.lines.join('\n')).not.toMatch(/user:|p%40ss|p@ss|BEGIN/)
  })

  test("the authority of one application's binding is nothing to the others", async () => {
    const drain = await startTcpDrain({ tls: true })
    const { ca } = pemOf(certificate('drain-client'))
    const url = `syslog-tls://127.0.0.1:${drain.port}`
    const cache = await startFakeCache([binding(url, ['app-a'], { ca }), binding(url, ['app-b'])])
    const { role, client } = await agent({ cache: cache.url }, { DRAIN_TRUSTED_CA_FILE: '' })
    await client.send([log('a', { source_id: 'app-a' })])
    await drain.until('the trusted one', () => drain.messages.length === 1)
    await client.send([log('b', { source_id: 'app-b' })])
    await role.line(/^Failed to connect to syslog-tls:\/\/127\.0\.0\.1:\d+ for app app-b: /)
    expect(drain.texts()).toEqual(['a'])
  })

  test('BLACKLISTED_SYSLOG_RANGES is asked with every connection, for application drains alone', async () => {
    const denied = await startTcpDrain()
    const cache = await startFakeCache([binding(`syslog://127.0.0.1:${denied.port}`, ['app'])])
    const { role, client } = await agent(
      { cache: cache.url },
      { BLACKLISTED_SYSLOG_RANGES: '127.0.0.0-127.255.255.255' },
    )
    await client.send([log('x')])
    await role.line(
      /^Failed to connect to syslog:\/\/127\.0\.0\.1:\d+ for app app: 127\.0\.0\.1 is in a range that drains may not reach$/,
    )
    expect(denied.connections).toBe(0)
    cache.bindings = []
    cache.aggregate = [binding(`syslog://127.0.0.1:${denied.port}`, [], { apps: null })]
    await role.metricsUntil((page) => page.get('aggregate_drains{unit="count"}') === 1)
    await client.send([log('y')])
    await denied.until('the line for the aggregate drain', () => denied.messages.length === 1)
  })
})

describe('what operators see', () => {
  test('the lines of the start, in the order of the original', async () => {
    const { role } = await agent({ aggregate: 'syslog://user:pw@127.0.0.1:9?token=t' })
    expect(role.lines[0]).toBe('starting syslog-agent')
    await role.line(/^Metrics endpoint is listening on 127\.0\.0\.1:[1-9]\d*$/)
    await role.line(/^grpc bound to: 127\.0\.0\.1:[1-9]\d*$/)
    const { code } = await role.stop()
    expect(code).toBe(0)
    expect(role.lines).toContain('stopping syslog-agent')
    expect(role.lines.join('\n')).not.toMatch(/user|pw@|token/)
  })

  test('the page of the original: names, types, labels', async () => {
    const drain = await startTcpDrain()
    const batch = await startHttpDrain()
    const cache = await startFakeCache(
      [
        binding(`syslog://u:p@127.0.0.1:${drain.port}/secretless?token=t`, ['app-1', 'app-2']),
        binding('syslog://127.0.0.1:9', ['app-3']),
      ],
      [binding(`https-batch://127.0.0.1:${batch.port}/x`, [], { apps: null })],
    )
    const { role, client } = await agent({ cache: cache.url })
    const quiet = await role.metricsUntil((page) => page.get('drains{unit="count"}') === 3)
    expect(quiet.get('ingress{scope="agent"}')).toBe(0)
    expect(quiet.get('ingress{scope="all_drains"}')).toBe(0)
    expect(quiet.get('dropped{direction="ingress"}')).toBe(0)
    expect(quiet.get('dropped{direction="egress"}')).toBe(0)
    expect(quiet.get('origin_mappings')).toBe(0)
    expect(quiet.get('aggregate_drains{unit="count"}')).toBe(1)
    expect(quiet.get('active_drains{unit="count"}')).toBe(1)
    expect(quiet.get('binding_refresh_count')).toBeGreaterThan(0)
    expect(quiet.get('latency_for_last_binding_refresh{unit="ms"}')).toBeGreaterThan(0)
    await client.send([log('x', { source_id: 'app-1' })])
    const labels = (scope: string, url: string) => `{direction="egress",drain_scope="${scope}",drain_url="${url}"}`
    const mine = labels('app', `syslog://127.0.0.1:${drain.port}/secretless`)
    const shared = labels('aggregate', `https-batch://127.0.0.1:${batch.port}/x`)
    const page = await role.metricsUntil((page) => page.get(`egress${shared}`) === 1)
    expect(page.get(`egress${mine}`)).toBe(1)
    expect(page.get(`messages_dropped_per_drain${mine}`)).toBe(0)
    expect(page.get('active_drains{unit="count"}')).toBe(2)
    const types: Record<string, string> = {
      ingress: 'counter',
      dropped: 'counter',
      egress: 'counter',
      messages_dropped_per_drain: 'counter',
      origin_mappings: 'counter',
      drains: 'gauge',
      aggregate_drains: 'gauge',
      active_drains: 'gauge',
      binding_refresh_count: 'counter',
      latency_for_last_binding_refresh: 'gauge',
    }
    for (const [name, type] of Object.entries(types)) expect(page.types.get(name), name).toBe(type)
    cache.bindings = []
    // Series go with the last binding.
    await role.metricsUntil((page) => !page.series.has(`egress${mine}`))
  })

  test('a cipher suite that nobody knows ends the start in the words of the original', async () => {
    const role = await startRole(
      'syslog-agent',
      { ...syslogAgentEnv(), DRAIN_CIPHER_SUITES: 'ECDHE-RSA-AES128-GCM-SHA256:nonsense' },
      { starting: true },
    )
    expect((await role.ended).code).toBe(1)
    expect(role.lines.join('\n')).toMatch(
      /failed to load create tls config for http client: invalid cipher string configuration: nonsense, please choose from \[/,
    )
  })
})
