import { afterEach, expect, test } from 'vitest'
import { envelope } from '../../telemetry/testing/encode.ts'
import {
  authority,
  batchOf,
  bindingCache,
  bindingsJson,
  cleanUp,
  exporter,
  httpDrain,
  logs,
  range,
  tcpDrain,
  textOf,
  until,
} from './test-kit.ts'

afterEach(cleanUp)

test('an aggregate drain gets the logs of all applications, octet-counted and in order', async () => {
  const drain = await tcpDrain()
  const { made, account, metric, ledger } = await exporter({
    aggregate_drains: [`syslog://127.0.0.1:${drain.port}/p?x=secret`],
  })
  for (let i = 0; i < 30; i++) made.consume(logs(`app-${i % 3}`, ...range(i * 10, i * 10 + 10)))
  await until(() => drain.messages.length === 300)
  expect(drain.texts()).toEqual(range(0, 300))
  expect(drain.messages[0]).toBe('<14>1 1970-01-01T00:00:00+00:00 - app-0 [] - - line 0\n')
  expect(drain.connections).toBe(1)
  await until(() => account.held() === 0)
  expect(account).toMatchObject({ received: 300, sent: 300 })
  const labels = { id: 'syslog_drains', drain_scope: 'aggregate', drain_url: `syslog://127.0.0.1:${drain.port}/p` }
  expect(metric('sent_total')).toEqual([{ labels, value: 300 }])
  expect(metric('handed_total')[0]!.value).toBe(300)
  for (const each of ledger.accounts) expect(each.imbalance()).toBe(0)
})

test('drains of applications come from the cache, get their own lines only, and open with the first one', async () => {
  const [one, two] = [await tcpDrain(), await tcpDrain({ tls: true })]
  const cache = await bindingCache({
    bindings: bindingsJson({
      [`syslog://127.0.0.1:${one.port}`]: ['a', 'b'],
      [`syslog-tls://127.0.0.1:${two.port}?disable-metadata=true`]: ['b', 'c'],
    }),
    aggregate: 'null\n',
  })
  const { made, metric } = await exporter({ bindings: { ...cache.settings, polling_interval: '1m' } })
  expect(cache.asked.sort()).toEqual(['/v2/aggregate', '/v2/bindings'])
  expect(metric('app_drains')[0]!.value).toBe(4)
  expect(metric('active_drains')[0]!.value).toBe(0)
  const tagged = (source: string, log: string) => envelope({ timestamp: 0, source, log, tags: { k: 'v' } })
  made.consume(batchOf(tagged('a', '1'), tagged('b', '2'), tagged('b', '3'), tagged('d', '4'), tagged('c', '5')))
  await until(() => one.messages.length === 3 && two.messages.length === 3)
  expect([...one.texts()].sort()).toEqual(['1', '2', '3'])
  expect([...two.texts()].sort()).toEqual(['2', '3', '5'])
  expect(one.messages.join('')).toContain('org.space.b b [] - [tags@47450 k="v"] 2')
  expect(two.messages.join('')).toContain('org.space.b b [] - - 2')
  expect(metric('active_drains')[0]!.value).toBe(3 + 1)
})

test('classes and log types decide who gets what', async () => {
  const kinds = {
    none: '?',
    '?drain-type=metrics': 'metrics',
    '?drain-data=traces': 'traces',
    '?drain-data=all&include-log-types=rtr,stg': 'routed',
    '?exclude-log-types=RTR': 'unrouted',
  }
  const drains = await Promise.all(Object.keys(kinds).map(() => tcpDrain()))
  const urls = Object.keys(kinds).map(
    (query, i) => `syslog://127.0.0.1:${drains[i]!.port}${query === 'none' ? '' : query}`,
  )
  const { made, account } = await exporter({ aggregate_drains: urls })
  const log = (text: string, type: string) =>
    envelope({ source: 's', log: text, tags: type ? { source_type: type } : {} })
  made.consume(
    batchOf(
      log('app', 'APP/PROC/WEB'),
      log('rtr', 'RTR'),
      log('plain', ''),
      envelope({ source: 's', counter: { name: 'count', total: 1 } }),
      envelope({ source: 's', gauge: { a: 1, b: 2 } }),
      envelope({ source: 's', timer: 'time' }),
      envelope({ source: 's', event: ['title', 'body'] }),
      envelope({ source: 's' }),
    ),
  )
  await until(() => account.held() === 0)
  const kindsOf = (i: number) =>
    drains[i]!.messages.map((message) => /\[(\w+)@47450 (?:name|title)/.exec(message)?.[1] ?? textOf(message)).join(' ')
  await until(() => drains.every(({ messages }) => messages.length > 0))
  expect(drains.map((_, i) => kindsOf(i))).toEqual([
    'app rtr plain event',
    'counter gauge gauge',
    'timer',
    'rtr counter gauge gauge timer event',
    'app plain event',
  ])
})

test('an envelope that cannot be written as syslog is dropped at once, and holds nobody up', async () => {
  const drain = await tcpDrain()
  const { made, account } = await exporter({ aggregate_drains: [`syslog://127.0.0.1:${drain.port}`] })
  made.consume(batchOf(envelope({ source: 'a b', log: 'bad' }), envelope({ source: 'ok', log: 'good' })))
  await until(() => drain.messages.length === 1)
  expect(drain.texts()).toEqual(['good'])
  expect(account.dropped('not_representable')).toBe(1)
  await until(() => account.held() === 0)
  expect(account.imbalance()).toBe(0)
})

test('what waits for a drain that comes back is delivered in order, the oldest beyond the bound are lost', async () => {
  const first = await tcpDrain()
  await first.stop()
  const { made, account, lines } = await exporter({
    queue_size: 100,
    aggregate_drains: [`syslog://127.0.0.1:${first.port}`],
  })
  for (let i = 0; i < 25; i++) made.consume(logs('app', ...range(i * 10, i * 10 + 10)))
  await until(() => lines.some((line) => line.includes('connection refused')))
  const back = await tcpDrain({ port: first.port })
  await until(() => back.messages.length === 100)
  expect(back.texts()).toEqual(range(150, 250))
  expect(account.losses()).toEqual([['displaced', 150]])
})

test('a drain that closes after each message is noticed at once: nothing that comes later is lost', async () => {
  const drain = await tcpDrain({
    onSocket: (socket) => {
      socket.once('data', () => socket.end())
      return undefined
    },
  })
  const { made, account } = await exporter({ aggregate_drains: [`syslog://127.0.0.1:${drain.port}`] })
  for (let i = 0; i < 5; i++) {
    made.consume(logs('app', `line ${i}`))
    await until(() => drain.messages.length === i + 1 && drain.sockets.length === 0)
  }
  expect(drain.texts()).toEqual(range(0, 5))
  expect(drain.connections).toBe(5)
  expect(account).toMatchObject({ sent: 5, maybe_duplicate: 0 })
})

test('a drain that accepts and never reads is cut off after the write timeout; another one does not notice', async () => {
  const stalled = await tcpDrain({ onSocket: (socket) => !socket.pause() })
  const healthy = await tcpDrain()
  const { made, account } = await exporter({
    write_timeout: '300ms',
    aggregate_drains: [`syslog://127.0.0.1:${stalled.port}`, `syslog://127.0.0.1:${healthy.port}`],
  })
  const text = 'x'.repeat(1000)
  for (let i = 0; i < 120; i++) {
    made.consume(logs('app', ...Array.from({ length: 100 }, () => text)))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => healthy.messages.length === 12_000)
  await until(() => stalled.connections > 1)
  expect(account.imbalance()).toBe(0)
  expect(account.maybe_duplicate).toBeGreaterThan(0)
})

test('a drain that reads slowly, but reads, is left alone however long a write takes', async () => {
  const slow = await tcpDrain({
    onSocket: (socket, drain) => {
      let bytes = 0
      socket.on('data', (part: Buffer) => {
        bytes += part.length
        drain.messages[0] = String(bytes)
        socket.pause()
        setTimeout(() => socket.resume(), 8)
      })
      return false
    },
  })
  const { made, account } = await exporter({
    write_timeout: '500ms',
    max_write: '64MiB',
    queue_bytes: '64MiB',
    aggregate_drains: [`syslog://127.0.0.1:${slow.port}`],
  })
  const text = 'x'.repeat(1_000_000)
  made.consume(logs('app', ...Array.from({ length: 12 }, () => text)))
  await until(() => account.sent === 12)
  await until(() => Number(slow.messages[0]) > 12_000_000)
  expect(slow.connections).toBe(1)
  expect(account.maybe_duplicate).toBe(0)
})

test('drains that are taken away flush what they hold; those that stay keep their connection; series go too', async () => {
  const [gone, stays] = [await tcpDrain(), await tcpDrain()]
  const both = bindingsJson({ [`syslog://127.0.0.1:${gone.port}`]: ['a'], [`syslog://127.0.0.1:${stays.port}`]: ['a'] })
  const answers: Parameters<typeof bindingCache>[0] = { bindings: both, aggregate: '[]' }
  const cache = await bindingCache(answers)
  const { made, account, metric } = await exporter({ bindings: cache.settings })
  made.consume(logs('a', 'first'))
  await until(() => gone.messages.length === 1 && stays.messages.length === 1)
  made.consume(logs('a', ...range(0, 500)))
  answers.bindings = bindingsJson({ [`syslog://127.0.0.1:${stays.port}`]: ['a'] })
  await until(() => gone.sockets.length === 0)
  expect(gone.texts()).toEqual(['first', ...range(0, 500)])
  await until(() => metric('sent_total').length === 1)
  // The cache fails, or talks nonsense: nothing changes.
  for (const answer of [500, 'garbage', '{"a":1}']) {
    answers.bindings = answer
    const before = cache.asked.length
    await until(() => cache.asked.length > before + 4)
  }
  made.consume(logs('a', 'last'))
  await until(() => stays.texts().includes('last'))
  expect(stays.connections).toBe(1)
  expect(gone.connections).toBe(1)
  await until(() => account.held() === 0)
  expect(account).toMatchObject({ received: 1003, sent: 1003 })
  answers.bindings = '[]'
  await until(() => metric('app_drains')[0]!.value === 0)
})

test('aggregate drains stay when the cache fails, and change their connection without losing what waits', async () => {
  const drain = await tcpDrain()
  const url = `syslog://127.0.0.1:${drain.port}`
  const answers: Parameters<typeof bindingCache>[0] = {
    bindings: '[]',
    aggregate: JSON.stringify([{ url, credentials: [{ cert: '', key: '', ca: '', apps: null }] }]),
  }
  const cache = await bindingCache(answers)
  const { made, account } = await exporter({ bindings: cache.settings, aggregate_refresh_interval: '30ms' })
  let sent = 0
  for (let i = 0; drain.connections < 4; i++) {
    if (i === 20) answers.aggregate = 503
    made.consume(logs('app', ...range(sent, sent + 3)))
    sent += 3
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await until(() => drain.messages.length === sent)
  expect(account.droppedTotal).toBe(0)
  expect(new Set(drain.texts()).size).toBe(sent)
})

test('an idle drain gives back its connection and opens again with the next message', async () => {
  const drain = await tcpDrain()
  const cache = await bindingCache({
    bindings: bindingsJson({ [`syslog://127.0.0.1:${drain.port}`]: ['a'] }),
    aggregate: '[]',
  })
  const { made, metric } = await exporter({ bindings: cache.settings, idle_timeout: '40ms' })
  made.consume(logs('a', '1'))
  await until(() => drain.messages.length === 1)
  expect(metric('active_drains')[0]!.value).toBe(1)
  await until(() => drain.sockets.length === 0 && metric('active_drains')[0]!.value === 0)
  made.consume(logs('a', '2'))
  await until(() => drain.messages.length === 2)
  expect(metric('sent_total')[0]!.value).toBe(2)
})

test('a stop sends what waits while that works, and counts what is left', async () => {
  const drain = await tcpDrain()
  const dead = await tcpDrain()
  await dead.stop()
  const { made, account } = await exporter({
    aggregate_drains: [`syslog://127.0.0.1:${drain.port}`, `syslog://127.0.0.1:${dead.port}`],
  })
  made.consume(logs('app', ...range(0, 1000)))
  await made.stop(AbortSignal.timeout(5000))
  await until(() => drain.messages.length === 1000)
  expect(account).toMatchObject({ received: 2000, sent: 1000 })
  expect(account.losses()).toEqual([['shutdown', 1000]])
  expect(account.imbalance()).toBe(0)
})

test('https: one message a request, one at a time, in order, without octet counts; the URL goes as it is', async () => {
  const drain = await httpDrain()
  const url = `https://us%20er:p%40ss@127.0.0.1:${drain.port}/a%20b?drain-data=all`
  const { made, account } = await exporter({ aggregate_drains: [url] })
  made.consume(logs('app', ...range(0, 50)))
  await until(() => drain.requests.length === 50)
  await until(() => account.held() === 0)
  const [first] = drain.requests
  expect(first!.line).toBe('POST /a%20b?drain-data=all')
  expect(first!.headers).toEqual({
    host: `127.0.0.1:${drain.port}`,
    'user-agent': 'fasthttp',
    'content-type': 'text/plain',
    authorization: `Basic ${Buffer.from('us er:p@ss').toString('base64')}`,
    'content-length': String(first!.body.length),
  })
  expect(first!.body).toBe('<14>1 1970-01-01T00:00:00+00:00 - app [] - - line 0\n')
  expect(drain.requests.map(({ body }) => textOf(body))).toEqual(range(0, 50))
  expect(drain.connections).toBe(1)
  expect(account.sent).toBe(50)
})

test.each([301, 400, 401, 500])('https: %i is repeated and not followed', async (status) => {
  const drain = await httpDrain()
  drain.status = status
  const { made, account, lines } = await exporter({ aggregate_drains: [`https://127.0.0.1:${drain.port}/p?token=t`] })
  made.consume(logs('app', 'one', 'two'))
  await until(() => drain.requests.length >= 4)
  drain.status = 204
  await until(() => account.sent === 2)
  expect(drain.requests.at(-1)!.body).toContain('two')
  expect(lines.join('')).toContain(`Post responded with ${status} status code`)
  expect(lines.join('')).not.toContain('token')
})

test('https: a server that closes after each answer gets everything, once', async () => {
  const drain = await httpDrain(false)
  const { made, account } = await exporter({ aggregate_drains: [`https://127.0.0.1:${drain.port}/`] })
  made.consume(logs('app', ...range(0, 4)))
  await until(() => account.sent === 4)
  expect(drain.requests.map(({ body }) => textOf(body))).toEqual(range(0, 4))
  expect(drain.connections).toBe(4)
})

test('https: an answer that trickles is given up after its time', async () => {
  const drain = await tcpDrain({
    tls: true,
    onSocket: (socket) => {
      const answer = [...'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n']
      const timer = setInterval(() => socket.write(answer.shift() ?? ''), 10)
      socket.on('close', () => clearInterval(timer))
      return false
    },
  })
  const { made, account, lines } = await exporter({
    answer_timeout: '100ms',
    aggregate_drains: [`https://127.0.0.1:${drain.port}/`],
  })
  made.consume(logs('app', 'one'))
  await until(() => drain.connections > 3)
  expect(account.held()).toBe(1)
  expect(lines.join('')).toContain('did not answer within 0.1 s')
})

test('https-batch: bodies are messages one after the other, cut by size and by time', async () => {
  const drain = await httpDrain()
  const { made, account } = await exporter({
    batch_interval: '300ms',
    aggregate_drains: [`https-batch://127.0.0.1:${drain.port}/batch`],
  })
  const text = (i: number) => `${i} ${'x'.repeat(940)}`
  made.consume(logs('app', ...Array.from({ length: 600 }, (_, i) => text(i))))
  await until(() => drain.requests.length === 1)
  expect(drain.requests[0]!.body.length).toBeGreaterThanOrEqual(524_288)
  expect(drain.requests[0]!.body.length).toBeLessThan(524_288 + 1100)
  await until(() => drain.requests.length === 2)
  const messages = drain.requests.flatMap(({ body }) => body.split('\n').slice(0, -1))
  expect(messages.map((message) => Number(/ - - (\d+) /.exec(message)![1]))).toEqual(
    Array.from({ length: 600 }, (_, i) => i),
  )
  await until(() => account.sent === 600)
  expect(drain.requests[0]!.line).toBe('POST /batch')
})

test('https-batch: a large body is whole, a refused one is sent again with all its messages', async () => {
  const drain = await httpDrain()
  drain.status = 503
  const { made, account } = await exporter({
    batch_interval: '20ms',
    aggregate_drains: [`https-batch://127.0.0.1:${drain.port}/batch`],
  })
  const texts = [...range(0, 100), 'x'.repeat(200_000), ...range(100, 3000).map((text) => text.padEnd(100))]
  made.consume(logs('app', ...texts))
  await until(() => drain.requests.length > 1)
  drain.status = 200
  await until(() => account.sent === texts.length)
  const taken = drain.requests.at(-1)!.body.split('\n').slice(0, -1)
  expect(drain.requests[0]!.body).toBe(drain.requests[1]!.body)
  expect(taken.map((message) => textOf(message).trim()).at(-1)).toBe('line 2999')
  expect(account.imbalance()).toBe(0)
})

test('https-batch: an answer before the whole body was sent costs the connection, not the next request', async () => {
  let early = 0
  const bodies: Buffer[] = []
  const drain = await tcpDrain({
    tls: true,
    onSocket: (socket) => {
      const parts: Buffer[] = []
      let size = 0
      socket.on('data', (bytes: Buffer) => {
        parts.push(bytes)
        size += bytes.length
        if (early < 3) {
          early++
          socket.write('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n')
          socket.pause()
        } else if (size > 10_000_000) {
          bodies.push(Buffer.concat(parts.splice(0)))
          size = 0
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        }
      })
      return false
    },
  })
  const { made, account } = await exporter({
    batch_interval: '10ms',
    aggregate_drains: [`https-batch://127.0.0.1:${drain.port}/`],
  })
  made.consume(logs('app', 'small', 'x'.repeat(10_000_000)))
  await until(() => account.sent === 2)
  expect(drain.connections).toBe(4)
  expect(bodies).toHaveLength(1)
  expect(bodies[0]!.toString('latin1', 0, 17)).toBe('POST / HTTP/1.1\r\n')
})

test('a drain whose certificate nobody vouches for is refused, one with the right authority is not; the owner is told', async () => {
  const drain = await tcpDrain({ tls: true })
  const answers = (ca: string) =>
    JSON.stringify([
      {
        url: `syslog-tls://u:secret@127.0.0.1:${drain.port}/?token=t`,
        credentials: [{ cert: '', key: '', ca, apps: [{ hostname: 'h', app_id: 'a' }] }],
      },
    ])
  const list = { bindings: answers(''), aggregate: '[]' }
  const cache = await bindingCache(list)
  const { made, lines } = await exporter({ tls: {}, bindings: cache.settings })
  made.consume(logs('a', 'one'))
  await until(() => lines.some((line) => line.includes('Failed to connect')))
  expect(lines.join('')).not.toMatch(/secret|token/)
  list.bindings = answers(authority.cert)
  made.consume(logs('a', 'two'))
  // What waited for the drain goes on with its new authority.
  await until(() => drain.messages.length === 2)
  expect(drain.texts()).toEqual(['one', 'two'])
})

test('addresses that are denied are not dialled; aggregate drains may be anywhere', async () => {
  const drain = await tcpDrain()
  const url = `syslog://localhost:${drain.port}`
  const cache = await bindingCache({ bindings: bindingsJson({ [url]: ['a'] }), aggregate: '[]' })
  const { made, lines } = await exporter({
    bindings: cache.settings,
    denied_ranges: '127.0.0.0/8,::1-::1',
    aggregate_drains: [url],
  })
  made.consume(logs('a', 'one'))
  await until(() => drain.messages.length === 1 && lines.some((line) => line.includes('may not reach')))
  expect(drain.connections).toBe(1)
})
