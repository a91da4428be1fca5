import { appendFileSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { runTailrace } from '../repository/process.ts'
import { certificate, clientTlsOf } from '../support/certificates.ts'
import { startCollectorFile } from '../support/collector-file.ts'
import {
  decodeOtlpLogs,
  decodeOtlpMetrics,
  decodeOtlpTraces,
  encodeOtlpLogs,
  encodeOtlpMetrics,
  encodeOtlpTraces,
  type Message,
} from '../support/decode.ts'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/role.ts'
import { otlpPaths, startCollectorSink } from '../support/sinks.ts'

// Configurations as the Collector's own examples and pages have them, of components that are here: each is valid, runs, and
// does with telemetry what it says.

type Signal = 'logs' | 'metrics' | 'traces'

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const resource = { attributes: [attribute('service.name', 'till')] }
const span = (more: Message = {}): Message => ({
  traceId: Buffer.alloc(16, 1),
  spanId: Buffer.alloc(8, 2),
  name: 'GET',
  startTimeUnixNano: 5n,
  endTimeUnixNano: 9n,
  ...more,
})
const traces = (...spans: Message[]) => encodeOtlpTraces({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })
const logs = (...logRecords: Message[]) => encodeOtlpLogs({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] })
const metrics = (...all: Message[]) =>
  encodeOtlpMetrics({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics: all }] }] })
const orders = (region: string) => ({
  name: 'orders',
  sum: {
    isMonotonic: true,
    aggregationTemporality: 2,
    dataPoints: [{ timeUnixNano: 5n, asInt: 3n, attributes: [attribute('region', region)] }],
  },
})

type Tls = ReturnType<typeof clientTlsOf>

async function overGrpc(address: string, signal: Signal, bytes: Buffer, tls?: Tls): Promise<void> {
  const grpc = newGrpcClient({ address, log: silentLog, serverName: 'otel-collector', ...(tls && { tls }) })
  onTestFinished(() => grpc.close())
  await grpc.unary(otlpPaths[signal], bytes, { timeoutMs: 60_000, waitForReady: true })
}

async function overHttp(address: string, signal: Signal, body: Buffer, token = ''): Promise<number> {
  const headers = { 'content-type': 'application/x-protobuf', authorization: `Bearer ${token}` }
  const { status } = await fetch(`http://${address}/v1/${signal}`, {
    method: 'POST',
    headers,
    body: new Uint8Array(body),
  })
  return status
}

const textOf = async (address: string, path = '/') => (await fetch(`http://${address}${path}`)).text()

test('options: all of them are known', async () => {
  const file = new URL('../testdata/collector-files/options.yaml', import.meta.url).pathname
  const run = runTailrace(['validate', `--config=${file}`])
  expect([await run.done, run.stderr()]).toEqual([0, ''])
})

test('local: defaults, and everything is printed', async () => {
  const [grpc, http, health] = [await freePort(), await freePort(), await freePort()]
  const set = (key: string, port: number) => ['--set', `${key}=127.0.0.1:${port}`]
  const protocols = 'receivers.otlp.protocols'
  const { role, at } = await startCollectorFile('local', {
    args: [
      ...set(`${protocols}.grpc.endpoint`, grpc),
      ...set(`${protocols}.http.endpoint`, http),
      ...set('extensions.health_check.endpoint', health),
    ],
  })
  expect(JSON.parse(await textOf(`127.0.0.1:${health}`))).toMatchObject({ status: 'Server available' })
  expect(await textOf(at(55679), '/debug/servicez')).toContain('otlp')
  expect((await fetch(`http://${at(1777)}/debug/pprof/`)).status).toBe(200)
  await overGrpc(`127.0.0.1:${grpc}`, 'traces', traces(span({ name: 'GET /cart' })))
  expect(await overHttp(`127.0.0.1:${http}`, 'metrics', metrics(orders('eu')))).toBe(200)
  expect(await overHttp(`127.0.0.1:${http}`, 'logs', logs({ timeUnixNano: 5n, body: { stringValue: 'sold' } }))).toBe(
    200,
  )
  const printed = () => role.stdout() + role.lines.join('\n')
  for (const part of ['GET /cart', 'orders', 'sold', 'service.name'])
    await until(`${part} is printed`, () => printed().includes(part))
  expect((await role.stop()).code).toBe(0)
})

test('agent: spans and logs go on to the gateway with the host, and its own page counts them', async () => {
  const gateway = await startCollectorSink({ plaintext: true })
  const { role, at } = await startCollectorFile('agent', { hosts: { 'gateway:4317': gateway.address } })
  const withArguments = { attributes: [...resource.attributes, attribute('process.command_args', '--secret')] }
  const request = encodeOtlpTraces({ resourceSpans: [{ resource: withArguments, scopeSpans: [{ spans: [span()] }] }] })
  await overGrpc(at(4317), 'traces', request)
  expect(await overHttp(at(4318), 'logs', logs({ timeUnixNano: 5n }, { timeUnixNano: 6n }))).toBe(200)
  expect(await overHttp(at(4318), 'metrics', metrics(orders('eu'))), 'metrics have no pipeline').toBe(404)
  await gateway.until('both', () => gateway.received.length === 2)
  for (const { path, bytes } of gateway.received) {
    const [group] = path === otlpPaths.logs ? decodeOtlpLogs(bytes).resourceLogs : decodeOtlpTraces(bytes).resourceSpans
    expect(group.resource.attributes).toEqual([attribute('service.name', 'till'), attribute('host.name', 'node-1')])
  }
  const page = await textOf(at(8888), '/metrics')
  expect(page).toMatch(/^otelcol_receiver_accepted_spans\{receiver="otlp",transport="grpc".*\} 1$/m)
  expect(page).toMatch(/^otelcol_receiver_accepted_log_records\{receiver="otlp",transport="http".*\} 2$/m)
  expect(page).toMatch(/^otelcol_exporter_queue_capacity\{exporter="otlp",data_type="traces".*\} 100$/m)
  expect((await role.stop()).code).toBe(0)
})

/** A vendor that takes OTLP over HTTP and keeps it. */
async function startVendor() {
  const received: { path: string; headers: IncomingMessage['headers']; body: Buffer }[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const body = gunzipSync(Buffer.concat(parts))
    received.push({ path: request.url!, headers: request.headers, body })
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const of = (path: string) => received.find((each) => each.path === path)
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, received, of }
}

test('gateway: a token in, a token out, and what passes is cleaned', async () => {
  const vendor = await startVendor()
  const { role, at } = await startCollectorFile('gateway', {
    hosts: { 'vendor:4318': vendor.address },
    env: { IN_TOKEN: 'inwards', OUT_TOKEN: 'outwards' },
  })
  const line = {
    timeUnixNano: 5n,
    body: { stringValue: 'no paper left' },
    attributes: [attribute('user', 'a'), attribute('card', '4111111111111111')],
  }
  expect(await overHttp(at(4318), 'logs', logs(line), 'wrong')).toBe(401)
  expect(await overHttp(at(4318), 'logs', logs(line), 'inwards')).toBe(200)
  expect(await overHttp(at(4318), 'metrics', metrics(orders('eu')), 'inwards')).toBe(200)
  const url = attribute('url.full', 'https://shop.example.com/?token=abc&card=4111111111111111')
  await overGrpc(at(4317), 'traces', traces(span({ attributes: [attribute('http.route', '/cart'), url] })))
  await until('three signals', () => vendor.received.length === 3)

  const [, spans, points] = ['/special/logs', '/otlp/v1/traces', '/otlp/v1/metrics'].map((path) => {
    expect(vendor.of(path)?.headers, path).toMatchObject({ authorization: 'Bearer outwards', 'x-scope': 'all' })
    return vendor.of(path)!.body
  }) as [Buffer, Buffer, Buffer]
  const [log] = decodeOtlpLogs(vendor.of('/special/logs')!.body).resourceLogs[0].scopeLogs[0].logRecords
  expect(log).toMatchObject({ severityText: 'LOST', attributes: [attribute('user', 'a')] })
  const [cart] = decodeOtlpTraces(spans).resourceSpans[0].scopeSpans[0].spans
  expect(cart.name).toBe('/cart')
  const address = cart.attributes.find(({ key }: Message) => key === 'url.full').value.stringValue
  expect(address).toBe('https://shop.example.com/?token=***&card=****')
  const [{ sum }] = decodeOtlpMetrics(points).resourceMetrics[0].scopeMetrics[0].metrics
  expect(sum.dataPoints[0].attributes).toContainEqual(attribute('tier', 'gold'))
  expect((await fetch(`http://${at(13133)}/healthz`)).status).toBe(200)
  expect((await role.stop()).code).toBe(0)
})

test('machine: the host, itself scraped, files and a page', async () => {
  const { role, at, out } = await startCollectorFile('machine')
  const pageHas = (...parts: string[]) =>
    until(`the page has ${parts}`, async () => {
      const page = await textOf(at(8889), '/metrics')
      return parts.every((part) => page.includes(part))
    })
  await pageHas('example_system_cpu_time_seconds_total{', 'example_system_memory_usage_bytes{', 'label1="value1"')
  await pageHas('example_system_cpu_utilization')
  await pageHas('example_otelcol_process_uptime', 'part="self"')
  const page = await textOf(at(8889), '/metrics')
  expect(page).toMatch(/^example_otelcol_exporter_queue_capacity\{.*exporter="file\/rotating".*\} \d+ \d+$/m)
  expect(page).not.toMatch(/^example_(scrape_|otelcol_receiver)/m)
  expect((await role.stop()).code).toBe(0)
  const lines = readFileSync(join(out, 'metrics.json'), 'utf8').trim().split('\n')
  const names = new Set(
    lines.flatMap((line) =>
      JSON.parse(line).resourceMetrics.flatMap((group: Message) =>
        group.scopeMetrics.flatMap((inner: Message) => inner.metrics.map(({ name }: Message) => name)),
      ),
    ),
  )
  for (const name of ['system.cpu.utilization', 'system.network.io', 'system.paging.faults', 'up'])
    expect([...names]).toContain(name)
  expect(readFileSync(join(out, 'metrics.pb.zst')).readUInt32BE(4), 'zstd behind the length').toBe(0x28b52ffd)
})

test('secure: TLS in, TLS with a client certificate in and out', async () => {
  const backend = await startCollectorSink({ name: 'otel-collector' })
  const { role, at } = await startCollectorFile('secure', { hosts: { 'backend:4317': backend.address } })
  const tls = clientTlsOf(certificate('client'))
  await overGrpc(at(55690), 'traces', traces(span({ name: 'anybody' })), tls)
  await overGrpc(at(55691), 'traces', traces(span({ name: 'partner' })), tls)
  await backend.until('both', () => backend.spans().length === 2)
  expect(new Set(backend.spans().map(({ name }) => name))).toEqual(new Set(['anybody', 'partner']))
  expect((await role.stop()).code).toBe(0)
})

test('log-files: lines are taken apart, heartbeats left out, warnings marked', async () => {
  const backend = await startCollectorSink({ plaintext: true })
  const first = '2026-01-02T03:04:05.006Z INFO heartbeat 1\n2026-01-02T03:04:06.006Z INFO open\n'
  const { role, out } = await startCollectorFile('log-files', {
    hosts: { 'backend:4317': backend.address },
    out: { 'till.log': first, 'skipped.log': first },
  })
  const rest = ['07.006Z NOTICE no paper', '  in printer 2', '08.006Z INFO closed'].map((line) =>
    line.startsWith(' ') ? line : `2026-01-02T03:04:${line}`,
  )
  appendFileSync(join(out, 'till.log'), `${rest.join('\n')}\n`)
  await backend.until('three lines', () => backend.logs().length === 3)
  expect(backend.logs().map(({ body, severityText }) => [body.stringValue, severityText])).toEqual([
    ['open', 'INFO'],
    ['no paper\n  in printer 2', 'NOTICE'],
    ['closed', 'INFO'],
  ])
  const [open, paper] = backend.logs() as [Message, Message]
  expect(open.attributes).toEqual([attribute('log.file.name', 'till.log'), attribute('sev', 'INFO')])
  expect(open.timeUnixNano).toBe(BigInt(Date.parse('2026-01-02T03:04:06.006Z')) * 1_000_000n)
  expect(paper.severityNumber).toBe(13)
  expect(paper.attributes).toContainEqual({ key: 'page', value: { boolValue: true } })
  expect(open.attributes).not.toContainEqual({ key: 'page', value: { boolValue: true } })
  expect((await role.stop()).code).toBe(0)
})
