import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { certificate } from '../support/certificates.ts'
import { newFolder } from '../support/folder.ts'
import { type Role, startProcess, until } from '../support/role.ts'
import {
  type Daemon,
  found,
  freePortFor,
  rsyslog,
  syslogNg,
  syslogNgProgram,
  type Transport,
} from './syslog-daemons.ts'

// From a daemon through us to a daemon; what stands in the file at the end is what was sent at the beginning.

const daemons = [
  found(rsyslog, 'rsyslogd', 'apt-get install rsyslog rsyslog-gnutls'),
  found(syslogNg, syslogNgProgram, 'unpack syslog-ng-core and set SYSLOG_NG_ROOT (.ci/run)'),
].filter((daemon) => daemon !== undefined)

const count = 500
const pad = (n: number) => String(n).padStart(4, '0')
/** With all parts, since daemons fill in what is missing. */
const lines = Array.from(
  { length: count },
  (_, i) =>
    `<${i % 192}>1 2026-10-11T22:14:15.12${pad(i)}+00:00 host-${i % 7} app-${i % 5} ${i + 1} ID${i} [x@1 k="${i}"] grüße ${pad(i)} ${'.'.repeat(i)}`,
)

async function startTailrace(transport: Transport, to: number): Promise<{ role: Role; port: number }> {
  const { ca, cert, key } = certificate('metron')
  const own = certificate('client')
  const isUdp = transport === 'udp'
  const tls = transport === 'tls'
  const file = `${newFolder()}/tailrace.yaml`
  const config = {
    receivers: {
      syslog: {
        [isUdp ? 'udp' : 'tcp']: {
          listen_address: '127.0.0.1:0',
          ...(tls && { tls: { client_ca_file: ca, cert_file: cert, key_file: key } }),
        },
      },
    },
    exporters: {
      syslog: {
        endpoint: '127.0.0.1',
        port: to,
        network: isUdp ? 'udp' : 'tcp',
        enable_octet_counting: transport !== 'tcp, lines',
        tls: tls
          ? { ca_file: own.ca, cert_file: own.cert, key_file: own.key, server_name_override: 'metron' }
          : { insecure: true },
      },
    },
    service: { pipelines: { logs: { receivers: ['syslog'], exporters: ['syslog'] } } },
  }
  writeFileSync(file, JSON.stringify(config))
  const role = startProcess(['run', file])
  const address = await role.address(/listening for syslog by \w+ address=(\S+)/)
  return { role, port: Number(address.split(':')[1]) }
}

async function send(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.end(text)
  socket.resume()
  await once(socket, 'close')
}

const linesOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [])

const cases = daemons.flatMap((daemon) =>
  daemon.transports.map((transport) => [daemon.name, transport, daemon] as const),
)

describe.skipIf(cases.length === 0)('syslog daemons', () => {
  test.each(cases)('%s to us and to another one, by %s', async (_, transport, daemon: Daemon) => {
    const file = `${newFolder()}/out.log`
    const to = await freePortFor(transport)
    await daemon.receive(transport, to, file)
    const { port } = await startTailrace(transport, to)
    const from = await freePortFor('tcp, lines')
    await daemon.forward(transport, from, port)
    // So few datagrams wait in a socket's buffer even when its reader does not come to run.
    const sent = transport === 'udp' ? lines.slice(0, 100) : lines
    await send(from, sent.map((line) => `${line}\n`).join(''))
    await until('all lines in the file', () => linesOf(file).length >= sent.length)
    expect(linesOf(file)).toEqual(sent)
  })
})
