import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { freePort } from '../../test/support/free-port.ts'
import { issue, type KeyPair, newAuthority } from '../runtime/certs.ts'
import { ManualClock } from '../runtime/clock.ts'
import { fakeDns } from './fake-dns.fixture.ts'
import { newResolver, type Resolver } from './resolver.ts'
import { type DialError, dialTcp, type TcpDialOptions } from './tcp-dial.ts'
import { newTlsContexts, type TlsContextsOptions, type TrustOptions } from './tls-contexts.ts'

const authority = newAuthority({ commonName: 'tenant CA' })
const other = newAuthority({ commonName: 'another CA' })
const good = issue(authority, { commonName: 'drain.test', names: ['drain.test'] })
const client = issue(authority, { commonName: 'client' })

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

const tlsServer = (pair: KeyPair, options: TlsOptions = {}) =>
  listening(
    createTlsServer({ ...pair, ...options }, (socket) => {
      socket.on('error', () => {})
      socket.write('hello')
    }),
  )

const fixed = (...ips: string[]): Resolver => ({ resolve: () => Promise.resolve(ips) })
const trusts = (use: Partial<TrustOptions> = {}, options: TlsContextsOptions = {}) =>
  newTlsContexts({ system: () => [], ...options }).trust({ ca: '', cert: '', key: '', profile: 'external', ...use })

async function dialled(options: Partial<TcpDialOptions>): Promise<Socket> {
  const socket = await dialTcp({
    host: 'drain.test',
    port: 1,
    resolver: fixed('127.0.0.1'),
    timeoutMs: 3000,
    ...options,
  })
  closers.push(() => socket.destroy())
  return socket
}

const failure = (options: Partial<TcpDialOptions>): Promise<DialError> =>
  dialled(options).then(
    () => expect.fail('connected'),
    (error: DialError) => error,
  )

describe('TCP', () => {
  test('connects to the first address that answers', async () => {
    const port = await listening(createServer())
    const socket = await dialled({ port, resolver: fixed('127.0.0.3', '127.0.0.1') })
    expect(socket.remotePort).toBe(port)
  })

  test('says that nobody listens', async () => {
    const port = await freePort()
    const error = await failure({ port })
    expect(error).toMatchObject({ step: 'tcp', code: 'refused' })
    expect(error.message).toBe(`127.0.0.1:${port}: connection refused: nobody listens there`)
  })

  test('a name without addresses ends with the sentence of the resolver', async () => {
    const dns = await fakeDns(() => 3)
    closers.push(dns.close)
    const resolver = newResolver({ servers: [dns.server], resolvFile: '/nowhere', hostsFile: '/nowhere' })
    expect(await failure({ resolver })).toMatchObject({
      step: 'dns',
      code: 'no_such_name',
      message: 'the name drain.test does not resolve',
    })
  })

  test('gives up when asked to', async () => {
    const port = await listening(createServer())
    expect(await failure({ port, signal: AbortSignal.abort() })).toMatchObject({ step: 'tcp', code: 'aborted' })
  })
})

describe('denied addresses', () => {
  const allows = (ip: string) => ip !== '127.0.0.1' && ip !== '::1'

  test('one denied address of several ends the attempt before anything is dialled', async () => {
    let connections = 0
    const port = await listening(createServer(() => connections++))
    const error = await failure({ port, resolver: fixed('127.0.0.2', '127.0.0.1'), allows })
    expect(error).toMatchObject({ step: 'denied', code: 'denied' })
    expect(error.message).toBe('drain.test is 127.0.0.1, which is in a range that drains may not reach')
    expect(connections).toBe(0)
  })

  test('a name that turns to a denied address after it was checked is not reached', async () => {
    let lookUps = 0
    const dns = await fakeDns((_, type) => (type === 'AAAA' ? [] : ++lookUps === 1 ? ['127.0.0.2'] : ['127.0.0.1']))
    closers.push(dns.close)
    const resolver = newResolver({ servers: [dns.server], resolvFile: '/nowhere', hostsFile: '/nowhere' })
    let connections = 0
    const server = createServer(() => connections++)
    const port = await listening(server)
    expect((await resolver.resolve('drain.test')).every(allows)).toBe(true)
    expect(await failure({ port, resolver, allows })).toMatchObject({ step: 'denied' })
    expect(connections).toBe(0)
  })
})

describe('TLS', () => {
  test('the own authority of the drain is trusted, for that drain alone', async () => {
    const port = await tlsServer(good)
    const contexts = newTlsContexts({ system: () => [] })
    const none = { cert: '', key: '', profile: 'external' } as const
    const mine = contexts.trust({ ca: authority.cert, ...none })
    const theirs = contexts.trust({ ca: '', ...none })
    await dialled({ port, tls: { trust: mine } })
    expect(await failure({ port, tls: { trust: theirs } })).toMatchObject({ step: 'tls', code: 'unknown_ca' })
    await dialled({ port, tls: { trust: contexts.trust({ ca: authority.cert, ...none }) } })
    // Its own, the roots, and once the platform's, of which there are none here.
    expect(contexts.cached).toBe(3)
  })

  test('platform authorities are tried after the own one, and remembered', async () => {
    const port = await tlsServer(good)
    const trust = trusts({ ca: other.cert }, { trustedCa: authority.cert })
    await dialled({ port, tls: { trust } })
    expect(trust.first).toBe(2)
    await dialled({ port, tls: { trust } })
    await dialled({ port, tls: { trust: trusts({}, { system: () => [authority.cert] }) } })
  })

  test("a server's own certificate can be what is trusted", async () => {
    const port = await tlsServer(good)
    await dialled({ port, tls: { trust: trusts({ ca: good.cert }) } })
  })

  // Made by: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=drain.test
  const selfSigned = {
    cert: `-----BEGIN CERTIFICATE-----
MIIBmDCCAT6gAwIBAgIUGms0OU5G/G/CVxmPiS7Y0B6SO6wwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKZHJhaW4udGVzdDAgFw0yNjExMjEwNTQ3NDNaGA8yMTI2MTAy
ODA1NDc0M1owFTETMBEGA1UEAwwKZHJhaW4udGVzdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABOOEmmpq4aJ6KwhJgDjmKhf49jGhP9znptJCoBeEkCXL7/r4MtfE
pF1PgKp141efiL+Em1/i7lDseODwBeSX7jejajBoMB0GA1UdDgQWBBThAkLS83kM
+DoP4pzk/pazWhy7FTAfBgNVHSMEGDAWgBThAkLS83kM+DoP4pzk/pazWhy7FTAP
BgNVHRMBAf8EBTADAQH/MBUGA1UdEQQOMAyCCmRyYWluLnRlc3QwCgYIKoZIzj0E
AwIDSAAwRQIgVzoSY5wArLV9kVR8LcQk7Mb1tt8w3P8fxnYuBHgnV6UCIQDITf0W
dDGlfPYrgbBEWm7G3PYNojBh2eGU7QrjEaUeuw==
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg71kK3Ta4v9sQj5RV
o4fUF51ncKBnYCU3ZM4Rg4I/QoehRANCAATjhJpqauGieisISYA45ioX+PYxoT/c
56bSQqAXhJAly+/6+DLXxKRdT4CqdeNXn4i/hJtf4u5Q7Hjg8AXkl+43
-----END PRIVATE KEY-----
`,
  }
  const expired = issue(authority, {
    commonName: 'drain.test',
    names: ['drain.test'],
    notBefore: new Date('2020-01-01'),
    notAfter: new Date('2020-02-01'),
  })
  test.each<[string, KeyPair, string, string]>([
    ['expired', expired, 'expired', 'the certificate of drain.test expired on 2020-02-01T00:00:00Z'],
    [
      'for another name',
      issue(authority, { commonName: 'x', names: ['other.test', 'www.other.test'] }),
      'wrong_name',
      'the certificate is for [other.test, www.other.test], not for drain.test',
    ],
    [
      'without alternative names',
      issue(authority, { commonName: 'drain.test' }),
      'wrong_name',
      'the certificate of drain.test has no alternative names, and its common name does not count',
    ],
    [
      'of another authority',
      issue(other, { commonName: 'drain.test', names: ['drain.test'] }),
      'unknown_ca',
      'the certificate of drain.test is signed by "another CA", which we do not trust',
    ],
    ['self-signed', selfSigned, 'unknown_ca', 'the certificate of drain.test is self-signed and not one that we trust'],
  ])('refuses a certificate that is %s', async (_, pair, code, message) => {
    const port = await tlsServer(pair)
    expect(await failure({ port, tls: { trust: trusts({ ca: authority.cert }) } })).toMatchObject({
      step: 'tls',
      code,
      message,
    })
    const anyone = trusts({ ca: authority.cert }, { insecureSkipVerify: true })
    await dialled({ port, tls: { trust: anyone } })
  })

  const ecPair = issue(authority, { commonName: 'drain.test', names: ['drain.test'], keyType: 'ec' })
  test('EC keys are for the external profile; under TLS 1.2 the internal one has no suite for them', async () => {
    const port = await tlsServer(ecPair, { maxVersion: 'TLSv1.2' })
    await dialled({ port, tls: { trust: trusts({ ca: authority.cert }) } })
    const internal = trusts({ ca: authority.cert, profile: 'internal' })
    expect(await failure({ port, tls: { trust: internal } })).toMatchObject({ step: 'tls', code: 'cipher' })
    await dialled({ port: await tlsServer(ecPair), tls: { trust: internal } })
  })

  test('TLS 1.1 is too old', async () => {
    const old: TlsOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
    const port = await tlsServer(good, old)
    expect(await failure({ port, tls: { trust: trusts({ ca: authority.cert }) } })).toMatchObject({
      step: 'tls',
      code: 'version',
    })
  })

  test('a list of suites means TLS 1.2, but not for internal drains', async () => {
    const port = await tlsServer(good, { minVersion: 'TLSv1.3' })
    const cipherSuites = ['ECDHE-RSA-AES128-GCM-SHA256']
    const external = trusts({ ca: authority.cert }, { cipherSuites })
    expect(await failure({ port, tls: { trust: external } })).toMatchObject({ step: 'tls', code: 'version' })
    await dialled({ port, tls: { trust: trusts({ ca: authority.cert, profile: 'internal' }, { cipherSuites }) } })
    await dialled({ port: await tlsServer(good), tls: { trust: external } })
  })

  test('a short key is no obstacle under a named authority; the system has stricter rules', async () => {
    const short = newAuthority({ commonName: 'short CA', bits: 1024 })
    const pair = issue(short, { commonName: 'drain.test', names: ['drain.test'], bits: 1024 })
    const port = await tlsServer(pair, { ciphers: 'DEFAULT@SECLEVEL=1' })
    await dialled({ port, tls: { trust: trusts({ ca: short.cert, ...pair }) } })
    await dialled({ port, tls: { trust: trusts({}, { trustedCa: short.cert }) } })
    const error = await failure({ port, tls: { trust: trusts({}, { system: () => [short.cert] }) } })
    expect(error).toMatchObject({ step: 'tls', code: 'weak' })
    expect(() => trusts(pair)).not.toThrow()
  })

  test('shows the client certificate when there are both parts of it', async () => {
    const port = await tlsServer(good, { ca: authority.cert, requestCert: true, rejectUnauthorized: true })
    const socket = await dialled({ port, tls: { trust: trusts({ ca: authority.cert, ...client }) } })
    await once(socket, 'data')
    // TLS 1.3 tells only after the handshake; 1.2 in it.
    const old = await tlsServer(good, {
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
      maxVersion: 'TLSv1.2',
    })
    const error = await failure({ port: old, tls: { trust: trusts({ ca: authority.cert, cert: client.cert }) } })
    expect(error).toMatchObject({ step: 'tls' })
    expect(['cipher', 'client_certificate', 'closed']).toContain(error.code)
  })

  test('a server that wants a client certificate is waited for, where it would never answer', async () => {
    const port = await tlsServer(good, { ca: authority.cert, requestCert: true, rejectUnauthorized: true })
    const without = { trust: trusts({ ca: authority.cert }), awaitsVerdict: true }
    expect(await failure({ port, tls: without })).toMatchObject({
      step: 'tls',
      code: 'client_certificate',
      message: `127.0.0.1:${port}: the peer requires a client certificate`,
    })
    // No time passes: the session ticket came.
    const socket = await dialled({
      port,
      clock: new ManualClock(Date.now()),
      tls: { trust: trusts({ ca: authority.cert, ...client }), awaitsVerdict: true },
    })
    expect((await once(socket, 'data'))[0].toString()).toBe('hello')
    // TLS 1.2 has nothing to wait for.
    const old = await tlsServer(good, { maxVersion: 'TLSv1.2' })
    await dialled({ port: old, tls: { trust: trusts({ ca: authority.cert }), awaitsVerdict: true } })
  })

  test('plain text on the port is called so', async () => {
    const port = await listening(createServer((socket) => void socket.write('220 welcome to plain text, stranger\r\n')))
    expect(await failure({ port, tls: { trust: trusts() } })).toMatchObject({
      step: 'tls',
      code: 'not_tls',
      message: `127.0.0.1:${port}: the peer does not speak TLS on this port`,
    })
  })

  test('a peer that accepts and never answers costs the timeout, and no more', async () => {
    const port = await listening(createServer())
    const error = await failure({ port, tls: { trust: trusts() }, timeoutMs: 200 })
    expect(error).toMatchObject({ step: 'tls', code: 'timeout' })
    expect(error.message).toBe(
      `drain.test:${port} accepted the connection, but did not finish the TLS handshake within 200 ms`,
    )
  })

  test('a peer that hangs up is told apart', async () => {
    const port = await listening(createServer((socket) => void socket.destroy()))
    expect(await failure({ port, tls: { trust: trusts() } })).toMatchObject({ step: 'tls', code: 'closed' })
  })

  test.each(['münchen.test', 'MÜNCHEN.test.'])('%s is looked for in its ASCII form', async (host) => {
    const names: string[] = []
    const pair = issue(authority, { commonName: 'x', names: ['xn--mnchen-3ya.test'] })
    const SNICallback: TlsOptions['SNICallback'] = (name, done) => {
      names.push(name)
      done(null)
    }
    const port = await tlsServer(pair, { SNICallback })
    await dialled({ host, port, tls: { trust: trusts({ ca: authority.cert }) } })
    expect(names).toEqual(['xn--mnchen-3ya.test'])
  })

  test('many at once all get their turn', async () => {
    const port = await tlsServer(good)
    const trust = trusts({ ca: authority.cert })
    const sockets = await Promise.all(Array.from({ length: 40 }, () => dialled({ port, tls: { trust } })))
    expect(sockets.every((socket) => !socket.destroyed)).toBe(true)
  })
})

describe('contexts', () => {
  test('what cannot be used is said when it is asked for', () => {
    expect(() => trusts({ cert: good.cert, key: client.key })).toThrow(/key values mismatch/)
    expect(() => trusts({ ca: 'nothing' })).toThrow('failed to load root CA')
    expect(() => newTlsContexts({ trustedCa: 'nothing' })).toThrow('no certificate in it')
  })

  test('names of suites are those of the original, in both spellings', () => {
    expect(() => newTlsContexts({ cipherSuites: ['AES128-GCM-SHA256', 'TLS_RSA_WITH_RC4_128_SHA'] })).not.toThrow()
    expect(() => newTlsContexts({ cipherSuites: ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305'] })).not.toThrow()
    expect(() => newTlsContexts({ cipherSuites: ['FAST'] })).toThrow(
      /^invalid cipher string configuration: FAST, please choose from \[AES128-SHA256 /,
    )
    expect(() => newTlsContexts({ cipherSuites: ['TLS_RSA_WITH_RC4_128_SHA'] })).toThrow('is built in any more')
  })

  test('the cache has a bound', () => {
    const contexts = newTlsContexts({ maxCached: 1, system: () => [] })
    for (const ca of [authority.cert, other.cert]) contexts.trust({ ca, cert: '', key: '', profile: 'external' })
    expect(contexts.cached).toBe(1)
  })
})
