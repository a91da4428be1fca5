import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type IssueOptions, issue, newAuthority } from '../../src/runtime/certs.ts'
import { binding, startCloudController, startFakeCache } from '../support/bindings.ts'
import { certificateFolder } from '../support/certificates.ts'
import { type IngressClient, ingressClient, log } from '../support/client.ts'
import { isConnectedTo, startDrainProcess } from '../support/drain-process.ts'
import { startHttpDrain, startTcpDrain, textOfMessage } from '../support/drains.ts'
import { bindingCacheEnv, type SyslogAgentOptions, syslogAgentEnv } from '../support/environments.ts'
import { freePort } from '../support/free-port.ts'
import { type Role, startRole, until } from '../support/role.ts'
import { startIngressSink } from '../support/sinks.ts'

// The syslog agent when drains, the cache, or its own process fail; and the whole chain from Cloud Controller to drain.

async function agent(
  options: SyslogAgentOptions,
  env = {},
  args: string[] = [],
): Promise<{ role: Role; client: IngressClient }> {
  const role = await startRole('syslog-agent', { ...syslogAgentEnv(options), ...env }, { args })
  return { role, client: ingressClient(await role.grpc()) }
}

const numbered = (from: number, to: number, app = 'app') =>
  Array.from({ length: to - from }, (_, i) => log(`line ${from + i}`, { source_id: app }))
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)

describe('bindings', () => {
  test('that come, change and go touch no other drain', async () => {
    const [kept, changed, added] = [await startTcpDrain(), await startTcpDrain(), await startTcpDrain()]
    const url = ({ port }: { port: number }, more = '') => `syslog://127.0.0.1:${port}${more}`
    const cache = await startFakeCache([binding(url(kept), ['app']), binding(url(changed), ['app'])])
    const { role, client } = await agent({ cache: cache.url })
    await client.send(numbered(0, 10))
    cache.bindings = [
      binding(url(kept), ['app']),
      binding(url(changed, '?disable-metadata=true'), ['app']),
      binding(url(added), ['app']),
    ]
    await role.metricsUntil((page) => page.get('drains{unit="count"}') === 3)
    await client.send(numbered(10, 20))
    cache.bindings = [binding(url(kept), ['app'])]
    await role.metricsUntil((page) => page.get('drains{unit="count"}') === 1)
    await client.send(numbered(20, 30))
    await kept.until('all lines', () => kept.messages.length === 30)
    expect(kept.texts()).toEqual(lines(0, 30))
    expect(kept.connections).toBe(1)
    await changed.until('twenty lines', () => changed.messages.length === 20)
    expect(changed.texts()).toEqual(lines(0, 20))
    await added.until('ten lines', () => added.messages.length === 10)
    expect(added.texts()).toEqual(lines(10, 20))
    // Connections of those that went are closed.
    await until('closed connections', () => changed.open === 0 && added.open === 0)
    expect((await role.metrics()).get('dropped{direction="egress"}')).toBe(0)
  })

  test('of a removed drain: what waited is sent first', async () => {
    const drain = await startHttpDrain()
    const cache = await startFakeCache([binding(`https-batch://127.0.0.1:${drain.port}`, ['app'])])
    const { role, client } = await agent({ cache: cache.url })
    await client.send(numbered(0, 500))
    cache.bindings = []
    await drain.until('what waited', () => drain.messages.length === 500)
    expect(drain.texts()).toEqual(lines(0, 500))
    await role.metricsUntil((page) => page.get('active_drains{unit="count"}') === 0)
  })

  test('beyond BINDING_PER_APP_LIMIT: the first by URL stay, the application is told', async () => {
    const app = await startIngressSink()
    const drains = [await startTcpDrain(), await startTcpDrain(), await startTcpDrain()]
    const urls = drains.map(({ port }) => `syslog://127.0.0.1:${port}`)
    const cache = await startFakeCache(urls.map((url) => binding(url, ['app'])))
    const { role, client } = await agent({ cache: cache.url, agent: app.address }, { BINDING_PER_APP_LIMIT: '2' })
    await role.metricsUntil((page) => page.get('drains{unit="count"}') === 2)
    await client.send([log('x')])
    const first = urls.toSorted().slice(0, 2)
    const wanted = drains.filter((_, i) => first.includes(urls[i]!))
    for (const drain of wanted) await drain.until('a line', () => drain.messages.length === 1)
    await app.until('a line for the application', () => app.count() > 0)
    expect(app.envelopes()[0]!.log.payload.toString()).toContain(urls.toSorted()[2])
    expect(drains.filter(({ connections }) => connections > 0)).toEqual(wanted)
  })
})

describe('the cache', () => {
  test.each<number | 'silence' | 'away'>([500, 'silence', 'away'])(
    '%s: all drains stay as they were, and follow it again when it is back',
    async (trouble) => {
      const [app, shared, later] = [await startTcpDrain(), await startTcpDrain(), await startTcpDrain()]
      const of = ({ port }: { port: number }) => `syslog://127.0.0.1:${port}`
      const cache = await startFakeCache([binding(of(app), ['app'])], [binding(of(shared), [], { apps: null })])
      const { role, client } = await agent({ cache: cache.url })
      await client.send([log('before')])
      await shared.until('a line', () => shared.messages.length === 1)
      if (trouble === 'away') await cache.stop()
      else cache.trouble = trouble
      if (trouble === 'silence') await cache.askedAgain(2)
      else await role.line(/^failed to fetch bindings: fetching v2\/bindings failed: /)
      if (trouble === 500) await role.line(/^failed to connect to cache for aggregate drains: /)
      await client.send([log('meanwhile')])
      for (const drain of [app, shared]) {
        await drain.until('both lines', () => drain.messages.length === 2)
        expect(drain.texts()).toEqual(['before', 'meanwhile'])
      }
      // That of the shared one becomes too old now and then.
      expect(app.spoken).toBe(1)
      expect((await role.metrics()).get('aggregate_drains{unit="count"}')).toBe(1)
      if (trouble === 'silence') return
      cache.trouble = undefined
      cache.bindings = [binding(of(app), ['app']), binding(of(later), ['app'])]
      if (trouble === 'away') await cache.restart()
      await role.metricsUntil((page) => page.get('drains{unit="count"}') === 2)
      await client.send([log('after')])
      await later.until('a line', () => later.messages.length === 1)
    },
  )

  test('away at the start: the agent starts, and its drains come with the cache', async () => {
    const drain = await startTcpDrain()
    const cache = await startFakeCache([binding(`syslog://127.0.0.1:${drain.port}`, ['app'])])
    await cache.stop()
    const { role, client } = await agent({ cache: cache.url })
    expect((await role.metrics()).get('latency_for_last_binding_refresh{unit="ms"}')).toBe(0)
    await cache.restart()
    await role.metricsUntil((page) => page.get('drains{unit="count"}') === 1)
    await client.send([log('x')])
    await drain.until('a line', () => drain.messages.length === 1)
  })
})

describe('drains', () => {
  test('a dead one: its application is told where and why, without secrets; the others notice nothing', async () => {
    const app = await startIngressSink()
    const good = await startTcpDrain()
    const port = await freePort()
    const cache = await startFakeCache([
      binding(`syslog://user:pw@127.0.0.1:${port}/path?token=t`, ['dead']),
      binding(`syslog://127.0.0.1:${good.port}`, ['alive']),
    ])
    const { role, client } = await agent({ cache: cache.url, agent: app.address })
    for (let i = 0; i < 10; i++) {
      await client.send([...numbered(i * 100, i * 100 + 100, 'dead'), ...numbered(i * 100, i * 100 + 100, 'alive')])
    }
    await good.until('all lines of the other', () => good.messages.length === 1000)
    expect(good.texts()).toEqual(lines(0, 1000))
    await app.until('a line', () => app.count() >= 1)
    const [line] = app.envelopes()
    expect([line!.source_id, line!.instance_id, line!.tags, line!.log.type]).toEqual([
      'dead',
      '0',
      { source_type: 'LGR' },
      1,
    ])
    expect(line!.log.payload.toString()).toBe(
      `Failed to connect to syslog://127.0.0.1:${port}/path: 127.0.0.1:${port}: connection refused: nobody listens there`,
    )
    // It comes back: nothing is lost, order is kept.
    const back = await startTcpDrain({ port })
    await back.until('what waited', () => back.messages.length === 1000)
    expect(back.texts()).toEqual(lines(0, 1000))
    expect(role.lines.join('\n')).not.toMatch(/user:|pw@|token/)
    expect([...(await role.metrics()).series.keys()].join('\n')).not.toMatch(/user:|pw@|token/)
  })

  test('10,000 bindings, a hundred of them to nowhere: everybody else gets everything', async () => {
    const good = await startTcpDrain()
    const dead = await freePort()
    const isDead = (i: number) => i % 100 === 0
    const apps = Array.from({ length: 10_000 }, (_, i) => `app-${i}`)
    const cache = await startFakeCache(
      apps.map((app, i) => binding(`syslog://127.0.0.1:${isDead(i) ? dead : good.port}?n=${i}`, [app])),
    )
    const { role, client } = await agent({ cache: cache.url })
    await role.metricsUntil((page) => page.get('drains{unit="count"}') === 10_000)
    // All the dead ones, and as many connections as a test may have.
    const chosen = apps.filter((_, i) => isDead(i) || i % 50 === 1)
    for (const text of ['1', '2', '3']) await client.send(chosen.map((app) => log(text, { source_id: app })))
    const alive = chosen.filter((app) => !isDead(Number(app.slice(4))))
    await good.until('three lines each', () => good.messages.length === 3 * alive.length)
    for (const app of alive.slice(0, 20))
      expect(good.messages.filter((message) => message.includes(` ${app} `)).map(textOfMessage)).toEqual([
        '1',
        '2',
        '3',
      ])
    expect(good.connections).toBe(alive.length)
    expect((await role.metrics()).get('active_drains{unit="count"}')).toBe(chosen.length)
  })

  const day = 86_400_000
  test.each<[string, Partial<IssueOptions>, RegExp]>([
    ['has expired', { notBefore: new Date(Date.now() - 3 * day), days: 1 }, /the certificate of localhost expired on /],
    ['has another name', { names: ['elsewhere'] }, /the certificate is for \[elsewhere\], not for localhost$/],
    ['is from a stranger', {}, /the certificate of localhost is signed by "stranger", which we do not trust$/],
  ])('TLS, a certificate that %s: the application is told, and no line is sent', async (what, options, sentence) => {
    const folder = certificateFolder()
    const own = { cert: readFileSync(`${folder}/ca.crt`, 'utf8'), key: readFileSync(`${folder}/ca.key`, 'utf8') }
    const authority = what === 'is from a stranger' ? newAuthority({ commonName: 'stranger' }) : own
    const app = await startIngressSink()
    const pem = issue(authority, { commonName: 'localhost', names: ['localhost'], ...options })
    const drain = await startTcpDrain({ tls: true, pem })
    const cache = await startFakeCache([binding(`syslog-tls://localhost:${drain.port}`, ['app'])])
    const { client } = await agent({ cache: cache.url, agent: app.address })
    await client.send([log('x')])
    await app.until('a line', () => app.count() > 0)
    expect(app.envelopes()[0]!.log.payload.toString()).toMatch(sentence)
    expect(drain.messages).toEqual([])
  })

  test('TLS, a port of plain text: the application is told', async () => {
    const app = await startIngressSink()
    const server = createServer(
      (socket) => void socket.on('error', () => {}).end('220 welcome to plain text, stranger\r\n'),
    )
    await once(server.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void server.close())
    const url = `syslog-tls://127.0.0.1:${(server.address() as AddressInfo).port}`
    const cache = await startFakeCache([binding(url, ['app'])])
    const { client } = await agent({ cache: cache.url, agent: app.address })
    await client.send([log('x')])
    await app.until('a line', () => app.count() > 0)
    expect(app.envelopes()[0]!.log.payload.toString()).toMatch(/the peer does not speak TLS on this port$/)
  })

  test('one that reads nothing: the oldest go, counted, and the loss line says how many and why', async () => {
    const app = await startIngressSink()
    const drain = await startTcpDrain()
    drain.stall()
    const url = `syslog://127.0.0.1:${drain.port}`
    const cache = await startFakeCache([binding(url, ['app'])])
    const { role, client } = await agent({ cache: cache.url, agent: app.address })
    const stream = client.stream()
    // More than the buffers of two sockets and a ring take.
    const sent = 30_000
    const padding = 'x'.repeat(1000)
    const padded = (from: number) => Array.from({ length: 100 }, (_, i) => log(`${from + i} ${padding}`))
    for (let i = 0; i < sent; i += 100) await client.write(stream, padded(i))
    const labels = `{direction="egress",drain_scope="app",drain_url="${url}"}`
    await role.metricsUntil((page) => page.get('ingress{scope="agent"}') === sent)
    await app.until('the loss line', () =>
      app.envelopes().some(({ log }) => log.payload.toString().includes('messages lost')),
    )
    const text = app
      .envelopes()
      .map(({ log }) => log.payload.toString())
      .find((line) => line.includes('lost'))
    expect(text).toMatch(
      new RegExp(
        `^\\d+ messages lost for application app in user provided syslog drain with url ${url} ` +
          '\\(host 127\\.0\\.0\\.1, since 20\\d\\d-[\\dT:.-]+Z\\): the drain reads more slowly than the application logs',
      ),
    )
    await role.line(/^Dropped \d+ syslog logs for app's app drain with url /)
    drain.resume()
    const page = await role.metricsUntil(
      (page) => page.get(`egress${labels}`) + page.get(`messages_dropped_per_drain${labels}`) === sent,
    )
    const delivered = page.get(`egress${labels}`)
    await drain.until('the rest', () => drain.messages.length === delivered)
    // In order, with one gap; the newest are there.
    const numbers = drain.texts().map((line) => Number(line.split(' ')[0]))
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect(new Set(numbers).size).toBe(delivered)
    expect(numbers.at(-1)).toBe(sent - 1)
    expect(page.get('dropped{direction="egress"}')).toBe(sent - delivered)
  })

  test('kill -9 of its machine, and its return: nothing that was not on the wire is lost, nothing is out of order', async () => {
    const drain = await startDrainProcess()
    const cache = await startFakeCache([binding(`syslog://127.0.0.1:${drain.port}`, ['app'])])
    const { client } = await agent({ cache: cache.url })
    const stream = client.stream()
    await client.write(stream, numbered(0, 1000))
    await until('a thousand lines', () => drain.messages.length === 1000)
    await drain.kill()
    // Before it knows, it may write into the void.
    await until('the agent knows', () => !isConnectedTo(drain.port))
    for (let i = 1000; i < 5000; i += 100) await client.write(stream, numbered(i, i + 100))
    await drain.restart()
    await until('all lines', () => drain.messages.length === 5000)
    expect(drain.messages.map(textOfMessage)).toEqual(lines(0, 5000))
  })

  test('HTTPS: an answer that is no success is repeated and told; order stays', async () => {
    const app = await startIngressSink()
    const drain = await startHttpDrain()
    drain.status = 401
    const url = `https://127.0.0.1:${drain.port}/p`
    const cache = await startFakeCache([binding(`${url}?token=secret`, ['app'])])
    const { client } = await agent({ cache: cache.url, agent: app.address })
    await client.send(numbered(0, 20))
    await app.until('a line', () => app.count() > 0)
    expect(app.envelopes()[0]!.log.payload.toString()).toBe(
      `Failed to deliver logs to ${url}: Post responded with 401 status code`,
    )
    drain.status = 204
    await drain.until('all lines', () => drain.messages.length === 20)
    expect(drain.texts()).toEqual(lines(0, 20))
  })

  test('lines about drains reach the other drains of the application, where the agent is its own agent', async () => {
    const good = await startTcpDrain()
    const port = await freePort()
    const dead = await freePort()
    const cache = await startFakeCache([
      binding(`syslog://127.0.0.1:${good.port}`, ['app']),
      binding(`syslog://127.0.0.1:${dead}`, ['app']),
    ])
    const own = { AGENT_PORT: String(port) }
    const { client } = await agent({ cache: cache.url, agent: `127.0.0.1:${port}` }, own)
    await client.send([log('x')])
    await good.until('both lines', () => good.messages.length === 2)
    expect(good.messages[1]).toMatch(
      new RegExp(
        '^<11>1 \\S+ org\\.space\\.app app \\[LGR/0\\] - \\[tags@47450 source_type="LGR"\\] ' +
          `Failed to connect to syslog://127\\.0\\.0\\.1:${dead}: .*\\n$`,
      ),
    )
  })
})

describe('SIGTERM', () => {
  test('what waits for a batch is sent at once', async () => {
    const drain = await startHttpDrain()
    const aggregate = `https-batch://127.0.0.1:${drain.port}`
    const { role, client } = await agent({ aggregate }, {}, ['--set', 'service.shutdown_timeout=60s'])
    await client.send(numbered(0, 2000))
    const { code, tookMs } = await role.stop()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(30_000)
    expect(drain.texts()).toEqual(lines(0, 2000))
  })

  test('a drain that reads slowly gets what is queued; one that does not read costs the time for stopping', async () => {
    const [slow, dead] = [await startTcpDrain(), await startTcpDrain()]
    slow.stall()
    dead.stall()
    const url = ({ port }: { port: number }) => `syslog://127.0.0.1:${port}`
    const { role, client } = await agent({ aggregate: `${url(slow)},${url(dead)}` })
    const stream = client.stream()
    // More than the sockets take, less than a ring holds.
    const payload = 'x'.repeat(1000)
    for (let i = 0; i < 9000; i += 100)
      await client.write(
        stream,
        Array.from({ length: 100 }, (_, n) => log(`${i + n} ${payload}`)),
      )
    await role.metricsUntil((page) => page.get('ingress{scope="agent"}') === 9000)
    const ended = role.stop()
    await role.line(/^SIGTERM received/)
    slow.resume()
    const { code, tookMs } = await ended
    await slow.until('everything', () => slow.messages.length === 9000)
    expect(slow.texts().map((text) => Number(text.split(' ')[0]))).toEqual(Array.from({ length: 9000 }, (_, i) => i))
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(20_000)
  })
})

test('the whole chain: Cloud Controller, binding cache, agent, drain; and a drain that is none', async () => {
  const app = await startIngressSink()
  const [tcp, web] = [await startTcpDrain({ tls: true }), await startHttpDrain()]
  const capi = await startCloudController([
    binding(`syslog-tls://localhost:${tcp.port}`, ['app-1', 'app-2']),
    binding(`https-batch://localhost:${web.port}/in?disable-metadata=true`, ['app-1']),
    binding('gopher://localhost', ['app-1']),
  ])
  const cache = await startRole('syslog-binding-cache', bindingCacheEnv({ api: capi.url, agentPort: app.port }))
  const [, port] = await cache.line(/serving bindings address=\S*:(\d+)$/)
  const { role, client } = await agent({ cache: `https://127.0.0.1:${port}`, agent: app.address })
  await role.metricsUntil((page) => page.get('drains{unit="count"}') === 3)
  await client.send([...numbered(0, 100, 'app-1'), ...numbered(100, 200, 'app-2'), ...numbered(200, 300, 'other')])
  await web.until('its lines', () => web.messages.length === 100)
  await tcp.until('its lines', () => tcp.messages.length === 200)
  expect(web.texts()).toEqual(lines(0, 100))
  for (const [id, from] of [
    ['app-1', 0],
    ['app-2', 100],
  ] as const) {
    const own = tcp.messages.filter((message) => message.includes(` org.space.${id} ${id} `))
    expect(own.map(textOfMessage)).toEqual(lines(from, from + 100))
  }
  await app.until('the complaint', () => app.count() > 0)
  expect(app.envelopes()[0]!.log.payload.toString()).toBe(
    'Invalid Scheme gopher for syslog drain url gopher://localhost',
  )
  // The cache ends: nothing changes for the drains.
  await cache.stop()
  await client.send(numbered(300, 400, 'app-2'))
  await tcp.until('its lines', () => tcp.messages.length === 300)
})
