import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { frameMessage } from '../../src/net/frames.ts'
import { canonical, canonicalOtlp, lastOfOneof } from '../support/canonical.ts'
import { counter, type IngressClient, ingressClient, log, textOf } from '../support/client.ts'
import {
  decodeEnvelope,
  decodeOtlpLogs,
  decodeOtlpMetrics,
  decodeOtlpTraces,
  encodeEnvelope,
  frameRecords,
  type Message,
} from '../support/decode.ts'
import { forwarderEnv } from '../support/environments.ts'
import { newFolder } from '../support/folder.ts'
import { readGolden } from '../support/golden.ts'
import { type Role, startRole } from '../support/role.ts'
import { ingressPaths, startCollectorSink, startIngressSink } from '../support/sinks.ts'

async function forwarder(env: Record<string, string>): Promise<{ role: Role; client: IngressClient }> {
  const role = await startRole('forwarder-agent', env)
  return { role, client: ingressClient(await role.grpc()) }
}

describe('start', () => {
  test('prints the lines that tooling reads', async () => {
    const { role } = await forwarder(forwarderEnv())
    expect(role.lines[0]).toBe('starting forwarder-agent')
    await role.line(/^grpc bound to: 127\.0\.0\.1:[1-9]\d*$/)
    await role.line(/^Metrics endpoint is listening on 127\.0\.0\.1:[1-9]\d*$/)
    const { code } = await role.stop()
    expect(code).toBe(0)
    expect(role.lines).toContain('stopping forwarder-agent')
  })

  test('shows the page of the original with every series at 0', async () => {
    const v2 = await startIngressSink()
    const collector = await startCollectorSink()
    const env = {
      ...forwarderEnv([{ port: v2.port }, { port: collector.port, protocol: 'otelcol' }]),
      EMIT_OTEL_LOGS: 'true',
      EMIT_OTEL_METRICS: 'true',
      EMIT_OTEL_TRACES: 'true',
    }
    const { role } = await forwarder(env)
    const page = await role.metrics()
    expect(page.get('ingress')).toBe(0)
    expect(page.get('dropped{direction="ingress"}')).toBe(0)
    expect(page.get('origin_mappings')).toBe(0)
    expect(page.get(`egress_expired_total{protocol="loggregator",destination="${v2.address}"}`)).toBe(0)
    expect(page.get(`egress_expired_total{protocol="otelcol",destination="${collector.address}"}`)).toBe(0)
    expect(page.get('promhttp_metric_handler_errors_total{cause="encoding"}')).toBe(0)
    expect(page.get('promhttp_metric_handler_errors_total{cause="gathering"}')).toBe(0)
    for (const family of ['ingress', 'dropped', 'origin_mappings', 'egress_expired_total']) {
      expect(page.types.get(family)).toBe('counter')
    }
  })
})

describe('envelopes', () => {
  test('C4: 10,000 other counters later a counter that came back in between still knows its total', async () => {
    const sink = await startIngressSink()
    const { client } = await forwarder(forwarderEnv([{ port: sink.port }]))
    await client.send([counter('u', { delta: 500n })])
    await client.send(Array.from({ length: 9000 }, (_, i) => counter(`other ${i}`, { delta: 1n })))
    await client.send([counter('u', { delta: 10n })])
    await sink.until('all counters', () => sink.count() === 9002)
    expect(sink.envelopes().at(-1)!.counter).toEqual({ name: 'u', delta: 10n, total: 510n })
  })

  test('N8: counts what came and every source id that was taken from an origin', async () => {
    const sink = await startIngressSink()
    const { role, client } = await forwarder(forwarderEnv([{ port: sink.port }]))
    await client.send([log('a', { source_id: '', tags: { origin: 'o' } })])
    await client.send([log('b', { source_id: 'id-2', tags: { origin: 'o' } })])
    await sink.until('two envelopes', () => sink.count() === 2)
    expect(sink.envelopes().map(({ source_id }) => source_id)).toEqual(['o', 'id-2'])
    const page = await role.metrics()
    expect(page.get('origin_mappings')).toBe(1)
    expect(page.get('ingress')).toBe(2)
  })

  test('N9: reads tags with colons and empty values', async () => {
    const sink = await startIngressSink()
    const { client } = await forwarder({
      ...forwarderEnv([{ port: sink.port }]),
      AGENT_TAGS: 'deployment:cf,ip:fd00::1,empty:',
    })
    await client.send([log('x')])
    await sink.until('an envelope', () => sink.count() === 1)
    expect(sink.envelopes()[0]!.tags).toEqual({ deployment: 'cf', ip: 'fd00::1', empty: '' })
  })

  test('takes all three methods and forwards to every destination in order', async () => {
    const sinks = [await startIngressSink(), await startIngressSink(), await startIngressSink()]
    const { client } = await forwarder(forwarderEnv(sinks.map(({ port }) => ({ port }))))
    const single = client.grpc.clientStream(ingressPaths.sender)
    for (const text of ['1', '2']) single.write(frameMessage(encodeEnvelope(log(text))))
    expect(await single.end()).toBeUndefined()
    const stream = client.stream()
    await client.write(stream, [log('3'), log('4')])
    expect(await stream.end()).toBeUndefined()
    await client.send([log('5')])
    for (const sink of sinks) {
      await sink.until('five envelopes', () => sink.count() === 5)
      expect(sink.envelopes().map(textOf)).toEqual(['1', '2', '3', '4', '5'])
    }
  })

  test('B6: takes 100 envelopes of 61,440 bytes in one message', async () => {
    const sink = await startIngressSink()
    const { client } = await forwarder(forwarderEnv([{ port: sink.port }]))
    const line = 'x'.repeat(61_440)
    await client.send(Array.from({ length: 100 }, () => log(line)))
    await sink.until('100 envelopes', () => sink.count() === 100)
    expect(sink.envelopes().every((envelope) => envelope.log.payload.length === 61_440)).toBe(true)
  })

  test.each(['some-tag:some-value', '', 'deployment:cf, job:diego-cell ,ip:fd00::1,empty:'])(
    'answers every recorded envelope as the original did with tags "%s"',
    async (tags) => {
      const rows = readRecorded(tags)
      const sink = await startIngressSink()
      const { client } = await forwarder({ ...forwarderEnv([{ port: sink.port }]), AGENT_TAGS: tags })
      const stream = client.stream()
      for (const { input } of rows) await client.write(stream, frameRecords([input]))
      await sink.until('all rows', () => sink.count() >= rows.length)
      const got = sink.envelopes().map(lastOfOneof).map(canonical)
      const wanted = rows.map(({ output }) => canonical(lastOfOneof(decodeEnvelope(output))))
      for (const [i, row] of rows.entries()) expect(got[i], row.name).toBe(wanted[i])
      expect(got.length).toBe(rows.length)
    },
  )
})

/** These come after 10,000 other names; test C4 sends them. */
const needsTenThousand = /^counter table wipe/

/** Rows of one process, in the order in which it got them: counters go on from one to the next. */
function readRecorded(tags: string): { name: string; input: Buffer; output: Buffer }[] {
  const text = readFileSync(new URL('../testdata/forwarder-v2.jsonl', import.meta.url), 'utf8').trim()
  const rows = text.split('\n').map((line) => JSON.parse(line) as Record<'name' | 'tags' | 'input' | 'output', string>)
  const bytes = (base64: string) => Buffer.from(base64, 'base64')
  return rows
    .filter((row) => row.tags === tags && !needsTenThousand.test(row.name))
    .map(({ name, input, output }) => ({ name, input: bytes(input), output: bytes(output) }))
}

describe('downstream files', () => {
  test('D1-D4: names empty files and treats every protocol but otelcol as loggregator', async () => {
    const v2 = await startIngressSink()
    const other = await startIngressSink()
    const collector = await startCollectorSink()
    const folder = newFolder({
      'a/ingress_port.yml': `ingress: ${v2.port}\n`,
      'b/ingress_port.yml': `ingress: ${collector.port}\nprotocol: otelcol\n`,
      'c/ingress_port.yml': '',
      'd/ingress_port.yml': `ingress: "${other.port}"\nprotocol: other\nextra: 1\n`,
    })
    const { role, client } = await forwarder({
      ...forwarderEnv(),
      DOWNSTREAM_INGRESS_PORT_GLOB: `${folder}/*/ingress_port.yml`,
      EMIT_OTEL_METRICS: 'true',
    })
    await role.line(new RegExp(`^No ingress port defined in ${folder}/c/ingress_port.yml. Ignoring this destination.$`))
    await client.send([counter('hits', { total: 10n }, { tags: { direction: 'egress' } })])
    await v2.until('v2', () => v2.count() === 1)
    await other.until('other', () => other.count() === 1)
    await collector.until('a metric', () => collector.metrics().length === 1)
    const page = await role.metrics()
    expect(page.get(`egress_expired_total{protocol="loggregator",destination="${other.address}"}`)).toBe(0)
    expect(page.get(`egress_expired_total{protocol="otelcol",destination="${collector.address}"}`)).toBe(0)
  })

  test('without a glob everything is discarded and nothing is wrong', async () => {
    const env = forwarderEnv()
    const { role, client } = await forwarder({ ...env, DOWNSTREAM_INGRESS_PORT_GLOB: '' })
    await client.send([log('x')])
    expect((await role.metrics()).get('ingress')).toBe(1)
  })
})

describe('OpenTelemetry', () => {
  const rows = readGolden('forwarder-otlp')
  const environments = [...new Set(rows.map(({ settings }) => JSON.stringify(settings)))]

  test.each(environments)('sends what the original sent with %s', async (text) => {
    const settings = JSON.parse(text) as Record<string, string>
    const mine = rows.filter((row) => JSON.stringify(row.settings) === text)
    const collector = await startCollectorSink()
    const v2 = await startIngressSink()
    const env = forwarderEnv([{ port: v2.port }, { port: collector.port, protocol: 'otelcol' }])
    const { role, client } = await forwarder({ ...env, ...settings })
    const stream = client.stream()
    for (const { input } of mine) await client.write(stream, frameRecords([input]))
    // O14: what OTLP does not get, the others still get.
    await v2.until('everything as v2', () => v2.count() === mine.length)
    await role.metricsUntil((page) => page.sum('tailrace_held_records', 'id="otlp"') === 0)
    const wanted = mine.flatMap(({ output, methods }) => output.flatMap((bytes, i) => recordsOf(methods[i]!, bytes)))
    const got = collector.received.flatMap(({ path, bytes }) => recordsOf(path, bytes))
    // A log that is not UTF-8 is repaired where the original lost the whole request.
    const repaired = got.filter((record) => record.includes('\ufffd'))
    const broken = settings.EMIT_OTEL_LOGS === 'true' ? mine.filter(({ input }) => isBroken(input)) : []
    expect(repaired.length).toBe(broken.length)
    expect(got.filter((record) => !repaired.includes(record)).sort()).toEqual(wanted.sort())
  })
})

const isBroken = (input: Buffer) => {
  const { log } = decodeEnvelope(input)
  return log?.payload !== undefined && !isUtf8(log.payload)
}

/** The records of one Export request, each with its signal. */
function recordsOf(path: string, bytes: Buffer): string[] {
  const [, signal] = /(\w+)Service\/Export$/.exec(path)!
  const levels: Record<string, [(bytes: Buffer) => Message, string, string, string]> = {
    Logs: [decodeOtlpLogs, 'resourceLogs', 'scopeLogs', 'logRecords'],
    Metrics: [decodeOtlpMetrics, 'resourceMetrics', 'scopeMetrics', 'metrics'],
    Trace: [decodeOtlpTraces, 'resourceSpans', 'scopeSpans', 'spans'],
  }
  const [decode, resources, scopes, records] = levels[signal!]!
  return (decode(bytes)[resources] ?? []).flatMap((resource: Message) =>
    (resource[scopes] ?? []).flatMap((scope: Message) =>
      (scope[records] ?? []).map((record: Message) => `${signal} ${canonicalOtlp(record)}`),
    ),
  )
}
