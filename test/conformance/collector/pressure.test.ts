import { expect, test } from 'vitest'
import { GrpcError } from '../../../src/net/status.ts'
import { decodeOtlpLogs, type Message } from '../../support/decode.ts'
import { newFolder } from '../../support/folder.ts'
import { until } from '../../support/role.ts'
import { startCollectorSink } from '../../support/sinks.ts'
import { startAgent } from './agent.ts'

// The Collector's table, part 3: what senders are told, what is repeated, and when it is given up.

const toward = (address: string, settings: string, processors = '') => `
processors: {${processors}}
exporters: {otlp: {endpoint: "${address}", tls: {insecure: true}, ${settings}}}
service: {pipelines: {logs: {receivers: [otlp], processors: [${processors.split(':')[0]}], exporters: [otlp]}}}
`
const nobody = '127.0.0.1:1'

test('a full queue: 14 and 503, and the records are counted', async () => {
  const agent = await startAgent(toward(nobody, 'sending_queue: {queue_size: 1, block_on_overflow: false}'))
  expect(await agent.call(2)).toBeUndefined()
  expect(await agent.call(3)).toMatchObject({ code: 14, message: 'sending queue is full' })
  expect(await agent.post(4)).toMatchObject({ status: 503, text: expect.stringContaining('sending queue is full') })
  expect(await agent.page()).toMatch(/^otelcol_exporter_enqueue_failed_log_records\{exporter="otlp".*\} 7$/m)
})

test('the memory limiter: 14 and 503, each with the time to come again', async () => {
  const limiter = 'memory_limiter: {check_interval: 100s, limit_mib: 1}'
  const agent = await startAgent(toward(nobody, 'sending_queue: {queue_size: 1000}', limiter))
  await until('it refuses', async () => (await agent.post(5000)).status === 503)
  expect(await agent.post(5000)).toMatchObject({ status: 503, retryAfter: '1' })
  expect(await agent.call(5000)).toMatchObject({ code: 14, retryDelayMs: 1000 })
})

/** When requests came, and how many records each had. */
async function startBackend(answer: (request: number) => GrpcError | undefined) {
  const came: { at: number; records: number }[] = []
  const sink = await startCollectorSink({
    plaintext: true,
    answer: ({ bytes }) => {
      const records = decodeOtlpLogs(bytes).resourceLogs.flatMap((group: Message) =>
        group.scopeLogs.flatMap((inner: { logRecords: unknown[] }) => inner.logRecords),
      ).length
      came.push({ at: performance.now(), records })
      const error = answer(came.length)
      if (error) throw error
      return Buffer.alloc(0)
    },
  })
  return { sink, came }
}

test('a server that asks for a second is not asked again before, whatever the backoff says', async () => {
  const { sink, came } = await startBackend((request) =>
    request === 1 ? new GrpcError(14, 'busy', { retryDelayMs: 1000 }) : undefined,
  )
  const agent = await startAgent(toward(sink.address, 'retry_on_failure: {initial_interval: 10ms}'))
  expect((await agent.post()).status).toBe(200)
  await until('it is sent', () => came.length === 2)
  expect(came[1]!.at - came[0]!.at).toBeGreaterThanOrEqual(990)
})

test('the next pause would end too late: given up at once', async () => {
  const { sink, came } = await startBackend(() => new GrpcError(14, 'busy'))
  const retry =
    'retry_on_failure: {initial_interval: 100ms, multiplier: 600, max_interval: 30s, randomization_factor: 0, max_elapsed_time: 30s}'
  const agent = await startAgent(toward(sink.address, retry))
  const since = performance.now()
  expect((await agent.post()).status).toBe(200)
  await agent.role.line(/no more retries left: /)
  expect(performance.now() - since).toBeLessThan(25_000)
  expect(came).toHaveLength(2)
})

test('only the part that failed is repeated', async () => {
  const { sink, came } = await startBackend((request) => (request === 2 ? new GrpcError(14, 'busy') : undefined))
  const settings =
    'retry_on_failure: {initial_interval: 10ms}, sending_queue: {batch: {min_size: 1, max_size: 7, sizer: items}}'
  const agent = await startAgent(toward(sink.address, settings))
  expect((await agent.post(10)).status).toBe(200)
  await until('all is sent', () => came.length === 3)
  expect(came.map(({ records }) => records)).toEqual([7, 3, 3])
})

test('what waits for a repeat at the stop is lost by name', async () => {
  const agent = await startAgent(
    toward(nobody, 'retry_on_failure: {initial_interval: 1h, max_interval: 1h, max_elapsed_time: 0}'),
  )
  expect((await agent.post(3)).status).toBe(200)
  await agent.role.line(/Will retry the request after interval/)
  await agent.role.stop()
  expect(agent.role.lines.join('\n')).toMatch(/3.*shutdown|shutdown.*3/)
})

test('what waits for a repeat at the stop is found again after the start, with a queue on disk', async () => {
  const { sink, came } = await startBackend(() => undefined)
  const directory = newFolder()
  const yaml = (address: string) => `
extensions: {file_storage: {directory: ${directory}}}
exporters: {otlp: {endpoint: "${address}", tls: {insecure: true}, sending_queue: {storage: file_storage}}}
service:
  extensions: [file_storage]
  pipelines: {logs: {receivers: [otlp], exporters: [otlp]}}
`
  const first = await startAgent(yaml(nobody))
  expect((await first.post(3)).status).toBe(200)
  await first.role.line(/Will retry the request after interval/)
  await first.role.stop()
  await startAgent(yaml(sink.address))
  await until('it is sent', () => came.length === 1)
  expect(came[0]!.records).toBe(3)
})

test.each([
  ['UNAVAILABLE', 14, 503, /busy/],
  ['INVALID_ARGUMENT', 3, 400, /not retryable error: INVALID_ARGUMENT: busy/],
  ['INTERNAL', 13, 500, /not retryable error: INTERNAL: busy/],
] as const)('with sending_queue off the sender is told of %s', async (_, code, status, text) => {
  const { sink } = await startBackend(() => new GrpcError(code, 'busy'))
  const settings = 'sending_queue: {enabled: false}, retry_on_failure: {enabled: false}'
  const agent = await startAgent(toward(sink.address, settings))
  expect(await agent.post(2)).toMatchObject({ status, text: expect.stringMatching(text) })
  expect(await agent.call(3)).toMatchObject({ code, message: expect.stringMatching(text) })
  expect(await agent.page()).toMatch(/^otelcol_exporter_send_failed_log_records\{exporter="otlp".*\} 5$/m)
})

test.each(['enabled: false', 'wait_for_result: true'])(
  'with %s the sender is answered after the backend',
  async (queue) => {
    const { sink, came } = await startBackend((request) => (request === 1 ? new GrpcError(14, 'busy') : undefined))
    const agent = await startAgent(
      toward(sink.address, `sending_queue: {${queue}}, retry_on_failure: {initial_interval: 100ms}`),
    )
    expect((await agent.post(2)).status).toBe(200)
    expect(came).toHaveLength(2)
  },
)

test('with sending_queue off whoever waits for a repeat is told of the stop', async () => {
  const { sink } = await startBackend(() => new GrpcError(14, 'busy'))
  const agent = await startAgent(toward(sink.address, 'sending_queue: {enabled: false}'))
  const answers = Promise.all([agent.post(3), agent.call(3)])
  await agent.role.line(/Will retry the request after interval/)
  const since = performance.now()
  await agent.role.stop()
  expect(performance.now() - since).toBeLessThan(8000)
  expect(await answers).toMatchObject([{ status: 503 }, { code: 14 }])
})
