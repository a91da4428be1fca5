import { X509Certificate } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { Ledger } from '../../delivery/ledger.ts'
import { type Configured, defineReceiver, endpoint, list, object, secret } from '../../plugin.ts'
import { silentLog } from '../../runtime/log.ts'
import { banner } from './banner.ts'
import { ensureCertificates } from './certificates.ts'
import { closingLedger } from './closing.ts'
import demo from './index.ts'
import { freePorts } from './ports.ts'

const cleanup: (() => void)[] = []
afterEach(() => {
  for (const end of cleanup.splice(0)) end()
})

const dayMs = 86_400_000

test('certificates are made once, and again when they are about to expire', () => {
  const dir = join(mkdtempSync(join(tmpdir(), 'tailrace-demo-')), 'new')
  expect(ensureCertificates(dir)).toBe(true)
  const first = readFileSync(join(dir, 'metron.crt'), 'utf8')
  expect(ensureCertificates(dir)).toBe(false)
  expect(readFileSync(join(dir, 'metron.crt'), 'utf8')).toBe(first)
  expect(ensureCertificates(dir, Date.now() + 29.5 * dayMs)).toBe(true)
  expect(readFileSync(join(dir, 'metron.crt'), 'utf8')).not.toBe(first)
  expect(statSync(join(dir, 'metron.key')).mode & 0o777).toBe(0o600)
  const [ca, server] = ['ca', 'metron'].map((name) => new X509Certificate(readFileSync(join(dir, `${name}.crt`))))
  expect(server!.checkIssued(ca!)).toBe(true)
})

test('a folder that cannot be written is named', async () => {
  const prepare = demo.prepare!({ config: { dir: '/dev/null/demo', move_ports: false }, all: [], log: silentLog })
  await expect(prepare).rejects.toThrow('no certificates can be written to /dev/null/demo')
})

const receiver = (transport: string) =>
  defineReceiver({
    type: transport === 'udp' ? 'statsd' : 'loggregator',
    stability: 'beta',
    summary: 'Listens.',
    makes: ['envelopes'],
    pushesBack: false,
    config: object({
      endpoint: endpoint().default('127.0.0.1:0'),
      targets: list().default([]),
      key: secret().optional(),
    }),
    resources: ({ endpoint }) => [`${transport} ${endpoint.text}`],
    create: () => ({ start: async () => {}, stop: async () => {} }),
  })

const configured = (id: string, transport: string, settings: object): Configured => {
  const spec = receiver(transport)
  return { id, spec, config: spec.config.parse(settings) }
}

/** A port that somebody else has, by TCP and by UDP. */
async function takenPort(): Promise<number> {
  const server = createServer()
  const { port } = await new Promise<{ port: number }>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(server.address() as { port: number })),
  )
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve))
  cleanup.push(
    () => server.close(),
    () => socket.close(),
  )
  return port
}

test.each(['tcp', 'udp'])(
  'a component whose %s port is taken moves on, and who names the address follows',
  async (transport) => {
    const port = await takenPort()
    const all = [
      configured('first', transport, { endpoint: `127.0.0.1:${port}`, key: 'k' }),
      configured('reader', 'tcp', { targets: [`127.0.0.1:${port}`, '127.0.0.1:1'] }),
    ]
    const free = await freePorts(all)
    const [first] = free.listening
    expect(first).toMatchObject({ id: 'first', transport, instead: `127.0.0.1:${port}` })
    expect(first!.address).not.toBe(`127.0.0.1:${port}`)
    const [moved, reader] = free.all.map(
      ({ config }) => config as { endpoint: { text: string; port: number }; targets: string[] },
    )
    expect(moved!.endpoint.text).toBe(first!.address)
    expect(moved!.endpoint.port).toBe(Number(first!.address.split(':')[1]))
    expect(reader!.targets).toEqual([first!.address, '127.0.0.1:1'])
    expect((moved as unknown as { key: { reveal(): string } }).key.reveal()).toBe('k')
  },
)

test('what listens on a free port stays there, and is no port to move to', async () => {
  const port = await takenPort()
  const all = [
    configured('mover', 'tcp', { endpoint: `127.0.0.1:${port}` }),
    configured('next', 'udp', { endpoint: `127.0.0.1:${port + 1}` }),
  ]
  const { listening } = await freePorts(all)
  expect(listening[0]!.address).not.toBe(`127.0.0.1:${port + 1}`)
})

test('the banner says where it listens and what to type', () => {
  const text = banner(
    [
      {
        id: 'loggregator',
        type: 'loggregator',
        transport: 'tcp',
        address: '127.0.0.1:3459',
        instead: '127.0.0.1:3458',
      },
      { id: 'statsd', type: 'statsd', transport: 'udp', address: '127.0.0.1:8125' },
    ],
    'certs',
    'tailrace',
  )
  expect(text).toContain('127.0.0.1:3458 is taken')
  expect(text).toContain("tailrace send log 'hello from me' --to 127.0.0.1:3459 --certs certs")
  expect(text).toContain('bash -c "echo \'me.orders:1|c\' > /dev/udp/127.0.0.1/8125"')
})

test('the closing ledger adds up, with losses by their reason', () => {
  const ledger = new Ledger()
  const receiver = ledger.open('receiver', 'statsd')
  receiver.offered = 10
  receiver.taken = 10
  const filter = ledger.open('processor', 'filter', { pipeline: 'envelopes' })
  filter.received = 10
  filter.passed = 8
  filter.drop('rule', 2)
  const queue = ledger.open('queue', 'debug')
  queue.received = 8
  queue.sent = 8
  const text = closingLedger(ledger.accounts)
  expect(text).toMatch(/filter \(envelopes\) +10 +2 dropped: rule/)
  expect(text).toContain('10 received = 8 sent + 2 dropped: it adds up.')
})

test('with two exporters every line balances by itself, and one that does not is named', () => {
  const ledger = new Ledger()
  const receiver = ledger.open('receiver', 'statsd')
  receiver.offered = receiver.taken = 5
  for (const id of ['debug', 'otlp']) {
    const queue = ledger.open('queue', id)
    queue.received = queue.sent = 5
  }
  expect(closingLedger(ledger.accounts)).toContain('5 received, 10 sent, 0 dropped; every line balances by itself.')
  receiver.taken = 4
  expect(closingLedger(ledger.accounts)).toContain('statsd does not balance by 1')
})
