import { expect, test } from 'vitest'
import type { Message } from '../support/decode.ts'
import { newFolder } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { startProcess, until } from '../support/role.ts'
import { type CollectorSink, startCollectorSink } from '../support/sinks.ts'

const startSink = () => startCollectorSink({ plaintext: true })

interface AgentFile {
  /** Where logs and traces go. */
  readonly backend: string
  /** Where its own spans go. */
  readonly spans: string
  readonly http: number
  /** Settings of `traces`. */
  readonly traces?: string
  readonly processor?: string
}

/** OTLP over HTTP in, a processor, OTLP over gRPC out. */
const agentFile = ({ backend, spans, http, traces = '', processor = 'batch: {schedule_delay: 20, ' }: AgentFile) => `
receivers: {otlp: {protocols: {http: {endpoint: '127.0.0.1:${http}', include_metadata: true}}}}
processors: {attributes: {actions: [{key: seen, value: yes, action: insert}]}}
exporters: {otlp: {endpoint: '${backend}', tls: {insecure: true}, retry_on_failure: {initial_interval: 100ms}}}
service:
  telemetry:
    resource: {service.name: the-agent}
    traces:
      processors: [{${processor}exporter: {otlp: ${spans}}}}]
      ${traces}
  pipelines:
    logs: {receivers: [otlp], processors: [attributes], exporters: [otlp]}
    traces: {receivers: [otlp], exporters: [otlp]}
`
const overGrpc = (address: string) => `{endpoint: 'http://${address}'}`

async function start(file: Omit<AgentFile, 'http'>) {
  const http = await freePort()
  const folder = newFolder({ 'agent.yaml': agentFile({ ...file, http }) })
  const agent = startProcess(['run', `${folder}/agent.yaml`])
  await agent.line(/ready: everything is running/)
  const send = async (text: string, headers: Record<string, string> = {}) => {
    const body = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: text } }] }] }] }
    const response = await fetch(`http://127.0.0.1:${http}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    expect(response.status).toBe(200)
  }
  return { agent, send, http }
}

const hex = (id: Buffer | undefined) => id?.toString('hex')
const micros = ({ startTimeUnixNano, endTimeUnixNano }: Message) =>
  Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1000
const attributesOf = (span: Message): Record<string, unknown> =>
  Object.fromEntries(
    (span.attributes as Message[]).map(({ key, value }) => [
      key.replace('tailrace.', ''),
      value.stringValue ?? Number(value.intValue),
    ]),
  )
const named = (sink: CollectorSink, name: string): Message => sink.spans().find((span) => span.name === name)!

test('one log line from OTLP to OTLP is a trace of four spans', async () => {
  const [backend, tempo] = await Promise.all([startSink(), startSink()])
  const { agent, send } = await start({
    backend: backend.address,
    spans: overGrpc(tempo.address),
    traces: 'propagators: [tracecontext]',
  })
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const before = Date.now()
  await send('hello', { traceparent: `00-${trace}-b7ad6b7169203331-01` })
  await until('the spans are there', () => tempo.spans().length >= 4)
  const after = Date.now()
  expect(backend.logs()).toHaveLength(1)
  const spans = tempo.spans()
  expect(spans.map(({ name }) => name).toSorted()).toEqual([
    'process attributes',
    'queue otlp',
    'receive otlp',
    'send otlp',
  ])
  expect(new Set(spans.map(({ traceId }) => hex(traceId)))).toEqual(new Set([trace]))
  const receive = named(tempo, 'receive otlp')
  const process = named(tempo, 'process attributes')
  const queue = named(tempo, 'queue otlp')
  const sent = named(tempo, 'send otlp')
  expect(hex(receive.parentSpanId)).toBe('b7ad6b7169203331')
  for (const span of [process, queue, sent]) expect(hex(span.parentSpanId)).toBe(hex(receive.spanId))
  expect(attributesOf(receive)).toMatchObject({ component: 'otlp', format: 'logs', records: 1, outcome: 'delivered' })
  expect(attributesOf(process)).toEqual({ component: 'attributes', pipeline: 'logs', records: 1, records_out: 1 })
  expect(attributesOf(sent)).toMatchObject({ component: 'otlp', records: 1, attempt: 1, outcome: 'delivered' })
  // In this order, one inside the other, and within the time that it took.
  const starts = [receive, process, queue, sent].map(({ startTimeUnixNano }) => BigInt(startTimeUnixNano))
  expect(starts).toEqual(starts.toSorted((a, b) => Number(a - b)))
  expect(Number(starts[0]! / 1_000_000n)).toBeGreaterThanOrEqual(before - 2)
  for (const span of spans) {
    expect(micros(span)).toBeGreaterThanOrEqual(0)
    expect(Number(BigInt(span.endTimeUnixNano) / 1_000_000n)).toBeLessThanOrEqual(after + 2)
  }
  expect(micros(sent)).toBeGreaterThan(50)
  expect(micros(receive)).toBeGreaterThan(micros(sent))
  const { bytes } = tempo.received.at(-1)!
  expect(bytes.includes('the-agent')).toBe(true)
  expect((await agent.stop()).code).toBe(0)
})

test('a backend that is down for a while is seen: an attempt that failed, one that did not', async () => {
  const [backend, tempo] = await Promise.all([startSink(), startSink()])
  await backend.stop()
  const { agent, send } = await start({ backend: backend.address, spans: overGrpc(tempo.address) })
  await send('hello')
  const sends = () => tempo.spans().filter(({ name }) => name === 'send otlp')
  await until('the first attempt is told', () => sends().length > 0)
  await backend.restart()
  await until('it is delivered', () => named(tempo, 'receive otlp') !== undefined)
  const [first] = sends()
  expect(attributesOf(first!)).toMatchObject({ attempt: 1, outcome: 'retryable' })
  expect(first!.status).toMatchObject({ code: 2, message: expect.stringMatching(/refused|unavailable|connect/i) })
  expect(attributesOf(sends().at(-1)!)).toMatchObject({ outcome: 'delivered' })
  expect((await agent.stop()).code).toBe(0)
})

test('what is open when the process ends is told, with its outcome unknown or lost', async () => {
  const [backend, tempo] = await Promise.all([startSink(), startSink()])
  await backend.stop()
  const { agent, send } = await start({
    backend: backend.address,
    spans: overGrpc(tempo.address),
    processor: 'batch: {schedule_delay: 60000, ',
  })
  await send('hello')
  expect((await agent.stop()).code).toBe(0)
  expect(attributesOf(named(tempo, 'receive otlp'))).toMatchObject({ outcome: 'dropped', reason: 'shutdown' })
})

test.each([
  ['in batches', 'batch: {schedule_delay: 5, '],
  ['one by one', 'simple: {'],
])('spans that come in again make no spans, sent %s', async (_, processor) => {
  const backend = await startSink()
  const http = await freePort()
  const loop = `{protocol: http/protobuf, endpoint: 'http://127.0.0.1:${http}'}`
  const folder = newFolder({ 'agent.yaml': agentFile({ backend: backend.address, spans: loop, http, processor }) })
  const agent = startProcess(['run', `${folder}/agent.yaml`])
  await agent.line(/ready: everything is running/)
  const body = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'x' } }] }] }] }
  const send = () =>
    fetch(`http://127.0.0.1:${http}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  for (let i = 1; i <= 3; i++) {
    await send()
    // Each round would bring the spans about the spans of the last.
    await until('its four spans came out again', () => backend.spans().length >= 4 * i)
  }
  const names = backend.spans().map(({ name }) => name)
  expect(names.toSorted()).toEqual(
    ['process attributes', 'queue otlp', 'receive otlp', 'send otlp'].flatMap((name) => [name, name, name]),
  )
  expect((await agent.stop()).code).toBe(0)
  expect(backend.spans()).toHaveLength(12)
})

test('a sampler that is not here is a problem of the file, with its place', async () => {
  const text = agentFile({
    backend: '127.0.0.1:1',
    spans: overGrpc('127.0.0.1:1'),
    http: 1,
    traces: 'sampler: {jaeger_remote: {}}',
  })
  const agent = startProcess(['check', `${newFolder({ 'agent.yaml': text })}/agent.yaml`])
  await agent.line(/agent\.yaml:10:\d+\s+service\.telemetry\.traces\.sampler\.jaeger_remote/)
  expect((await agent.ended).code).not.toBe(0)
})
