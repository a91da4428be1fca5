import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { issue, newAuthority } from '../runtime/certs.ts'
import { ManualClock } from '../runtime/clock.ts'
import { type Log, newLog } from '../runtime/log.ts'
import { unary } from './grpc-types.ts'
import type { GrpcError } from './status.ts'
import { newPair, newVault, type Pair, until, type Vault } from './test-kit.ts'
import { cipherList, clientTls, serverTls, type TlsFiles } from './tls.ts'
import { loadTlsFiles } from './tls-files.ts'

const methods = { '/s/Who': unary((_message, call) => Buffer.from(call.origin.subject ?? '')) }
const DAY = 86_400_000
const running: Pair[] = []
let vault: Vault
let good: { ca: string; cert: string; key: string }

beforeAll(() => {
  vault = newVault()
  good = vault.files('good')
})

afterEach(async () => {
  for (const pair of running.splice(0)) await pair.stop()
})

async function pairOf(...args: Parameters<typeof newPair>): Promise<Pair> {
  const pair = await newPair(...args)
  running.push(pair)
  return pair
}

const ask = (pair: Pair): Promise<Buffer> => pair.client.unary('/s/Who', Buffer.alloc(1))
const failure = (promise: Promise<unknown>): Promise<GrpcError> =>
  promise.then(
    () => expect.unreachable('the call succeeded'),
    (error) => error,
  )

function recordingLog(): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { log: newLog({ level: 'debug', write: (line) => void lines.push(line.slice(20)) }), lines }
}

const expired = { notBefore: new Date(Date.now() - 10 * DAY), notAfter: new Date('2026-01-02T03:04:05Z') }

/** Files whose dates are not looked at when they are loaded: the agent refuses to start with such a pair. */
const unchecked = (files: TlsFiles) => ({ clock: new ManualClock(Date.parse('2026-01-01')), files })

describe('the client says plainly why it does not trust a server', () => {
  test('expired', async () => {
    const { clock, files } = unchecked(vault.files('old', { ...expired, notBefore: new Date('2025-12-01') }))
    const pair = await pairOf(
      { methods, tls: serverTls(files, { clock }) },
      { tls: clientTls(good), serverName: 'metron' },
    )
    const error = await failure(ask(pair))
    expect([error.code, error.unsent]).toEqual([14, true])
    expect(error.message).toBe(`certificate of 127.0.0.1:${pair.port} expired on 2026-01-02T03:04:05Z`)
  })

  test('another name', async () => {
    const files = vault.files('other', { names: ['a.example', 'b.example'], ips: [] })
    const pair = await pairOf({ methods, tls: serverTls(files) }, { tls: clientTls(good), serverName: 'metron' })
    expect((await failure(ask(pair))).message).toBe(
      `127.0.0.1:${pair.port} is not metron: its certificate is for names [a.example, b.example], not metron`,
    )
  })

  test('a common name alone', async () => {
    const named = vault.files('named', { names: [], ips: ['127.0.0.1'] })
    const unnamed = vault.files('unnamed', { names: [], ips: [] })
    for (const files of [named, unnamed]) {
      const pair = await pairOf({ methods, tls: serverTls(files) }, { tls: clientTls(good), serverName: 'metron' })
      const at = `127.0.0.1:${pair.port} is not metron: its certificate`
      const names = files === named ? 'is for names [127.0.0.1], not metron' : 'has no alternative names'
      expect((await failure(ask(pair))).message).toContain(`${at} ${names}`)
    }
  })

  test('another CA', async () => {
    const stranger = newAuthority({ commonName: 'stranger CA' })
    const pair = await pairOf(
      { methods, tls: serverTls(vault.files('stranger', {}, stranger)) },
      { tls: clientTls(good), serverName: 'metron' },
    )
    expect((await failure(ask(pair))).message).toBe(
      `certificate of 127.0.0.1:${pair.port} is signed by an unknown CA (issuer stranger CA): not one of our CA file`,
    )
  })

  test('unless it was told not to look', async () => {
    const stranger = newAuthority({ commonName: 'stranger CA' })
    const files = vault.files('any', { names: ['x'] }, stranger)
    const pair = await pairOf(
      { methods, tls: serverTls({ ...files, ca: good.ca }) },
      { tls: clientTls(good, { insecureSkipVerify: true }) },
    )
    expect((await ask(pair)).toString()).toBe('metron')
  })

  test('no TLS there, nobody there, not a gRPC server', async () => {
    const plain = await pairOf({ methods }, { tls: clientTls(good), serverName: 'metron' })
    expect((await failure(ask(plain))).message).toContain(`127.0.0.1:${plain.port}`)
    const gone = await pairOf({ methods })
    await gone.server.stop()
    expect((await failure(ask(gone))).message).toBe(`127.0.0.1:${gone.port}: connection refused: nobody listens there`)
  })

  test('an address is a name too', async () => {
    const pair = await pairOf({ methods, tls: serverTls(good) }, { tls: clientTls(good) })
    expect((await ask(pair)).toString()).toBe('metron')
  })
})

describe('the server says plainly why it refused a client', () => {
  test.each([1.2, 1.3])('no certificate, expired, wrong CA under TLS %f', async (version) => {
    const { log, lines } = recordingLog()
    const stranger = newAuthority({ commonName: 'stranger CA' })
    const maxVersion = String(version) as '1.2' | '1.3'
    const pair = await pairOf({ methods, log, tls: serverTls(good, { maxVersion }) })
    const old = unchecked(vault.files('old-client', { ...expired, notBefore: new Date('2025-12-01') }))
    const cases: [TlsFiles, string, RegExp][] = [
      [{ ca: good.ca }, 'no_certificate', /requires a client certificate|refused our client certificate|refused us/],
      [old.files, 'expired', /may have refused our client certificate/],
      [vault.files('stranger-client', {}, stranger), 'unknown_ca', /may have refused our client certificate/],
    ]
    for (const [files, reason, told] of cases) {
      const clock = new ManualClock(reason === 'expired' ? Date.parse('2026-01-01') : Date.now())
      const caller = await newPair(
        { methods },
        { address: `127.0.0.1:${pair.port}`, tls: clientTls(files, { clock }), serverName: 'metron' },
      )
      const error = await failure(ask(caller))
      expect(error.message).toMatch(told)
      await until(() => pair.server.stats.handshakesFailed[reason as 'expired'] === 1)
      await caller.stop()
    }
    expect(lines.map((line) => line.replace(/127\.0\.0\.1:\d+/, 'PEER').trim())).toEqual([
      'warn: TLS handshake with PEER failed: it sent no certificate, and one is required',
      'warn: TLS handshake with PEER failed: its certificate has expired',
      'warn: TLS handshake with PEER failed: its certificate is not signed by a CA of our CA file',
    ])
  })

  test('a client without ALPN h2', async () => {
    const pair = await pairOf({ methods, tls: serverTls(good) })
    const own = loadTlsFiles(good, Date.now())
    const socket = connectTls({
      port: pair.port,
      host: '127.0.0.1',
      cert: own.cert!,
      key: own.key!,
      rejectUnauthorized: false,
    })
    socket.on('error', () => {})
    await until(() => pair.server.stats.handshakesFailed.no_alpn === 1)
    await until(() => pair.server.stats.connectionsOpen === 0)
  })

  test('a series of failures is one line, then a count a minute later', async () => {
    const { log, lines } = recordingLog()
    const clock = new ManualClock(Date.now())
    const pair = await pairOf({ methods, log, clock, tls: serverTls(good) })
    for (let i = 1; i <= 3; i++) {
      const socket = connectTls({
        port: pair.port,
        host: '127.0.0.1',
        rejectUnauthorized: false,
        ALPNProtocols: ['h2'],
      })
      socket.on('error', () => {})
      await until(() => pair.server.stats.handshakesFailed.no_certificate === i)
    }
    expect(lines).toHaveLength(1)
    clock.advance(60_000)
    expect(lines).toHaveLength(2)
    expect(lines[1]).toContain('(2 more like this in the last minute)')
  })
})

describe('certificates that change while running', () => {
  test('new connections use the new pair, running calls go on', async () => {
    const { log, lines } = recordingLog()
    const clock = new ManualClock(Date.now())
    const files = vault.files('rotating', { commonName: 'first', names: ['metron'] })
    const tls = serverTls(files, { clock, log })
    const pair = await pairOf({ methods, tls }, { tls: clientTls(good), serverName: 'metron' })
    const before = await servedName(pair.port)
    vault.files('rotating', { commonName: 'second', names: ['metron'] })
    clock.advance(10_000)
    expect([before, await servedName(pair.port)]).toEqual(['first', 'second'])
    writeFileSync(files.key, 'rubbish')
    clock.advance(10_000)
    clock.advance(10_000)
    expect(await servedName(pair.port)).toBe('second')
    expect(lines.filter((line) => line.includes('new TLS files are not usable'))).toHaveLength(1)
    rmSync(files.key)
    clock.advance(10_000)
    expect(await servedName(pair.port)).toBe('second')
    expect((await ask(pair)).toString()).toBe('metron')
  })

  test('files that cannot even be looked at for a while stop nothing', async () => {
    const { log, lines } = recordingLog()
    const clock = new ManualClock(Date.now())
    const files = vault.files('lost', { commonName: 'first', names: ['metron'] })
    const tls = serverTls(files, { clock, log })
    const pair = await pairOf({ methods, tls }, { tls: clientTls(good), serverName: 'metron' })
    rmSync(files.cert)
    symlinkSync(files.cert, files.cert)
    clock.advance(10_000)
    expect(lines.filter((line) => line.includes('new TLS files are not usable'))).toHaveLength(1)
    expect(await servedName(pair.port)).toBe('first')
    rmSync(files.cert)
    vault.files('lost', { commonName: 'second', names: ['metron'] })
    clock.advance(10_000)
    expect(await servedName(pair.port)).toBe('second')
  })

  test('the client dials with the new pair', async () => {
    const clock = new ManualClock(Date.now())
    const files = vault.files('rotating-client', { commonName: 'first' })
    const tls = clientTls(files, { clock })
    const pair = await pairOf({ methods, tls: serverTls(good) }, { tls, serverName: 'metron' })
    expect((await ask(pair)).toString()).toBe('first')
    vault.files('rotating-client', { commonName: 'second' })
    clock.advance(10_000)
    const again = await newPair({ methods }, { address: `127.0.0.1:${pair.port}`, tls, serverName: 'metron' })
    expect((await ask(again)).toString()).toBe('second')
    await again.stop()
  })

  async function servedName(port: number): Promise<string> {
    const own = loadTlsFiles(good, Date.now())
    const options = {
      port,
      host: '127.0.0.1',
      cert: own.cert!,
      key: own.key!,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    }
    return new Promise((resolve, reject) => {
      const socket = connectTls(options, () => {
        resolve(String(socket.getPeerCertificate().subject.CN))
        socket.destroy()
      })
      socket.on('error', reject)
    })
  }
})

describe('keys of 1024 bits', () => {
  test('our own work, with a warning', async () => {
    const { log, lines } = recordingLog()
    const weak = vault.files('weak', { bits: 1024 })
    const pair = await pairOf(
      { methods, tls: serverTls(weak, { log }) },
      { tls: clientTls(weak, { log }), serverName: 'metron' },
    )
    expect((await ask(pair)).toString()).toBe('metron')
    expect(lines.filter((line) => line.includes('since it is our own'))).toHaveLength(2)
    expect(lines[0]).toMatch(/the key of .*weak\.cert\.pem is shorter than 2048 bits: accepted, since it is our own;/)
  })

  test('also without a CA file', async () => {
    const { log, lines } = recordingLog()
    const { cert, key } = vault.files('weak-alone', { bits: 1024 })
    serverTls({ cert, key }, { log })
    expect(lines).toHaveLength(1)
  })

  test('a peer that has one from a CA of ours is accepted from the first handshake on, in both roles, and named once', async () => {
    const weak = vault.files('weak-peer', { bits: 1024 })
    const { log, lines } = recordingLog()
    const client = clientTls(good, { log })
    const strongClient = await pairOf({ methods, tls: serverTls(weak) }, { tls: client, serverName: 'metron' })
    expect((await ask(strongClient)).toString()).toBe('metron')
    const server = serverTls(good, { log })
    for (let i = 0; i < 2; i++) {
      const strongServer = await pairOf({ methods, tls: server }, { tls: clientTls(weak), serverName: 'metron' })
      expect((await ask(strongServer)).toString()).toBe('metron')
    }
    expect(lines).toHaveLength(2)
    for (const line of lines)
      expect(line).toMatch(/certificate of 127\.0\.0\.1:\d+ is shorter than 2048 bits: accepted, since a CA of ours/)
  })

  test('a stranger who has one stays out, under whatever name, and changes nothing', async () => {
    const { log, lines } = recordingLog()
    const tls = serverTls(good, { log })
    const before = JSON.stringify(tls.options())
    // It calls its CA as ours is called: then OpenSSL judges the length of the key before it judges the signature.
    const impostor = newAuthority({ commonName: 'test CA' })
    const backoff = { baseMs: 1 }
    for (const signer of [impostor, newAuthority({ commonName: 'stranger CA' })]) {
      const files = vault.files('stranger', { bits: 1024 }, signer)
      const pair = await pairOf({ methods, tls, log }, { tls: clientTls(files), serverName: 'metron', backoff })
      for (let i = 0; i < 3; i++) expect((await failure(ask(pair))).code).toBe(14)
      const { handshakesFailed } = pair.server.stats
      expect([handshakesFailed.weak_key, handshakesFailed.unknown_ca > 0]).toEqual([0, true])
    }
    expect(JSON.stringify(tls.options())).toBe(before)
    expect(lines.join()).not.toContain('accepted')
  })

  test('a key below 1024 bits is never accepted, not even from a CA of ours', async () => {
    const tiny = loadTlsFiles(vault.files('tiny', { bits: 768 }), Date.now())
    const { server, port } = await pairOf({ methods, tls: serverTls(good) }, { tls: clientTls(good) })
    const options = { host: '127.0.0.1', port, cert: tiny.cert!, key: tiny.key!, rejectUnauthorized: false }
    for (let i = 0; i < 2; i++) {
      const socket = connectTls({ ...options, ALPNProtocols: ['h2'], ciphers: 'DEFAULT@SECLEVEL=0' })
      socket.on('error', () => {})
      await until(() => server.stats.handshakesFailed.weak_key === i + 1)
      socket.destroy()
    }
  })

  test('where the authorities of the system count too, 2048 bits are the least', async () => {
    const weak = vault.files('weak-public', { bits: 1024 })
    const pair = await pairOf(
      { methods, tls: serverTls(weak) },
      { tls: clientTls(good, { systemAuthorities: true }), serverName: 'metron', backoff: { baseMs: 1 } },
    )
    for (let i = 0; i < 2; i++)
      expect((await failure(ask(pair))).message).toMatch(/is not accepted: a key of 1024 bits is too short/)
  })
})

describe('files are refused in the original wording', () => {
  const write = (name: string, text: string) => {
    const path = `${vault.dir}/${name}`
    writeFileSync(path, text)
    return path
  }
  test.each<[string, () => TlsFiles, RegExp]>([
    ['no CA file', () => ({ ca: '/nowhere/ca.pem' }), /^failed to read certificate\(s\) at path "\/nowhere\/ca.pem": /],
    ['an empty CA file', () => ({ ca: write('empty', '\n') }), /^no valid certificates read from file ".*\/empty"$/],
    [
      'a key in the CA file',
      () => ({ ca: write('key', vault.authority.key) }),
      /^unexpected PEM block type "PRIVATE KEY" in file/,
    ],
    [
      'headers in the CA file',
      () => ({ ca: write('headers', vault.authority.cert.replace('\n', '\nProc-Type: 4\n\n')) }),
      /^unexpected headers in PEM block in file/,
    ],
    ['no key file', () => ({ cert: good.cert, key: '/nowhere/key.pem' }), /^failed to load keypair: /],
    ['a certificate alone', () => ({ cert: good.cert }), /^failed to load keypair: a certificate needs its key/],
    ['an expired certificate', () => vault.files('e', expired), /^failed to load keypair: certificate has expired: /],
    [
      'a certificate of tomorrow',
      () => vault.files('t', { notBefore: new Date(Date.now() + DAY) }),
      /^failed to load keypair: certificate is not yet valid: /,
    ],
    [
      'a key of another certificate',
      () => ({ ...good, key: vault.files('m').key }),
      /^failed to load keypair: private key does not match/,
    ],
  ])('%s', (_name, files, message) => expect(() => clientTls(files())).toThrow(message))

  test('a chain of authorities is read whole', () => {
    const two = vault.authority.cert + newAuthority({ commonName: 'second' }).cert
    expect(loadTlsFiles({ ca: write('two', two) }, Date.now()).ca).toHaveLength(2)
  })
})

test('only the suites of the profile are accepted by name', () => {
  const both = ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384']
  expect(cipherList(undefined)).toBe('ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256')
  expect(cipherList(['NONSENSE', both[0]!])).toBe('ECDHE-RSA-AES128-GCM-SHA256')
  expect(() => cipherList(['TLS_AES_128_GCM_SHA256'])).toThrow('no valid ciphers provided for TLS configuration')
})

test('TLS 1.2 alone with one suite is what is spoken', async () => {
  const suite = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'
  const pair = await pairOf({ methods, tls: serverTls(good, { maxVersion: '1.2', cipherSuites: [suite] }) })
  const own = loadTlsFiles(good, Date.now())
  const spoken = await new Promise((resolve, reject) => {
    const options = {
      port: pair.port,
      host: '127.0.0.1',
      cert: own.cert!,
      key: own.key!,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    }
    const socket = connectTls(options, () => {
      resolve([socket.getProtocol(), socket.getCipher().standardName])
      socket.destroy()
    })
    socket.on('error', reject)
  })
  expect(spoken).toEqual(['TLSv1.2', suite])
})

test('an elliptic key works where TLS 1.3 is spoken', async () => {
  const ec = issue(vault.authority, { commonName: 'metron', names: ['metron'], keyType: 'ec' })
  const files = { ca: good.ca, cert: `${vault.dir}/ec.cert`, key: `${vault.dir}/ec.key` }
  writeFileSync(files.cert, ec.cert)
  writeFileSync(files.key, ec.key)
  const pair = await pairOf({ methods, tls: serverTls(files) }, { tls: clientTls(files), serverName: 'metron' })
  expect((await ask(pair)).toString()).toBe('metron')
})

test('certificates may stand inline as PEM', async () => {
  const vault = newVault()
  const files = vault.files('inline')
  const read = (path: string) => readFileSync(path, 'utf8')
  const inline = { ca: read(files.ca), cert: read(files.cert), key: read(files.key) }
  const pair = await newPair(
    { methods: { '/t/echo': unary((message) => Buffer.from(message)) }, tls: serverTls({ inline }) },
    { tls: clientTls({ inline }), serverName: 'metron' },
  )
  expect((await pair.client.unary('/t/echo', Buffer.from('hi'))).toString()).toBe('hi')
  await pair.stop()
})
