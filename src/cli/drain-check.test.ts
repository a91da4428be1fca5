import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { newVault } from '../net/test-kit.ts'
import { issue } from '../runtime/certs.ts'
import { drainCheck } from './drain-check.ts'

const vault = newVault()
const pair = issue(vault.authority, { commonName: 'localhost', names: ['localhost'] })
const ca = join(vault.dir, 'tenant-ca.pem')
writeFileSync(ca, vault.authority.cert)
const client = vault.files('client')

const closers: (() => void)[] = []
const printed: string[] = []
beforeEach(() => {
  printed.length = 0
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => printed.push(String(text)) > 0)
})
afterEach(() => {
  vi.restoreAllMocks()
  for (const close of closers.splice(0)) close()
})

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})))
  server.on('secureConnection', (socket: Socket) => socket.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

async function check(url: string, flags: object = {}) {
  const code = await drainCheck(url, { deny: '', timeout: '3s', ...flags })
  return { code, text: printed.join('') }
}

const https = (handle: (request: IncomingMessage, response: ServerResponse) => void) =>
  listening(createHttpsServer(pair, handle) as unknown as Server)

test('a drain that works: every step is shown, and no secret', async () => {
  const asked: string[] = []
  const port = await https((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    response.writeHead(405).end()
  })
  const { code, text } = await check(`https://us%40er:SECRET@localhost:${port}/p?token=SECRET&drain-data=all`, { ca })
  expect(code).toBe(0)
  expect(asked).toEqual([
    `OPTIONS /p?token=SECRET&drain-data=all Basic ${Buffer.from('us@er:SECRET').toString('base64')}`,
  ])
  const shape = text
    .replaceAll(String(port), 'PORT')
    .replace(/\d{4}-\d\d-\d\d/, 'DATE')
    .replace(/127.0.0.1, ::1/, '127.0.0.1')
  expect(shape).toBe(`ok    url   https://localhost:PORT/p gets everything, with tags
ok    dns   localhost is 127.0.0.1
ok    tcp   127.0.0.1:PORT accepts connections
ok    tls   TLSv1.3 with TLS_AES_256_GCM_SHA384, certificate valid until DATE
ok    http  OPTIONS was answered with 405 Method Not Allowed: HTTP is spoken there (--send posts a test line)
https://localhost:PORT/p works as far as it was tried
`)
  expect(text).not.toMatch(/SECRET|us@er|us%40er/)
})

test('--send posts one RFC 5424 line, and the status counts', async () => {
  const bodies: string[] = []
  let status = 204
  const port = await https((request, response) => {
    request.on('data', (chunk) => bodies.push(String(chunk)))
    request.on('end', () => response.writeHead(status).end())
  })
  expect(await check(`https-batch://localhost:${port}/`, { ca, send: true })).toMatchObject({ code: 0 })
  expect(bodies.join('')).toMatch(
    /^<14>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 \S+ tailrace-drain-check \[CHECK\/0\] - - this is a test line of tailrace drain check\n$/,
  )
  status = 401
  const { code, text } = await check(`https://localhost:${port}/`, { ca, send: true })
  expect(code).toBe(1)
  expect(text).toContain(
    'FAIL  http  POST was answered with 401 Unauthorized\n            -> put user and password into the URL',
  )
  status = 301
  expect((await check(`https://localhost:${port}/`, { ca, send: true })).text).toContain(
    'drains do not follow redirects',
  )
})

test('syslog over TLS: the line is octet-counted', async () => {
  const got: string[] = []
  const port = await listening(createTlsServer(pair, (socket) => socket.on('data', (chunk) => got.push(String(chunk)))))
  const { code, text } = await check(`syslog-tls://localhost:${port}`, { ca, send: true })
  expect(code).toBe(0)
  expect(text).toContain('ok    send  one test line was sent')
  const [, count, line] = /^(\d+) (.*)$/s.exec(got.join(''))!
  expect(Buffer.byteLength(line!)).toBe(Number(count))
})

test('plain syslog says that nothing was sent', async () => {
  const port = await listening(createServer())
  const { code, text } = await check(`syslog://127.0.0.1:${port}`)
  expect(code).toBe(0)
  expect(text).toContain('nothing was sent (--send sends a test line)')
})

test('a server that wants a client certificate is understood, also under TLS 1.3', async () => {
  const options = { ...pair, ca: vault.authority.cert, requestCert: true, rejectUnauthorized: true }
  const port = await listening(createTlsServer(options, (socket) => void socket.resume()))
  const refused = await check(`syslog-tls://localhost:${port}`, { ca })
  expect(refused.code).toBe(1)
  expect(refused.text).toMatch(/FAIL {2}send .*(client certificate|cut the connection|closed)/)
  expect(refused.text).toContain('--cert, --key')
  expect(await check(`syslog-tls://localhost:${port}`, { ca, cert: client.cert, key: client.key })).toMatchObject({
    code: 0,
  })
})

test.each<[string, (port: number) => [url: string, flags?: object], RegExp]>([
  ['no URL', () => ['nonsense:/x'], /FAIL {2}url {3}Invalid Scheme nonsense .*\n +-> use one of syslog:\/\//],
  ['no host', () => ['syslog://:514'], /FAIL {2}url {3}No hostname found/],
  [
    'a denied address',
    (port) => [`syslog://localhost:${port}`, { deny: '127.0.0.0/8' }],
    /FAIL {2}deny {2}127\.0\.0\.1 is in a range/,
  ],
  [
    'a closed port',
    () => ['syslog://127.0.0.1:1'],
    /FAIL {2}tcp {3}127\.0\.0\.1:1: connection refused.*\n +-> check the port/,
  ],
  [
    'plain text on a TLS port',
    (port) => [`syslog-tls://localhost:${port}`],
    /FAIL {2}tls .*does not speak TLS.*\n +-> the port is for plain text/,
  ],
  [
    'a CA file without a CA',
    (port) => [`https://localhost:${port}`, { ca: client.key }],
    /FAIL {2}certs .*failed to load root CA/,
  ],
])('%s ends the check with a sentence and an advice', async (_, make, expected) => {
  const port = await listening(
    createServer((socket) => void socket.write('220 plain text here, and nothing else at all\r\n')),
  )
  const { code, text } = await check(...make(port))
  expect(code).toBe(1)
  expect(text).toMatch(expected)
  expect(text).toContain('this drain does not work')
})

test('a certificate of an unknown CA fails, and passes with a warning when told to go on', async () => {
  const port = await https((_, response) => void response.end())
  const { code, text } = await check(`https://localhost:${port}`)
  expect(code).toBe(1)
  expect(text).toMatch(/FAIL {2}tls .*signed by "test CA", which we do not trust\n +-> bind the drain with the CA/)
  expect((await check(`https://localhost:${port}`, { insecure: true })).text).toContain('warn  tls ')
})

test('--json is for programs', async () => {
  const { code, text } = await check('syslog://u:SECRET@127.0.0.1:1?x=SECRET', { json: true })
  expect(code).toBe(1)
  const report = JSON.parse(text)
  expect(report).toMatchObject({ url: 'syslog://127.0.0.1:1', ok: false })
  expect(report.steps.at(-1)).toMatchObject({ step: 'tcp', verdict: 'FAIL' })
  expect(text).not.toContain('SECRET')
})

test.each<[object, RegExp]>([
  [{ timeout: '10' }, /--timeout takes a duration/],
  [{ cert: 'x' }, /--cert and --key go together/],
  [{ ca: '/nowhere' }, /--ca: ENOENT/],
  [{ deny: 'x' }, /invalid BlacklistRange: x/],
])('%j is a wrong command line', async (flags, message) => {
  const { code, text } = await check('syslog://127.0.0.1:1', flags)
  expect(code).toBe(2)
  expect(text).toMatch(message)
})
