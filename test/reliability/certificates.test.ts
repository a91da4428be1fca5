import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { clientTls } from '../../src/net/tls.ts'
import { type IssueOptions, issue, newAuthority } from '../../src/runtime/certs.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { certificate, certificateFolder } from '../support/certificates.ts'
import { ingressClient, log } from '../support/client.ts'
import { encodeEnvelopeBatch } from '../support/decode.ts'
import { forwarderEnv } from '../support/environments.ts'
import { newFolder } from '../support/folder.ts'
import { startRole } from '../support/role.ts'
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
    await client.unary(ingressPaths.send, encodeEnvelopeBatch([log('x')]), { timeoutMs: 10_000 })
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
  await expect.poll(() => subjectOf(address), { timeout: 20_000 }).toBe('metron renewed')
  await early.write(stream, [log('after')])
  expect(await stream.end()).toBeUndefined()
  await sink.until('all', () => sink.count() === 4)
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
