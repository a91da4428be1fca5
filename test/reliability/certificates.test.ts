import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { frameMessage } from '../../src/net/frames.ts'
import { type ClientStream, newGrpcClient } from '../../src/net/grpc-client.ts'
import { newGrpcServer } from '../../src/net/grpc-server.ts'
import { clientStream } from '../../src/net/grpc-types.ts'
import { type ClientTls, clientTls, type ServerTls, serverTls } from '../../src/net/tls.ts'
import { type IssueOptions, issue, newAuthority } from '../../src/runtime/certs.ts'
import { newLog, silentLog } from '../../src/runtime/log.ts'
import { certificate, certificateFolder, clientTlsOf, serverTlsOf } from '../support/certificates.ts'
import { ingressClient, log } from '../support/client.ts'
import { encodeEnvelopeBatch } from '../support/decode.ts'
import { forwarderEnv } from '../support/environments.ts'
import { newFolder } from '../support/folder.ts'
import { startRole, until } from '../support/role.ts'
import { ingressPaths, startIngressSink } from '../support/sinks.ts'

const authority = () => {
  const folder = certificateFolder()
  return { cert: readFileSync(`${folder}/ca.crt`, 'utf8'), key: readFileSync(`${folder}/ca.key`, 'utf8') }
}

/** One call with this certificate; the code it fails with, or 'ok'. */
async function tryWith(address: string, pair: { cert: string; key: string }): Promise<number | 'ok'> {
  const { ca } = certificate('client')
  const files = newFolder({ 'own.crt': pair.cert, 'own.key': pair.key })
  const tls = clientTls({ ca, cert: `${files}/own.crt`, key: `${files}/own.key` }, { reloadMs: 0 })
  const client = newGrpcClient({ address, tls, serverName: 'metron', log: silentLog })
  try {
    await client.unary(ingressPaths.send, encodeEnvelopeBatch([log('x')]), { timeoutMs: 60_000 })
    return 'ok'
  } catch (error) {
    return (error as { code: number }).code
  } finally {
    await client.close()
  }
}

test('M4: strangers are turned away, any name from the right authority is let in', async () => {
  const sink = await startIngressSink()
  const role = await startRole('forwarder-agent', forwarderEnv([{ port: sink.port }]))
  const address = await role.grpc()
  expect(await tryWith(address, issue(authority(), { commonName: 'whoever' }))).toBe('ok')
  expect(await tryWith(address, issue(newAuthority({ commonName: 'another CA' }), { commonName: 'metron' }))).toBe(14)
  await role.line(/TLS handshake with 127\.0\.0\.1:?\d* failed: /)
  expect(await tryWith(address, issue(authority(), { commonName: 'still works' }))).toBe('ok')
  await sink.until('two envelopes', () => sink.count() === 2)
})

test('a certificate that is replaced while running serves new connections, and open streams live on', async () => {
  const day = 86_400_000
  const options: IssueOptions = { commonName: 'metron', names: ['metron', 'localhost'], ips: ['127.0.0.1'] }
  const folder = newFolder()
  const install = (pair: { cert: string; key: string }) => {
    writeFileSync(`${folder}/metron.key`, pair.key)
    writeFileSync(`${folder}/metron.crt`, pair.cert)
  }
  copyFileSync(certificate('metron').ca, `${folder}/ca.crt`)
  install(issue(authority(), { ...options, notAfter: new Date(Date.now() + day) }))
  const sink = await startIngressSink()
  const env = {
    ...forwarderEnv([{ port: sink.port }]),
    AGENT_CA_FILE_PATH: `${folder}/ca.crt`,
    AGENT_CERT_FILE_PATH: `${folder}/metron.crt`,
    AGENT_KEY_FILE_PATH: `${folder}/metron.key`,
  }
  const reload = ['--set', 'receivers.loggregator.tls.reload_interval=50ms']
  const role = await startRole('forwarder-agent', env, { args: reload })
  const address = await role.grpc()
  const early = ingressClient(address)
  const stream = early.stream()
  await early.write(stream, [log('before')])
  // A pair that does not fit changes nothing.
  writeFileSync(`${folder}/metron.crt`, issue(authority(), options).cert)
  await early.write(stream, [log('meanwhile')])
  expect(await tryWith(address, issue(authority(), { commonName: 'client' }))).toBe('ok')
  install(issue(authority(), { ...options, commonName: 'metron renewed' }))
  await expect.poll(() => subjectOf(address)).toBe('metron renewed')
  await early.write(stream, [log('after')])
  expect(await stream.end()).toBeUndefined()
  await sink.until('all', () => sink.count() === 4)
})

test('a certificate that expires in use: streams live on, handshakes fail by file and date, new files heal', async () => {
  const validUntil = new Date(Math.floor(Date.now() / 1000) * 1000 + 5000)
  const folder = newFolder()
  const short = { ca: certificate('metron').ca, cert: `${folder}/own.crt`, key: `${folder}/own.key` }
  const install = (notAfter: Date) => {
    const names = { commonName: 'metron', names: ['metron'], ips: ['127.0.0.1'], keyType: 'ec' } as const
    const pair = issue(authority(), { ...names, notAfter })
    writeFileSync(short.key, pair.key)
    writeFileSync(short.cert, pair.cert)
  }
  install(validUntil)
  const lines: string[] = []
  const log = newLog({ write: (line) => void lines.push(line) })
  const tls = { reloadMs: 20, log }
  const serve = async (own: ServerTls) => {
    let messages = 0
    const handler = clientStream(() => ({ message: () => void messages++ }))
    const endpoint = { host: '127.0.0.1', port: 0 }
    const server = newGrpcServer({ endpoint, tls: own, methods: { [ingressPaths.batchSender]: handler }, log })
    const { port } = await server.start()
    onTestFinished(() => server.stop(AbortSignal.abort()))
    return { address: `127.0.0.1:${port}`, received: () => messages }
  }
  const call = (address: string, own: ClientTls) => {
    const client = newGrpcClient({ address, tls: own, serverName: 'metron', backoff: { baseMs: 20 }, log: silentLog })
    onTestFinished(() => client.close())
    return client.clientStream(ingressPaths.batchSender)
  }
  const write = (stream: ClientStream) =>
    new Promise<string>((resolve) => stream.write(frameMessage(Buffer.alloc(1)), (e) => resolve(e ? e.message : 'ok')))
  const good = { client: clientTlsOf(certificate('client')), server: serverTlsOf(certificate('metron')) }
  const expiring = { client: clientTls(short, tls), server: serverTls(short, tls) }
  // Each end has its turn with the certificate that expires.
  const ends = [
    { peer: await serve(expiring.server), own: good.client },
    { peer: await serve(good.server), own: expiring.client },
  ]
  const live = ends.map(({ peer, own }) => call(peer.address, own))
  for (const stream of live) expect(await write(stream)).toBe('ok')

  await until('the certificate has expired', () => Date.now() > validUntil.getTime())
  const named = `certificate has expired: ${short.cert} was valid until ${validUntil.toISOString()}`
  const saidSo = () => lines.filter((line) => line.includes(named)).length
  await until('the server says so', () => saidSo() > 0)
  const errors = await Promise.all(ends.map(({ peer, own }) => write(call(peer.address, own))))
  const date = validUntil.toISOString().replace('.000', '')
  expect(errors[0]).toBe(`certificate of ${ends[0]!.peer.address} expired on ${date}`)
  expect(errors[1]).toMatch(/refused our client certificate/)
  await until('the client has said it, too', () => saidSo() > 1)
  await until('the server tells why', () => lines.some((line) => line.includes('failed: its certificate has expired')))
  for (const stream of live) expect(await write(stream)).toBe('ok')
  expect(saidSo(), 'once each').toBe(2)

  install(new Date(Date.now() + 86_400_000))
  await until('the server has read them', () => lines.some((line) => line.includes('TLS files reloaded')))
  for (const { peer, own } of ends) {
    await until('a new connection', async () => (await write(call(peer.address, own))) === 'ok')
    await until('both messages and this one', () => peer.received() >= 3)
  }
  for (const stream of live) expect([await write(stream), await stream.end()]).toEqual(['ok', undefined])
})

async function subjectOf(address: string): Promise<string> {
  const { connect } = await import('node:tls')
  const { ca, cert, key } = certificate('client')
  const [host, port] = address.split(':')
  const read = (file: string) => readFileSync(file)
  return new Promise((resolve, reject) => {
    const options = { host, port: Number(port), servername: 'metron', ALPNProtocols: ['h2'] }
    const socket = connect({ ...options, ca: read(ca), cert: read(cert), key: read(key) }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}
