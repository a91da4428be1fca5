import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { certificate } from '../support/certificates.ts'
import { newFolder } from '../support/folder.ts'
import { startRole } from '../support/role.ts'
import { type Sender, senders } from './otel-sdk-senders.ts'
import {
  expectedLogs,
  expectedMetrics,
  expectedSpans,
  logsOf,
  metricsOf,
  sampledMetrics,
  spansOf,
  timesOf,
  type Ways,
} from './otel-sdk-story.ts'

// OpenTelemetry's own SDKs send to a running tailrace, set up as their users do it: by variables of the environment. What
// tailrace wrote to a file is compared with what the programs measured, field by field.

const own = certificate('otel-collector')
const client = certificate('client')
const serverTls = `cert_file: ${own.cert}, key_file: ${own.key}`
const tlsOf: Record<Security, string> = {
  plain: '',
  TLS: `, tls: {${serverTls}}`,
  mTLS: `, tls: {${serverTls}, client_ca_file: ${own.ca}}`,
}

type Protocol = 'grpc' | 'http/protobuf' | 'http/json'
type Security = 'plain' | 'TLS' | 'mTLS'

const configuration = (protocol: Protocol, security: Security, out: string) => `
receivers:
  otlp: {protocols: {${protocol.slice(0, 4)}: {endpoint: "127.0.0.1:0"${tlsOf[security]}}}}
exporters:
  file: {path: ${out}}
service:
  pipelines:
    logs: {receivers: [otlp], exporters: [file]}
    metrics: {receivers: [otlp], exporters: [file]}
    traces: {receivers: [otlp], exporters: [file]}
`

/** Tells the story; the lines of the file when everything has ended. */
async function told(sender: Sender, protocol: Protocol, compression: string, security: Security) {
  const folder = newFolder()
  const out = join(folder, 'out.json')
  const file = join(newFolder({ 'agent.yaml': configuration(protocol, security, out) }), 'agent.yaml')
  const role = await startRole(file, {})
  const address = await role.address(/listening for OTLP over .*address=(\S+)/)
  const since = BigInt(Date.now()) * 1_000_000n
  const ids = await sender.tell({
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_ENDPOINT: `${security === 'plain' ? 'http' : 'https'}://${address.replace('127.0.0.1', 'localhost')}`,
    ...(compression === 'none' ? {} : { OTEL_EXPORTER_OTLP_COMPRESSION: compression }),
    ...(security === 'plain' ? {} : { OTEL_EXPORTER_OTLP_CERTIFICATE: own.ca }),
    ...(security === 'mTLS'
      ? { OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: client.cert, OTEL_EXPORTER_OTLP_CLIENT_KEY: client.key }
      : {}),
  })
  expect((await role.stop()).code).toBe(0)
  return { ids, since, lines: readFileSync(out, 'utf8').trim().split('\n') }
}

/** What each SDK makes of the same story: its own sources say so, tailrace has no part in it. */
const ways: Record<keyof typeof senders, Ways> = {
  JavaScript: { scope: {}, flags: { span: 0x101, link: 0x301, log: 1 }, linkState: 'vendor=1', exemplars: false },
  Python: { scope: { team: 'a' }, flags: { span: 0x100, link: 0x300, log: 3 }, linkState: undefined, exemplars: true },
  Go: { scope: { team: 'a' }, flags: { span: 0x101, link: 0x301, log: 1 }, linkState: undefined, exemplars: true },
}

const sends: [Protocol, string, Security][] = [
  ['grpc', 'none', 'plain'],
  ['grpc', 'gzip', 'plain'],
  ['grpc', 'gzip', 'TLS'],
  ['grpc', 'gzip', 'mTLS'],
  ['http/protobuf', 'none', 'plain'],
  ['http/protobuf', 'gzip', 'plain'],
  ['http/protobuf', 'gzip', 'TLS'],
  ['http/protobuf', 'gzip', 'mTLS'],
  ['http/json', 'none', 'plain'],
  ['http/json', 'gzip', 'mTLS'],
]

describe.each(Object.keys(senders) as (keyof typeof senders)[])('the %s SDK', (language) => {
  const sender = senders[language]()
  const way = ways[language]
  // Of the three SDKs JavaScript's alone speaks JSON.
  const known = sends.filter(([protocol]) => protocol !== 'http/json' || language === 'JavaScript')

  test.skipIf(sender.missing).for(known)('every signal over %s, compression %s, %s', async (send) => {
    const { ids, since, lines } = await told(sender, ...send)
    expect(spansOf(lines)).toEqual(expectedSpans(ids, way))
    expect(logsOf(lines)).toEqual(expectedLogs(ids, way))
    expect(metricsOf(lines)).toEqual(expectedMetrics(way))
    expect(sampledMetrics(lines, ids)).toEqual(
      way.exemplars ? ['cart.items', 'latency', 'load', 'orders', 'spread'] : [],
    )
    const now = BigInt(Date.now() + 1) * 1_000_000n
    for (const [start, time] of timesOf(lines)) {
      expect([since <= start, start <= time, time <= now]).toEqual([true, true, true])
    }
  })
})
