import { createSocket } from 'node:dgram'
import { closeSync, mkdtempSync, writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { decodeEnvelopeBatch, decodeOtlpLogs, type Message } from '../../../test/support/decode.ts'
import { type ReceiverRun, runReceiver } from '../../../test/support/receiver.ts'
import type { Admission } from '../../delivery/admission.ts'
import { Budget } from '../../delivery/budget.ts'
import { Account, Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { ReceiverIntake } from '../../engine/intake.ts'
import { newVault, until } from '../../net/test-kit.ts'
import { openUnixSockets } from '../../net/unix-sockets.ts'
import { type Batch, type Format, type Intake, Refused, Undelivered } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import syslog from './index.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Started {
  run: ReceiverRun
  port: number
}

async function started(settings: object, formats: readonly Format[] = ['logs'], transport = 'TCP'): Promise<Started> {
  const run = runReceiver(syslog, settings, { formats })
  await run.start()
  cleanups.push(() => run.stop())
  const line = await run.line(`listening for syslog by ${transport}`)
  return { run, port: Number(/:(\d+)/.exec(line.slice(line.indexOf('address')))![1]) }
}
const tcp = { tcp: { listen_address: '127.0.0.1:0' } }

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  cleanups.push(() => socket.destroy())
  return socket
}
const gone = (socket: Socket) => new Promise<void>((resolve) => socket.on('close', () => resolve()))
const settled = (run: ReceiverRun) => until(() => run.counter('connections') === 0)

interface AnyLog {
  body: string
  severity: number | undefined
  severityText: string | undefined
  time: bigint | undefined
  attributes: Record<string, unknown>
}

/** A value of OTLP as plain data. */
function plain(value: Message | undefined): unknown {
  const [[kind, inner] = ['none', undefined]] = Object.entries(value ?? {})
  if (kind !== 'kvlistValue') return inner
  return attributesOf((inner as Message).values as Message[])
}
const attributesOf = (list: readonly Message[] = []) =>
  Object.fromEntries(list.map(({ key, value }) => [key ?? '', plain(value as Message)]))

function logsOf(batches: readonly Batch[]): AnyLog[] {
  const requests = batches.filter(({ format }) => format === 'logs').map((batch) => decodeOtlpLogs(batch.bytes()))
  const list = (parent: Message, name: string) => (parent[name] ?? []) as Message[]
  return requests
    .flatMap((request) => list(request, 'resourceLogs'))
    .flatMap((resource) => list(resource, 'scopeLogs'))
    .flatMap((scope) => list(scope, 'logRecords'))
    .map((record) => ({
      body: plain(record.body as Message) as string,
      severity: record.severityNumber as number | undefined,
      severityText: record.severityText as string | undefined,
      time: record.timeUnixNano as bigint | undefined,
      attributes: attributesOf(record.attributes as Message[]),
    }))
}

const line5424 =
  '<165>1 2026-10-11T22:14:15.003Z web-01 orders 7 ID47 [ex@32473 iut="3" note="a \\"b\\""][empty@1] An event: grüße'

test('RFC 5424 becomes a log record with the attributes of the Collector', async () => {
  const { run, port } = await started({ ...tcp, protocol: 'rfc5424', attributes: { env: 'prod' } })
  dial(port).end(`${line5424}\n`)
  await run.records(1)
  expect(logsOf(run.batches)).toEqual([
    {
      body: line5424,
      severity: 10,
      severityText: 'notice',
      time: 1791756855003000000n,
      attributes: {
        appname: 'orders',
        env: 'prod',
        facility: 20n,
        hostname: 'web-01',
        message: 'An event: grüße',
        msg_id: 'ID47',
        priority: 165n,
        proc_id: '7',
        structured_data: { 'ex@32473': { iut: '3', note: 'a "b"' }, 'empty@1': {} },
        version: 1n,
      },
    },
  ])
})

test('the same structured data again and again is written the same', async () => {
  const { run, port } = await started(tcp)
  const other = line5424.replace('iut="3"', 'iut="4"')
  dial(port).end([line5424, line5424, other, line5424, other].map((line) => `${line}\n`).join(''))
  await run.records(5)
  const numbers = logsOf(run.batches).map(
    ({ attributes }) => (attributes.structured_data as Record<string, { iut: string }>)['ex@32473']!.iut,
  )
  expect(numbers).toEqual(['3', '3', '4', '3', '4'])
})

test('tags of messages and metrics in turn stay with their own', async () => {
  const { run, port } = await started({ ...tcp, mode: 'strict', non_transparent_framing_trailer: 'LF' }, ['envelopes'])
  const log = (tag: string) => `<14>1 2026-10-11T22:14:15Z h app 0 - [tags@1 k="${tag}"] x\n`
  const counter = '<14>1 2026-10-11T22:14:15Z h app 0 - [counter@1 name="c" delta="1" total="2"][tags@1 k="m"] \n'
  const other = '<14>1 2026-10-11T22:14:15Z h app 0 - - x\n'
  const all = [log('a'), counter, log('a'), log('b'), other, counter, log('a'), log('b'), log('b')]
  dial(port).end(all.join(''))
  await run.records(all.length)
  const found = run.batches.flatMap((batch) => decodeEnvelopeBatch(batch.bytes()))
  expect(found.map(({ tags }) => (tags as Record<string, string> | undefined)?.k ?? '-').join('')).toBe('amab-mabb')
  expect(found.filter(({ counter: each }) => each)).toHaveLength(2)
})

test('RFC 3164 becomes a log record; body: message leaves the header out', async () => {
  const { run, port } = await started({ ...tcp, body: 'message', resource: { site: 'east' } })
  dial(port).end('<34>Oct 11 22:14:15 mymachine su[71]: failed for lonvick\n')
  await run.records(1)
  expect(logsOf(run.batches)).toMatchObject([
    {
      body: 'failed for lonvick',
      severity: 18,
      severityText: 'crit',
      attributes: { appname: 'su', facility: 4n, hostname: 'mymachine', priority: 34n, proc_id: '71' },
    },
  ])
  const [request] = run.batches.map((batch) => decodeOtlpLogs(batch.bytes()))
  expect((request!.resourceLogs as Message[])[0]!.resource).toEqual({
    attributes: [{ key: 'site', value: { stringValue: 'east' } }],
  })
})

test('severities are those of the Collector', async () => {
  const { run, port } = await started(tcp)
  dial(port).end(Array.from({ length: 8 }, (_, i) => `<${i}>1 - h a - - - x\n`).join(''))
  await run.records(8)
  const found = logsOf(run.batches)
  expect(found.map(({ severity }) => severity)).toEqual([21, 19, 18, 17, 13, 10, 9, 5])
  expect(found.map(({ severityText }) => severityText).join()).toBe('emerg,alert,crit,err,warning,notice,info,debug')
})

test('one receiver serves pipelines of both formats', async () => {
  const { run, port } = await started(tcp, ['logs', 'envelopes'])
  dial(port).end('<11>1 2026-10-11T22:14:15Z h app [APP/2] - [tags@47450 a="1"][x y="2"] hello\n')
  await run.records(2)
  expect(logsOf(run.batches)).toMatchObject([{ attributes: { appname: 'app', message: 'hello' } }])
  const envelopes = run.batches.filter(({ format }) => format === 'envelopes')
  expect(envelopes.flatMap((batch) => decodeEnvelopeBatch(batch.bytes()))).toEqual([
    {
      timestamp: 1791756855000000000n,
      source_id: 'app',
      instance_id: '2',
      tags: { a: '1', 'x.y': '2', hostname: 'h', priority: '11' },
      log: { payload: Buffer.from('hello'), type: 1 },
    },
  ])
})

test('lenient: counted and plain lines side by side, and nothing ends the connection', async () => {
  const { run, port } = await started(tcp, ['envelopes'])
  dial(port).end('16 <14>Oct 11 bad x\n<13>plain\nno priority at all\n22 <14>1 - h app 0 - - yz')
  await run.records(4)
  await settled(run)
  const all = run.batches.flatMap((batch) => decodeEnvelopeBatch(batch.bytes()))
  expect(all.map(({ log }) => String((log as Message).payload))).toEqual([
    'Oct 11 bad x',
    'plain',
    'no priority at all',
    'yz',
  ])
  // Nobody said who: the peer stands in.
  expect(all.map(({ source_id }) => source_id)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1', 'app'])
})

test('long lines, NUL and invalid UTF-8 arrive; what was changed is counted', async () => {
  const { run, port } = await started({ ...tcp, max_message_size: 12_000 })
  const socket = dial(port)
  socket.write(`<14>1 - h a - - - ${'x'.repeat(10_000)}\n`)
  socket.write(`<14>1 - h a - - - ${'y'.repeat(20_000)}\n`)
  socket.write('<14>1 - h a - - - n\0ul\n')
  socket.end(Buffer.from('<14>1 - h\xff a - - [i k="\xc3\x28"] gr\xfc\xdfe\n', 'latin1'))
  await run.records(4)
  const found = logsOf(run.batches)
  const texts = found.map(({ attributes }) => attributes.message as string)
  expect(texts.map((text) => text.length)).toEqual([10_000, 12_000 - 18, 4, 5])
  expect(texts[2]).toBe('n\0ul')
  expect(texts[3]).toBe('gr\ufffd\ufffde')
  expect(found[3]!.attributes).toMatchObject({ hostname: 'h\ufffd', structured_data: { i: { k: '\ufffd(' } } })
  expect(run.counter('truncated_messages_total')).toBe(1)
  expect(run.counter('repaired_messages_total')).toBe(1)
  expect(run.counter('ingress_total')).toBe(4)
})

test('a message that is not of the named protocol is sent as text, or dropped and counted', async () => {
  const sending = await started({ ...tcp, protocol: 'rfc5424' })
  dial(sending.port).end('<14>hello\n')
  await sending.run.records(1)
  expect(logsOf(sending.run.batches)).toMatchObject([{ body: '<14>hello', attributes: {}, severity: undefined }])
  const dropping = await started({ ...tcp, protocol: 'rfc5424', on_error: 'drop' })
  dial(dropping.port).end('<14>hello\n<14>1 - h a - - - x\n')
  await dropping.run.records(1)
  await settled(dropping.run)
  expect(dropping.run.counter('invalid_ingress_total')).toBe(1)
  expect(dropping.run.account.dropped('malformed')).toBe(1)
  expect(dropping.run.account.imbalance()).toBe(0)
})

test('UDP: one message a datagram, with the addresses of both ends where asked', async () => {
  const settings = { udp: { listen_address: '127.0.0.1:0', add_attributes: true }, max_message_size: 64 }
  const { run, port } = await started(settings, ['logs'], 'UDP')
  const socket = createSocket('udp4')
  cleanups.push(() => socket.close())
  const send = (text: string) => new Promise((resolve) => socket.send(text, port, '127.0.0.1', resolve))
  const more = setInterval(() => run.clock.advance(1), 1)
  cleanups.push(() => clearInterval(more))
  await send('<14>Oct 11 22:14:15 h a: b\n\0')
  await send('')
  await send(`<14>Oct 11 22:14:15 h a: ${'z'.repeat(100)}`)
  await run.records(2)
  const [first, second] = logsOf(run.batches)
  expect(first).toMatchObject({ body: '<14>Oct 11 22:14:15 h a: b', attributes: { message: 'b' } })
  expect(first!.attributes).toMatchObject({
    'net.transport': 'IP.UDP',
    'net.peer.ip': '127.0.0.1',
    'net.host.port': String(port),
  })
  expect(second!.body).toHaveLength(64)
  expect(run.counter('truncated_messages_total')).toBe(1)
})

test('a slow peer that never finishes its message is closed after the idle time, and not before', async () => {
  const { run, port } = await started({ ...tcp, idle_timeout: '1s' })
  const socket = dial(port)
  socket.write('<14>1 - h a - - - sl')
  await until(() => run.counter('received_bytes_total') === 20)
  run.clock.advance(900)
  socket.write('ow')
  await until(() => run.counter('received_bytes_total') === 22)
  run.clock.advance(300)
  await gone(socket)
  await run.records(1)
  expect(run.counter('connections_idle_total')).toBe(1)
  expect(logsOf(run.batches)).toMatchObject([{ attributes: { message: 'slow' } }])
})

test('a peer that closes its side alone has its last line taken', async () => {
  const { run, port } = await started(tcp)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  cleanups.push(() => socket.destroy())
  socket.end('<14>1 - h a - - - half open')
  await run.records(1)
  socket.end()
  await settled(run)
})

test('connections beyond the limit are refused and counted', async () => {
  const { run, port } = await started({ ...tcp, max_connections: 1 })
  dial(port).write('<14>1 - h a - - - x\n')
  await run.records(1)
  await gone(dial(port))
  expect(run.counter('connections_refused_total')).toBe(1)
})

test('bytes of unfinished messages are charged to the memory budget and given back', async () => {
  const { run, port } = await started(tcp)
  const socket = dial(port)
  socket.write(`50000 <14>1 - h a - - - ${'x'.repeat(9000)}`)
  await until(() => run.budget.used >= 9000)
  socket.end()
  await settled(run)
  expect(run.budget.used).toBe(0)
})

test('mTLS: who shows a certificate of the CA is heard, others are refused by cause', async () => {
  const vault = newVault()
  const files = vault.files('server')
  const read = (path: string) => process.getBuiltinModule('node:fs').readFileSync(path, 'utf8')
  const tls = { cert_file: files.cert, key_file: files.key, client_ca_file: files.ca }
  const { run, port } = await started({ tcp: { listen_address: '127.0.0.1:0', tls } })
  const call = (more: object) => {
    const socket = tlsConnect({ port, host: '127.0.0.1', servername: 'metron', ca: vault.authority.cert, ...more })
    socket.on('error', () => {})
    cleanups.push(() => socket.destroy())
    return socket
  }
  call({})
  await until(() => run.counter('handshakes_failed_total', { reason: 'no_certificate' }) === 1)
  dial(port).write('<14>1 - h a - - - plain\n')
  await until(() => run.counter('handshakes_failed_total', { reason: 'not_tls' }) === 1)
  const client = vault.files('client', { commonName: 'orders' })
  call({ cert: read(client.cert), key: read(client.key) }).end('<14>1 - h a - - - secret\n')
  await run.records(1)
  expect(logsOf(run.batches)).toMatchObject([{ attributes: { message: 'secret' } }])
})

test('a local socket takes datagrams', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'tailrace-syslog-')), 'log')
  const run = runReceiver(syslog, { unix: { path } }, { formats: ['logs'] })
  cleanups.push(() => run.stop())
  await run.start()
  const fd = openUnixSockets().connect(path)!
  cleanups.push(() => closeSync(fd))
  writeSync(fd, '<30>Oct 11 22:14:15 cron[71]: hello there')
  await run.records(1)
  expect(logsOf(run.batches)).toMatchObject([
    { attributes: { appname: 'cron', proc_id: '71', message: 'hello there' } },
  ])
})

test.each<[string, object, string]>([
  ['no address', {}, 'it listens nowhere: write tcp:'],
  ['a zone that does not exist', { ...tcp, location: 'Mars/North' }, 'there is no time zone "Mars/North"'],
])('%s is a fault of the configuration that says what to write', (_name, settings, text) => {
  const { error } = syslog.config.safeParse(settings)
  expect(error?.issues.map(({ message }) => message).join()).toContain(text)
})

/** A receiver before an intake that the test answers for. */
async function beforeIntake(intake: Intake, settings: object = {}) {
  const clock = new ManualClock(Date.now())
  const metrics = new Metrics()
  const ledger = new Ledger()
  const account = ledger.open('receiver', 'syslog')
  const shared = { log: silentLog, clock, metrics, ledger, budget: new Budget('service') }
  const identity = { kind: 'receiver', type: 'syslog', id: 'syslog', account, readsOrigins: false } as const
  const host = newHost(shared, { ...identity, extension: () => undefined })
  let address = ''
  const log = {
    ...silentLog,
    info(_: string, fields?: { address?: string }) {
      address = fields?.address ?? address
    },
  }
  const config = syslog.config.parse({ ...tcp, ...settings })
  const receiver = syslog.create({ config, host: Object.assign(host, { log }) as never, intakes: { logs: intake } })
  await receiver.start()
  cleanups.push(() => receiver.stop(AbortSignal.abort()))
  return { receiver, clock, account, metrics, port: Number(address.split(':')[1]) }
}

const read = (metrics: Metrics, name: string) => metrics.find(`tailrace_syslog_${name}`)!.series[0]!.value

test('a refused batch is offered again, nobody is read meanwhile, and nothing is lost or doubled', async () => {
  const got: Batch[] = []
  let refuse = true
  const intake: Intake = {
    offer(batch) {
      if (refuse) throw new Refused('sending queue is full', 1000)
      got.push(batch)
    },
  }
  const { clock, metrics, port } = await beforeIntake(intake)
  const socket = dial(port)
  const count = 40_000
  const frames = Array.from({ length: count }, (_, i) => `<14>1 - h a - - - ${String(i).padStart(80)}\n`).join('')
  let flushed = false
  socket.write(frames, () => {
    flushed = true
  })
  await until(() => read(metrics, 'ingress_total') > 0)
  let last = -1
  for (let same = 0; same < 50; same++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (read(metrics, 'received_bytes_total') !== last) same = 0
    last = read(metrics, 'received_bytes_total')
  }
  // The sender waits in its writes.
  expect(last).toBeLessThan(1 << 20)
  expect(flushed).toBe(false)
  refuse = false
  clock.advance(1000)
  await until(() => got.reduce((sum, { count }) => sum + count, 0) === count)
  const numbers = logsOf(got).map(({ attributes }) => Number(attributes.message))
  expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i))
})

test('what is offered again counts once, as waiting, and as refused and lost when the receiver gives up', async () => {
  let asked = 0
  const admit = () => {
    asked++
    return new Refused('sending queue is full', 100)
  }
  const queue: Admission = { admit, settle() {}, onRoom() {} }
  const books = new Account('receiver', 'syslog', {})
  const next = { consume() {} }
  const options = { next, account: books, budget: new Budget('test'), admissions: () => [queue], pushesBack: true }
  const intake = new ReceiverIntake(options)
  books.held = () => intake.held
  const { receiver, clock, account, port } = await beforeIntake(intake)
  dial(port).write('<14>1 - h a - - - one\n')
  for (let times = 1; times < 5; times++) {
    await until(() => asked === times)
    expect([books.offered, books.refused, books.held(), books.imbalance()]).toEqual([1, 0, 1, 0])
    clock.advance(100)
  }
  await receiver.stop(AbortSignal.abort())
  expect([books.offered, books.refused, books.held(), books.imbalance()]).toEqual([1, 1, 0, 0])
  expect(account.dropped('shutdown')).toBe(1)
})

test('what was taken and lost behind the intake is not offered again: the next one is', async () => {
  const got: string[] = []
  const intake: Intake = {
    offer(batch) {
      got.push(...logsOf([batch]).map(({ attributes }) => String(attributes.message)))
      return got.length === 1 ? Promise.reject(new Undelivered({ dropped: 'rejected' })) : undefined
    },
  }
  const { port } = await beforeIntake(intake)
  const socket = dial(port)
  socket.write('<14>1 - h a - - - one\n')
  await until(() => got.length === 1)
  socket.write('<14>1 - h a - - - two\n')
  await until(() => got.length === 2)
  expect(got).toEqual(['one', 'two'])
})

test('an intake that lets wait is waited for', async () => {
  const got: Batch[] = []
  const waiting: (() => void)[] = []
  const intake: Intake = {
    offer(batch) {
      got.push(batch)
      return new Promise<void>((resolve) => waiting.push(resolve))
    },
  }
  const { port } = await beforeIntake(intake)
  const socket = dial(port)
  socket.write('<14>1 - h a - - - one\n')
  await until(() => waiting.length === 1)
  socket.write('<14>1 - h a - - - two\n')
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(got).toHaveLength(1)
  waiting[0]!()
  await until(() => waiting.length === 2)
  waiting[1]!()
  expect(logsOf(got).map(({ attributes }) => attributes.message)).toEqual(['one', 'two'])
})

test('at the end of its time a stopping receiver gives up what nobody takes, and counts it', async () => {
  const intake: Intake = {
    offer(batch) {
      account.offered += batch.count
      account.refused += batch.count
      throw new Refused('full', 10_000)
    },
  }
  const { receiver, account, metrics, port } = await beforeIntake(intake)
  dial(port).write('<14>1 - h a - - - one\n<14>1 - h a - - - two\n')
  await until(() => read(metrics, 'ingress_total') === 2)
  await until(() => account.offered > 0)
  await receiver.stop(AbortSignal.abort())
  expect(account.dropped('shutdown')).toBe(2)
  expect(account.imbalance()).toBe(0)
})

test('stopping under load: every message that was counted arrives, in order, once', async () => {
  const { run, port } = await started(tcp)
  let sent = 0
  const socket = dial(port)
  const pump = () => {
    while (!socket.destroyed && socket.writable) {
      let chunk = ''
      for (let i = 0; i < 100; i++) chunk += `<14>1 - h a - - - ${sent++}\n`
      if (!socket.write(chunk)) return
    }
  }
  socket.on('drain', pump)
  pump()
  await run.records(20_000)
  await run.stop()
  const numbers = logsOf(run.batches).map(({ attributes }) => Number(attributes.message))
  // The last line may have been cut where the connection was.
  const whole = numbers.slice(0, -1)
  expect(whole).toEqual(Array.from({ length: whole.length }, (_, i) => i))
  expect(run.counter('ingress_total')).toBe(numbers.length)
  expect(run.account.imbalance()).toBe(0)
})

test('everything that a peer had sent and closed before the stop arrives', async () => {
  const { run, port } = await started(tcp)
  const socket = dial(port)
  const count = 3000
  socket.end(Array.from({ length: count }, (_, i) => `<14>1 - h a - - - ${i}\n`).join(''))
  await new Promise<void>((resolve) => socket.once('finish', () => resolve()))
  await run.records(1)
  await run.stop()
  expect(logsOf(run.batches)).toHaveLength(count)
})
