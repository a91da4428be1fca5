import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { encodeEnvelopeBatch } from '../../../test/support/decode.ts'
import { envelopes, otlpLogs } from '../../../test/support/delivery.ts'
import { newVault, until } from '../../net/test-kit.ts'
import { newUnixDatagrams } from '../../net/unix-datagrams.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { Batch } from '../../telemetry/batch.ts'
import syslog from './index.ts'
import { runExporter, startPeer } from './test-kit.ts'

const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)
/** Texts of messages made of `otlpLogs`. */
const said = (lines: string[]) => lines.map((line) => line.replace(/^<14>1 \S+ h app - - - /, ''))

describe('streams', () => {
  test('a line for each log record', async () => {
    const peer = await startPeer()
    const { exporter } = await runExporter({ endpoint: '127.0.0.1', port: peer.port })
    exporter.consume(otlpLogs(['one', 'two\nhalves', 'three']))
    await peer.until('three lines', () => peer.lines().length === 3)
    expect(said(peer.lines())).toEqual(['one', 'two#012halves', 'three'])
    expect(exporter.account.sent).toBe(3)
  })

  test('octet counting', async () => {
    const peer = await startPeer()
    const { exporter } = await runExporter({
      endpoint: `127.0.0.1:${peer.port}`,
      enable_octet_counting: true,
      protocol: 'rfc3164',
    })
    exporter.consume(otlpLogs(['one\ntwo']))
    await peer.until('a message', () => peer.text().endsWith('two'))
    expect(peer.text()).toMatch(/^34 <14>\w{3} [ \d]\d \d\d:\d\d:\d\d h app: one\ntwo$/)
  })

  test('envelopes as the syslog agent writes them, in counted frames, in lines', async () => {
    const batch = () =>
      Batch.copyOf(
        'envelopes',
        encodeEnvelopeBatch([
          {
            timestamp: 12345678n,
            source_id: 'id',
            instance_id: '2',
            log: { payload: 'a\nb' },
            tags: { source_type: 'APP' },
          },
          {
            timestamp: 12345678n,
            source_id: 'id',
            gauge: { metrics: { cpu: { unit: 'u', value: 0.5 }, mem: { unit: 'b', value: 7 } } },
          },
          { timestamp: 12345678n, source_id: 'bad id', log: { payload: 'x' } },
          { timestamp: 12345678n, source_id: 'id', counter: { name: 'c', total: 9n } },
        ]),
      )
    const counted = await startPeer()
    const first = await runExporter({ endpoint: '127.0.0.1', port: counted.port, enable_octet_counting: true })
    first.exporter.consume(batch())
    await counted.until('a counter', () => counted.text().includes('counter@47450'))
    const at = '1970-01-01T00:00:00.012345+00:00'
    const log = `<14>1 ${at} h id [APP/2] - [tags@47450 source_type="APP"] a\nb\n`
    const gauge = (name: string, value: string, unit: string) =>
      `<14>1 ${at} h id [] - [gauge@47450 name="${name}" value="${value}" unit="${unit}"] \n`
    const counter = `<14>1 ${at} h id [] - [counter@47450 name="c" total="9" delta="0"] \n`
    const all = [log, gauge('cpu', '0.5', 'u'), gauge('mem', '7', 'b'), counter]
    expect(counted.text()).toBe(all.map((message) => `${message.length} ${message}`).join(''))
    expect([first.exporter.account.sent, first.exporter.account.droppedTotal]).toEqual([3, 1])

    const lines = await startPeer()
    const second = await runExporter({ endpoint: '127.0.0.1', port: lines.port })
    second.exporter.consume(batch())
    await lines.until('a counter', () => lines.text().includes('counter@47450'))
    expect(lines.text()).toBe([log.replace('a\nb', 'a#012b'), ...all.slice(1)].join(''))
  })

  test('what the peer does not take waits in its order; a peer that comes back gets it', async () => {
    const peer = await startPeer()
    const { exporter } = await runExporter({ endpoint: '127.0.0.1', port: peer.port })
    await peer.stop()
    for (let i = 0; i < 100; i++) exporter.consume(otlpLogs(texts(i * 10, i * 10 + 10)))
    expect(exporter.ready()).toBe(true)
    await until(() => !exporter.ready())
    await peer.start()
    await peer.until('all of it', () => peer.lines().length >= 1000)
    expect(said(peer.lines())).toEqual(texts(0, 1000))
    expect(exporter.account.droppedTotal).toBe(0)
    expect(exporter.account.maybe_duplicate).toBe(0)
  })

  test('a peer that closes after each message gets the next one by a new connection', async () => {
    const peer = await startPeer()
    peer.onData = (socket) => socket.end()
    const { exporter } = await runExporter({ endpoint: '127.0.0.1', port: peer.port })
    for (let i = 0; i < 5; i++) {
      exporter.consume(otlpLogs(texts(i, i + 1)))
      await peer.until(`line ${i}`, () => peer.lines().length > i && peer.open.size === 0)
      await exporter.idle()
    }
    expect(said(peer.lines())).toEqual(texts(0, 5))
    expect(peer.connections).toHaveLength(5)
  })

  test('a peer that ends each connection as it is made is told about once', async () => {
    const peer = await startPeer()
    peer.onOpen = (socket) => socket.end()
    const { exporter, lines } = await runExporter({ endpoint: '127.0.0.1', port: peer.port })
    for (let i = 0; peer.connections.length < 5; i++) {
      exporter.consume(otlpLogs([`line ${i}`]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(
      lines.filter((line) => line.includes('the peer ended the connection')),
      lines.join('\n'),
    ).toHaveLength(1)
  })

  test.each([
    ['drop', 0],
    ['repeat', 1],
  ] as const)('a write that the peer does not take is given up: %s', async (on_broken_write, again) => {
    const peer = await startPeer()
    peer.onOpen = (socket) => socket.pause()
    const { exporter, ledger } = await runExporter({
      endpoint: '127.0.0.1',
      port: peer.port,
      on_broken_write,
      write_timeout: '400ms',
      queue_bytes: 0,
      max_batch_bytes: '64MiB',
    })
    // More than any socket buffer takes.
    const large = texts(0, 64).map((text) => text.padEnd(1 << 18, '.'))
    exporter.consume(otlpLogs(large))
    await peer.until('a second connection or none', () => again === 0 || peer.connections.length > 1)
    await until(() => exporter.account.droppedTotal > 0 || again === 1)
    peer.onOpen = undefined
    for (const socket of peer.open) socket.resume()
    exporter.consume(otlpLogs(['after']))
    await peer.until('what came after', () => peer.last().endsWith('after\n'))
    await exporter.idle()
    const { sent, droppedTotal, maybe_duplicate } = exporter.account
    expect([sent, droppedTotal, maybe_duplicate > 0]).toEqual(again ? [65, 0, true] : [1, 64, false])
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
  })

  test('a peer that reads nothing is in trouble until it reads, however often it accepts', async () => {
    const peer = await startPeer()
    peer.onOpen = (socket) => socket.pause()
    const { exporter, lines } = await runExporter({
      endpoint: '127.0.0.1',
      port: peer.port,
      write_timeout: '250ms',
      when_full: 'drop_oldest',
    })
    const { account } = exporter
    const some = texts(0, 10).map((text) => text.padEnd(100_000, '.'))
    let isOver = false
    const load = (async () => {
      while (!isOver) {
        exporter.consume(otlpLogs(some))
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })()
    await until(() => !exporter.ready())
    const [{ sent }, connections] = [account, peer.connections.length]
    await until(() => {
      expect(exporter.ready()).toBe(false)
      return peer.connections.length > connections + 3 && account.sent > sent
    })
    expect(account.trouble!()!.error).toContain('the peer did not take it within')
    expect(lines.filter((line) => line.includes('works again'))).toEqual([])
    peer.onOpen = undefined
    for (const socket of peer.open) socket.resume()
    await until(() => exporter.ready())
    isOver = true
    await load
    await exporter.idle()
    expect(exporter.ready()).toBe(true)
  })

  test('a peer with little to read shows that it reads again by ending a connection when we do', async () => {
    const peer = await startPeer()
    peer.onOpen = (socket) => socket.pause()
    const clock = new ManualClock()
    const queue = { when_full: 'drop_oldest', sending_queue: { queue_size: 20 }, write_timeout: '1s' }
    const { exporter } = await runExporter({ endpoint: '127.0.0.1', port: peer.port, ...queue }, clock)
    const some = texts(0, 10).map((text) => text.padEnd(100_000, '.'))
    await until(() => {
      exporter.consume(otlpLogs(some))
      clock.advance(100)
      return !exporter.ready()
    })
    // It reads some KiB, pauses for a moment, and so on.
    const slowly = (socket: Socket) => {
      socket.pause()
      setTimeout(() => socket.resume(), 1)
    }
    peer.onOpen = undefined
    peer.onData = slowly
    for (const socket of peer.open) socket.resume()
    const [{ sent }, since] = [exporter.account, clock.monotonic()]
    await until(() => {
      exporter.consume(otlpLogs(['a line']))
      clock.advance(100)
      return exporter.ready()
    })
    expect(clock.monotonic() - since).toBeLessThan(1_000_000)
    expect(exporter.account.sent - sent).toBeGreaterThan(0)
    await exporter.idle()
    expect(exporter.ready()).toBe(true)
  })

  test('what is queued when it stops is sent, and the peer is told good-bye', async () => {
    const peer = await startPeer()
    const { exporter } = await runExporter({ endpoint: '127.0.0.1', port: peer.port })
    exporter.consume(otlpLogs(texts(0, 1000)))
    await exporter.stop(AbortSignal.timeout(5000))
    await peer.until('all of it', () => peer.lines().length === 1000 && peer.open.size === 0)
  })

  test('an idle connection is closed, and opened again when it is needed', async () => {
    const peer = await startPeer()
    const { exporter, lines } = await runExporter({ endpoint: '127.0.0.1', port: peer.port, idle_timeout: '20ms' })
    exporter.consume(otlpLogs(['one']))
    await peer.until('the end of the first connection', () => peer.connections.length === 1 && peer.open.size === 0)
    exporter.consume(otlpLogs(['two']))
    await peer.until('the second', () => peer.lines().length === 2)
    expect(peer.connections).toHaveLength(2)
    expect(lines.join()).not.toContain('the peer ended')
  })

  test('a local stream socket', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tailrace-syslog-')), 'socket')
    const peer = await startPeer(undefined, path)
    const { exporter } = await runExporter({ endpoint: path, network: 'unix' })
    exporter.consume(otlpLogs(['one']))
    await peer.until('a line', () => peer.lines().length === 1)
    expect(said(peer.lines())).toEqual(['one'])
  })

  test('messages longer than allowed are cut and counted', async () => {
    const peer = await startPeer()
    const { exporter, metrics } = await runExporter({ endpoint: '127.0.0.1', port: peer.port, max_message_size: 80 })
    exporter.consume(otlpLogs(['x'.repeat(500)]))
    exporter.consume(envelopes(['y'.repeat(500)]))
    await peer.until('two lines', () => peer.lines().length === 2)
    expect(peer.lines().map((line) => line.length)).toEqual([80, 80])
    expect(metrics.find('tailrace_syslog_truncated_messages_total')?.series[0]?.value).toBe(2)
  })
})

describe('TLS', () => {
  const vault = newVault()
  const server = vault.files('server', { names: ['logs.example.com'], ips: ['127.0.0.1'] })
  const client = vault.files('client')
  const pem = { cert: readFileSync(server.cert), key: readFileSync(server.key), ca: readFileSync(server.ca) }

  test('is on by default, with a client certificate where the server asks for it', async () => {
    const peer = await startPeer({ ...pem, requestCert: true, rejectUnauthorized: true })
    const tls = {
      ca_file: client.ca,
      cert_file: client.cert,
      key_file: client.key,
      server_name_override: 'logs.example.com',
    }
    const { exporter } = await runExporter({ endpoint: '127.0.0.1', port: peer.port, tls })
    exporter.consume(otlpLogs(texts(0, 5000)))
    await peer.until('all of it', () => peer.lines().length === 5000)
    expect(said(peer.lines())).toEqual(texts(0, 5000))
    await exporter.idle()
    expect(exporter.account.sent).toBe(5000)
  })

  test('a server that misses a client certificate is not written to: nothing is lost on the way', async () => {
    const peer = await startPeer({ ...pem, requestCert: true, rejectUnauthorized: true })
    const tls = { ca_file: client.ca, server_name_override: 'logs.example.com' }
    const { exporter, lines } = await runExporter({ endpoint: '127.0.0.1', port: peer.port, tls })
    exporter.consume(otlpLogs(['kept']))
    await until(() => !exporter.ready())
    expect(lines.join('\n')).toContain('the peer requires a client certificate')
    expect([exporter.account.sent, exporter.queue.held]).toEqual([0, 1])
  })

  test.each([
    ['another name', { ca_file: client.ca, server_name_override: 'other.example.com' }, /other\.example\.com/],
    ['another authority', { ca_file: newVault().files('x').ca }, /unknown|authority|CA/],
  ])('%s is refused with a sentence, nothing is sent', async (_, tls, sentence) => {
    const peer = await startPeer(pem)
    const { exporter, lines } = await runExporter({ endpoint: '127.0.0.1', port: peer.port, tls })
    exporter.consume(otlpLogs(['secret']))
    await until(() => !exporter.ready())
    expect(lines.join('\n')).toMatch(sentence)
    expect(peer.text()).toBe('')
  })

  test('a peer without TLS gets nothing in the clear', async () => {
    const peer = await startPeer()
    const { exporter } = await runExporter({ endpoint: '127.0.0.1', port: peer.port, tls: { ca_file: client.ca } })
    exporter.consume(otlpLogs(['secret']))
    await peer.until('a handshake', () => peer.connections.length > 0)
    expect(peer.text()).not.toContain('secret')
  })
})

describe('datagrams', () => {
  async function listen() {
    const socket = createSocket('udp4')
    const packets: string[] = []
    socket.on('message', (bytes) => void packets.push(bytes.toString()))
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    onTestFinished(() => void socket.close())
    return { port: socket.address().port, packets }
  }

  test('UDP: one message each, without line feeds at their end', async () => {
    const { port, packets } = await listen()
    const { exporter } = await runExporter({ endpoint: 'localhost', port, network: 'udp' })
    exporter.consume(otlpLogs(['one', 'two\nhalves\n', 'three']))
    exporter.consume(envelopes(['four']))
    await until(() => packets.length === 4)
    expect(said(packets.slice(0, 3))).toEqual(['one', 'two\nhalves', 'three'])
    expect(packets[3]).toMatch(/ - app \[\] - - four$| h app \[\] - - four$/)
    await exporter.idle()
    expect(exporter.account.sent).toBe(4)
  })

  test('UDP: a message that fits into no datagram is cut', async () => {
    const { port, packets } = await listen()
    const { exporter, metrics } = await runExporter({ endpoint: '127.0.0.1', port, network: 'udp' })
    exporter.consume(otlpLogs(['x'.repeat(70_000)]))
    await until(() => packets.length === 1)
    expect(packets[0]).toHaveLength(65_507)
    expect(metrics.find('tailrace_syslog_truncated_messages_total')?.series[0]?.value).toBe(1)
  })

  test('UDP: that nobody listens is said once, and nothing waits for it', async () => {
    const { exporter, lines } = await runExporter({ endpoint: '127.0.0.1:9', network: 'udp' })
    for (let i = 0; i < 50; i++) {
      exporter.consume(otlpLogs(texts(i, i + 1)))
      await exporter.idle()
    }
    expect(exporter.account.sent).toBe(50)
    expect(lines.filter((line) => line.includes('nobody listens at 127.0.0.1:9'))).toHaveLength(1)
  })

  test('a local datagram socket, whose reader is slower than we are', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tailrace-syslog-')), 'log')
    const { exporter, lines } = await runExporter({ endpoint: path, network: 'unixgram' })
    exporter.consume(otlpLogs(texts(0, 1)))
    await until(() => !exporter.ready())
    expect(lines.join()).toContain('nobody reads this socket')
    const packets: string[] = []
    const socket = newUnixDatagrams({
      path,
      onPacket: (packet) => void packets.push(packet.toString()),
      log: silentLog,
    })
    socket.start()
    onTestFinished(() => socket.stop())
    exporter.consume(otlpLogs(texts(1, 500)))
    await until(() => packets.length === 500)
    expect(said(packets)).toEqual(texts(0, 500))
  })
})

describe('settings', () => {
  test.each([
    [{ endpoint: 'logs.example.com' }],
    [{ endpoint: '10.0.0.1:6514' }],
    [{ endpoint: '::1' }],
    [{ endpoint: '[::1]:514' }],
    [{ endpoint: '/dev/log', network: 'unixgram' }],
  ])('%j is understood', (written) => expect(syslog.config.safeParse(written).success).toBe(true))

  test.each([
    [{}, 'endpoint'],
    [{ endpoint: '' }, 'endpoint'],
    [{ endpoint: 'a b' }, 'write a host'],
    [{ endpoint: 'host:0' }, 'write a host'],
    [{ endpoint: 'host:x' }, 'write a host'],
    [{ endpoint: 'h', location: 'Mars' }, 'there is no time zone'],
    [{ endpoint: 'h', protocol: 'rfc1' }, 'rfc5424'],
    [{ endpoint: 'h', mapping: { default_facility: 'x' } }, 'local7'],
  ])('%j is refused: %s', (written, text) => {
    expect(JSON.stringify(syslog.config.safeParse(written).error?.issues)).toContain(text)
  })
})
