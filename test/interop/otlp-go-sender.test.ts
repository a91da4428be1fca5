import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { Refused } from '../../src/delivery/admission.ts'
import { startOtlp } from '../../src/receivers/otlp/otlp-run.fixture.ts'
import { encodeOtlpJson } from '../../src/wire/otlp/json-encode.ts'
import { goProgram } from './go-program.ts'

// OTLP's reference code in Go as the sender: generated types, grpc-go, gzip.

const program = goProgram('go-otlp-send')

async function sent(address: string, ...more: string[]): Promise<Record<string, string>[]> {
  const { stdout } = await promisify(execFile)(program.path!, [address, ...more])
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const ids = {
  traceId: Buffer.from('0123456789abcdef').toString('hex'),
  spanId: Buffer.from('01234567').toString('hex'),
}

test.skipIf(program.missing).for([['plain'], ['gzip']])('a Go sender of every signal: %s', async ([encoding]) => {
  const run = await startOtlp({ grpc: {} })
  const answers = await sent(run.grpc, ...(encoding === 'gzip' ? ['gzip'] : []))
  expect(answers).toEqual([
    { signal: 'logs', code: 'OK', message: '' },
    { signal: 'metrics', code: 'OK', message: '' },
    { signal: 'traces', code: 'OK', message: '' },
    {
      signal: 'broken',
      code: 'InvalidArgument',
      message: expect.stringContaining('invalid length for TraceId: 5 bytes'),
    },
  ])
  const [logs, metrics, traces] = run.batches.map((batch) =>
    JSON.parse(encodeOtlpJson(batch.format as 'logs', batch.bytes()).toString()),
  )
  expect(logs.resourceLogs[0]).toMatchObject({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
    scopeLogs: [{ logRecords: [{ timeUnixNano: '1', body: { stringValue: 'ünïcode' }, ...ids }] }],
  })
  expect(metrics.resourceMetrics[0].scopeMetrics[0].metrics).toMatchObject([
    { histogram: { dataPoints: [{ count: '3', sum: 6, min: 1, bucketCounts: ['1', '2'], explicitBounds: [2] }] } },
    {
      exponentialHistogram: {
        dataPoints: [{ count: '2', scale: -1, positive: { offset: -3, bucketCounts: ['2', '300'] } }],
      },
    },
    { summary: { dataPoints: [{ quantileValues: [{ quantile: 0.5, value: 2 }] }] } },
  ])
  expect(traces.resourceSpans[0].scopeSpans[0].spans).toMatchObject([
    { name: 'GET /', kind: 2, ...ids, events: [{ name: 'miss' }], links: [{ ...ids, flags: 257 }] },
  ])
})

test.skipIf(program.missing)('a Go sender reads RetryInfo, and that a signal has no pipeline', async () => {
  const run = await startOtlp({ grpc: {} }, { formats: ['logs', 'metrics'] })
  run.verdict = new Refused('sending queue is full', 2500)
  const busy = { code: 'Unavailable', message: 'sending queue is full', retry: '2.5s' }
  expect(await sent(run.grpc)).toEqual([
    { signal: 'logs', ...busy },
    { signal: 'metrics', ...busy },
    expect.objectContaining({ signal: 'traces', code: 'Unimplemented' }),
    expect.objectContaining({ signal: 'broken', code: 'Unimplemented' }),
  ])
})
