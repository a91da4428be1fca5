import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { binding, startCloudController } from '../support/bindings.ts'
import { certificate, pemOf } from '../support/certificates.ts'
import { ingressClient, log } from '../support/client.ts'
import { encodeEnvelope, encodeEnvelopeBatch, type Message } from '../support/decode.ts'
import { startHttpDrain, startTcpDrain } from '../support/drains.ts'
import { bindingCacheEnv, syslogAgentEnv } from '../support/environments.ts'
import { newFolder } from '../support/folder.ts'
import { type Role, startRole, until } from '../support/role.ts'
import { goProgram } from './go-program.ts'
import { type Daemon, found, freePortFor, rsyslog, syslogNg, syslogNgProgram } from './syslog-daemons.ts'

// The syslog agent between sources and drains that other people wrote.

const daemons = [
  found(rsyslog, 'rsyslogd', 'apt-get install rsyslog rsyslog-gnutls'),
  found(syslogNg, syslogNgProgram, 'unpack syslog-ng-core and set SYSLOG_NG_ROOT (.ci/run)'),
].filter((daemon) => daemon !== undefined)

const linesOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [])

/** The binding cache, and an agent that asks it, in front of this Cloud Controller. */
async function startChain(api: string): Promise<Role> {
  const cache = await startRole('syslog-binding-cache', bindingCacheEnv({ api }))
  const [, port] = await cache.line(/serving bindings address=\S*:(\d+)$/)
  const role = await startRole('syslog-agent', syslogAgentEnv({ cache: `https://127.0.0.1:${port}` }))
  await role.metricsUntil((page) => page.get('drains{unit="count"}') > 0)
  return role
}

const tags = { source_type: 'APP/PROC/WEB', deployment: 'cf', note: 'a "quoted" ] one\\' }
const count = 1000
const envelopes = Array.from({ length: count }, (_, i) =>
  log(`grüße ${i} ${'.'.repeat(i % 300)}`, {
    timestamp: 1_790_000_000_000_000_000n + BigInt(i) * 1_001_000n,
    tags,
    log: { payload: `grüße ${i} ${'.'.repeat(i % 300)}`, type: i % 2 },
  }),
)
const wanted = envelopes.map(({ timestamp, log: { payload, type } }) => {
  const micros = String((timestamp as bigint) / 1000n)
  const seconds = new Date(Number(micros.slice(0, -6)) * 1000).toISOString().slice(0, 19)
  return {
    priority: type === 1 ? 11 : 14,
    time: `${seconds}.${micros.slice(-6)}+00:00`,
    rest:
      'org.space.app app [APP/PROC/WEB/0] - ' +
      '[tags@47450 deployment="cf" note="a \\"quoted\\" \\] one\\\\" source_type="APP/PROC/WEB"]' +
      ` ${payload}`,
  }
})
/** Daemons print the microseconds of a time with or without the zeros at its end, and syslog-ng nothing for no MSGID. */
const parts = (line: string) => {
  const [, priority, second, fraction = '', zone, rest] = /^<(\d+)>1 (\S+?)(?:\.(\d+))?([+-]\d\d:\d\d) (.*)$/s.exec(
    line,
  )!
  return {
    priority: Number(priority),
    time: `${second}.${fraction.padEnd(6, '0')}${zone}`,
    rest: rest!.replace(/^(\S+ \S+ \S+) {2}/, '$1 - '),
  }
}

const cases = daemons.flatMap((daemon) =>
  (['tcp, counted', 'tls'] as const).map((way) => [daemon.name, way, daemon] as const),
)

describe.skipIf(cases.length === 0)('a daemon as the drain', () => {
  test.each(cases)('%s by %s: Cloud Controller, cache, agent, file', async (_, transport, daemon: Daemon) => {
    const file = `${newFolder()}/out.log`
    const port = await freePortFor(transport)
    await daemon.receive(transport, port, file)
    const { cert, key, ca } = pemOf(certificate('drain-client'))
    const drain =
      transport === 'tls'
        ? binding(`syslog-tls://localhost:${port}`, ['app'], { cert, key, ca })
        : binding(`syslog://localhost:${port}`, ['app'])
    const role = await startChain((await startCloudController([drain])).url)
    await ingressClient(await role.grpc()).send(envelopes)
    await until('all lines in the file', () => linesOf(file).length >= count)
    expect(linesOf(file).map(parts)).toEqual(wanted)
  })
})

// With go-loggregator's calls and its gRPC library: the module itself is not to be had from Go's module proxy.
const { path: program, missing } = goProgram('go-grpc')

describe.skipIf(missing)('a Go client as the source', () => {
  test('every method, to drains by TCP, HTTPS one by one, and in batches', async () => {
    const folder = newFolder()
    const files = certificate('client')
    for (const part of ['ca', 'cert', 'key'] as const) copyFileSync(files[part], `${folder}/${part}.pem`)
    const [tcp, single, batch] = [await startTcpDrain(), await startHttpDrain(), await startHttpDrain()]
    const capi = await startCloudController([
      binding(`syslog://127.0.0.1:${tcp.port}`, ['app']),
      binding(`https://127.0.0.1:${single.port}/one`, ['app']),
      binding(`https-batch://127.0.0.1:${batch.port}/many`, ['app']),
    ])
    const role = await startChain(capi.url)
    const go = spawn(program!, ['client', folder, await role.grpc(), 'ingress'], { stdio: ['pipe', 'pipe', 'inherit'] })
    let said = ''
    go.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    const texts = Array.from({ length: 300 }, (_, i) => `line ${i}`)
    const part = (from: number) => texts.slice(from, from + 100).map((text) => log(text))
    const lines = [
      ...part(0).map((envelope) => `Sender ${encodeEnvelope(envelope).toString('base64')}`),
      `BatchSender ${batchOf(part(100))}`,
      `Send ${batchOf(part(200))}`,
    ]
    go.stdin.end(`${lines.join('\n')}\n`)
    await once(go, 'close')
    expect(JSON.parse(said)).toEqual({ sent: 102 })
    for (const drain of [tcp, single, batch]) {
      await drain.until('all lines', () => drain.messages.length === texts.length)
      expect(drain.texts().toSorted()).toEqual(texts.toSorted())
    }
    // In order within a stream, and a call.
    for (const from of [0, 100, 200]) {
      const mine = texts.slice(from, from + 100)
      expect(tcp.texts().filter((text) => mine.includes(text))).toEqual(mine)
    }
  })
})

const batchOf = (batch: readonly Message[]) => encodeEnvelopeBatch(batch).toString('base64')
