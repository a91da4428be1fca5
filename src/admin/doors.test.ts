import {
  chmodSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { certificate, pemOf } from '../../test/support/certificates.ts'
import { newFolder } from '../../test/support/folder.ts'
import { Budget } from '../delivery/budget.ts'
import { Ledger } from '../delivery/ledger.ts'
import { Port } from '../engine/nodes.ts'
import { Taps } from '../engine/taps.ts'
import { systemClock } from '../runtime/clock.ts'
import { newLog } from '../runtime/log.ts'
import { Batch } from '../telemetry/batch.ts'
import { batchOf, envelope } from '../telemetry/testing/encode.ts'
import type { AdminCommand } from './api.ts'
import { type AdminSettings, newDoors } from './doors.ts'
import type { Surroundings } from './socket-place.ts'

const nobody: Surroundings = { env: {}, uid: 1000 }

async function opened(settings: Partial<AdminSettings> = {}, around: Surroundings = nobody) {
  const lines: string[] = []
  const log = newLog({ write: (line) => void lines.push(line) })
  const taps = new Taps()
  const ledger = new Ledger()
  const port = new Port({ consume: () => {} })
  taps.watchable({ kind: 'processor', id: 'filter', pipeline: 'logs' }, port)
  const commands: Record<string, AdminCommand> = {
    echo: async (input) => input,
    fail: async () => {
      throw new Error('that cannot be done now')
    },
  }
  const status = () => ({ ready: true, readySince: 0, components: [], pipelines: [] })
  const agent = { name: 'test', version: '1', configuration: ['test.yaml'] }
  const budget = new Budget('service', 1000)
  const sources = { agent, ledger, taps, budget, clock: systemClock, log, status, commands: () => commands }
  const socket = join(newFolder(), 'run', 'admin.sock')
  const doors = newDoors({ enabled: true, socket, ...settings }, sources, around)
  onTestFinished(() => doors.stop())
  await doors.start()
  return { socket, doors, ledger, port, lines, taps }
}

test('an agent whose socket would stand behind a link that others can set warns and runs without', async () => {
  const folder = newFolder()
  symlinkSync(newFolder(), join(folder, 'link'))
  chmodSync(folder, 0o777)
  const socket = join(folder, 'link', 'admin.sock')
  const { lines } = await opened({ socket })
  expect(lines.join('')).toContain(`cannot open the admin socket: ${folder} may be written to by others, who could`)
  expect(existsSync(socket)).toBe(false)
})

const send = (options: RequestOptions, body?: string) =>
  answered(httpRequest({ headers: { host: 'localhost' }, ...options }), body)

function answered(request: ClientRequest, body?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => request.on('response', resolve).on('error', reject).end(body))
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of response) text += part
  return text
}

async function ask(socketPath: string, path: string, more: RequestOptions = {}, body?: string) {
  const response = await send({ socketPath, path, ...more }, body)
  return { status: response.statusCode, value: JSON.parse(await textOf(response)) }
}

/** The first `count` lines of an answer that goes on. */
async function linesOf(response: IncomingMessage, count: number): Promise<unknown[]> {
  let text = ''
  for await (const part of response) {
    text += part
    if (text.split('\n').length > count) break
  }
  return text
    .split('\n')
    .slice(0, count)
    .map((line) => JSON.parse(line))
}

test('the socket is for this user alone, and gone when the agent stops', async () => {
  const { socket, doors } = await opened()
  expect(statSync(socket).mode & 0o777).toBe(0o600)
  expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700)
  await doors.stop()
  expect(readdirSync(dirname(socket))).toEqual([])
})

/** Leaves a socket as a process does that was killed. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(`${path}.own`, resolve))
  linkSync(`${path}.own`, path)
  await new Promise((resolve) => server.close(resolve))
}

test('a socket whose owner died is taken over; one whose owner lives is not', async () => {
  const { socket } = await opened()
  await expect(opened({ socket })).rejects.toThrow('is taken: another agent answers there')
  const dead = join(newFolder(), 'dead.sock')
  await leaveSocket(dead)
  await opened({ socket: dead })
  expect((await ask(dead, '/')).status).toBe(200)
})

test('what is no socket is never taken away', async () => {
  const folder = newFolder()
  const [file, link] = [join(folder, 'notes.sock'), join(folder, 'link.sock')]
  writeFileSync(file, 'mine')
  symlinkSync(join(folder, 'nowhere'), link)
  for (const socket of [file, link]) await expect(opened({ socket })).rejects.toThrow('is no socket')
  await opened({ socket: undefined }, { env: { RUNTIME_DIRECTORY: folder }, uid: 1000 })
  await expect.poll(() => readdirSync(folder)).toHaveLength(3)
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

test('without a place for it there is no socket, which is said; switched off there is nothing', async () => {
  const { lines } = await opened({ socket: undefined })
  expect(lines.join('')).toContain('no admin socket: set service.admin.socket, or XDG_RUNTIME_DIR')
  const off = await opened({ enabled: false })
  expect(() => statSync(off.socket)).toThrow('ENOENT')
})

test('the usual place has a socket for each process; those of dead ones go', async () => {
  const folder = newFolder()
  await leaveSocket(join(folder, 'old.1.sock'))
  await opened({ socket: undefined }, { env: { RUNTIME_DIRECTORY: folder }, uid: 1000 })
  await expect.poll(() => readdirSync(folder)).toEqual([`test.${process.pid}.sock`])
})

test('status and losses', async () => {
  const { socket, ledger } = await opened()
  ledger.open('queue', 'otlp').drop('queue_full', 3, { source: 'app', text: 'OUT x' })
  const { value } = await ask(socket, '/v1/status?over_ms=0')
  expect(value).toMatchObject({
    agent: { name: 'test', version: '1', configuration: ['test.yaml'] },
    service: { ready: true, pid: process.pid },
    flows: [{ kind: 'queue', id: 'otlp', dropped: { queue_full: 3 } }],
    losses: [{ id: 'otlp', reason: 'queue_full', records: 3, samples: [{ source_id: 'app' }] }],
  })
  expect((await ask(socket, '/v1/why?source_id=app&component=exporter/otlp')).value.losses).toHaveLength(1)
})

test('records that pass, and a table that goes on', async () => {
  const { socket, port } = await opened()
  const response = await send({ socketPath: socket, path: '/v1/tap?id=filter' })
  port.consume(Batch.copyOf('envelopes', batchOf(envelope({ source: 'app', log: 'hello' }))))
  expect(await linesOf(response, 2)).toEqual([
    { watching: [{ kind: 'processor', id: 'filter', pipeline: 'logs' }] },
    expect.objectContaining({
      point: 'processor/filter',
      source_id: 'app',
      message: expect.objectContaining({ text: 'hello' }),
    }),
  ])
  const top = await send({ socketPath: socket, path: '/v1/top?interval_ms=200' })
  expect(await linesOf(top, 1)).toEqual([expect.objectContaining({ rows: [] })])
})

test('who has gone is watched for no longer, and makes room for others', async () => {
  const { socket, taps } = await opened()
  const all = await Promise.all(
    Array.from({ length: 8 }, () => send({ socketPath: socket, path: '/v1/tap?id=filter' })),
  )
  expect(await ask(socket, '/v1/tap?id=filter')).toEqual({
    status: 503,
    value: { error: '8 watchers are connected already: end one of them' },
  })
  for (const response of all) response.destroy()
  const probes = () => (taps as unknown as { watchers: Map<unknown, unknown> }).watchers.size
  await expect.poll(probes).toBe(0)
  expect((await send({ socketPath: socket, path: '/v1/tap?id=filter' })).statusCode).toBe(200)
})

test('a reader that takes nothing costs a bounded amount of memory', async () => {
  const { socket, port } = await opened()
  const response = await send({ socketPath: socket, path: '/v1/tap?id=filter&rate=1000' })
  response.pause()
  const batch = Batch.copyOf(
    'envelopes',
    batchOf(...Array.from({ length: 1000 }, () => envelope({ log: 'x'.repeat(8000) }))),
  )
  const before = process.memoryUsage().rss
  port.consume(batch)
  expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20)
  const waiting = (response.socket as unknown as { bytesRead: number }).bytesRead
  expect(waiting).toBeLessThan(4 << 20)
})

test.each<[string, RequestOptions, string | undefined, number, RegExp]>([
  ['/nowhere', {}, undefined, 404, /nothing at \/nowhere; there are \/v1\/status/],
  ['/v1/status', { method: 'DELETE' }, undefined, 405, /answers GET/],
  ['/v1/status?over_ms=-1', {}, undefined, 400, /over_ms is a whole number from 0 to 10000/],
  ['/v1/status?over_ms=1&over_ms=2', {}, undefined, 400, /may stand there once/],
  ['/v1/why?component=nope', {}, undefined, 404, /no component "nope" keeps books/],
  [`/v1/why?source_id=${'x'.repeat(600)}`, {}, undefined, 400, /512 characters at most/],
  ['/v1/tap', {}, undefined, 400, /say what to watch.*processor\/filter/],
  ['/v1/tap?id=nope', {}, undefined, 404, /nothing to watch called "nope"; there are processor\/filter/],
  ['/v1/tap?id=filter&rate=0', {}, undefined, 400, /rate is a whole number from 1 to 1000/],
  ['/v1/commands/nope', { method: 'POST' }, undefined, 404, /no command "nope"; there are echo, fail/],
  ['/v1/commands/constructor', { method: 'POST' }, undefined, 404, /no command/],
  ['/v1/commands/echo', { method: 'GET' }, undefined, 405, /answers POST/],
  ['/v1/commands/echo', { method: 'POST' }, '{}', 400, /application\/json/],
  [
    '/v1/commands/echo',
    { method: 'POST', headers: { host: 'localhost', 'content-type': 'application/json' } },
    '[1]',
    400,
    /JSON object/,
  ],
  [
    '/v1/commands/echo',
    { method: 'POST', headers: { host: 'localhost', 'content-type': 'application/json' } },
    '{',
    400,
    /no JSON/,
  ],
  [
    '/v1/commands/echo',
    { method: 'POST', headers: { host: 'localhost', 'content-type': 'application/json' } },
    ' '.repeat(70_000),
    400,
    /65536 bytes at most/,
  ],
  ['/v1/commands/fail', { method: 'POST' }, undefined, 500, /that cannot be done now/],
  ['/v1/status', { headers: { host: 'evil.example' } }, undefined, 403, /another host/],
  ['/v1/status', { headers: { host: 'localhost', origin: 'http://evil.example' } }, undefined, 403, /another site/],
])('%s %j is answered by a sentence', async (path, options, body, status, message) => {
  const { socket } = await opened()
  const answer = await ask(socket, path, options, body)
  expect(answer.status).toBe(status)
  expect(answer.value.error).toMatch(message)
})

test('whatever comes in at the socket, the agent goes on answering', async () => {
  const { socket } = await opened()
  const garbage = [
    '\0\0\0',
    'GET / HTTP/9.9\r\n\r\n',
    'POST /v1/commands/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999\r\n\r\n{',
    `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    'GET //evil.example/v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n',
    'GET /%ff%00 HTTP/1.1\r\nhost: localhost\r\n\r\n',
    'GET http://[ HTTP/1.1\r\nhost: localhost\r\n\r\n',
  ]
  for (const bytes of garbage) {
    const peer = connect({ path: socket })
    peer.on('error', () => {})
    await new Promise((resolve) => peer.on('connect', resolve))
    peer.end(bytes)
    await new Promise((resolve) => peer.on('close', resolve).resume())
    expect((await ask(socket, '/')).status).toBe(200)
  }
})

test('a command gets its input and answers', async () => {
  const { socket, lines } = await opened()
  const headers = { host: 'localhost', 'content-type': 'application/json' }
  const answer = await ask(socket, '/v1/commands/echo', { method: 'POST', headers }, '{"a":1}')
  expect(answer).toEqual({ status: 200, value: { a: 1 } })
  expect(lines.join('')).toContain('command=echo')
})

test('a port asks for a certificate, and answers those who have one', async () => {
  const { cert, key, ca } = pemOf(certificate('metron'))
  const folder = newFolder()
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const tls = { cert_file: write('a.crt', cert), key_file: write('a.key', key), client_ca_file: write('ca.crt', ca) }
  const { lines } = await opened({ endpoint: { host: '127.0.0.1', port: 0 }, tls })
  const [, port] = /admin port address=127\.0\.0\.1:(\d+)/.exec(lines.join(''))!
  const target = { host: '127.0.0.1', port, path: '/', servername: 'metron', agent: false as const }
  const response = await answered(httpsRequest({ ...target, ...pemOf(certificate('client')) }))
  expect(JSON.parse(await textOf(response))).toMatchObject({ agent: { name: 'test' } })
  await expect(answered(httpsRequest({ ...target, ca }))).rejects.toThrow()
})

test('a port without client certificates is refused', async () => {
  await expect(opened({ endpoint: { host: '127.0.0.1', port: 0 } })).rejects.toThrow('needs tls with client_ca_file')
})
