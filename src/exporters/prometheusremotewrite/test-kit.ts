import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect } from 'vitest'
import { decode, type Message, type Schema } from '../../../test/support/protobuf-schema.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { Batch } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import type { Receipt } from '../../telemetry/receipt.ts'
import { decodeOtlpJson } from '../../wire/otlp/json-decode.ts'
import { decodeSnappy } from '../../wire/snappy-decode.ts'
import remoteWrite from './index.ts'

const closers: (() => unknown)[] = []
afterEach(() => Promise.all(closers.splice(0).map((close) => close())))

const span: Schema = { 1: { name: 'offset', type: 'sint32' }, 2: { name: 'length', type: 'int32' } }
const labels: Schema[number] = {
  name: 'labels',
  repeated: true,
  type: { 1: { name: 'name', type: 'string' }, 2: { name: 'value', type: 'string' } },
}
const writeRequest: Schema = {
  3: {
    name: 'metadata',
    repeated: true,
    type: {
      1: { name: 'type', type: 'int32' },
      2: { name: 'metricFamilyName', type: 'string' },
      4: { name: 'help', type: 'string' },
      5: { name: 'unit', type: 'string' },
    },
  },
  1: {
    name: 'timeseries',
    repeated: true,
    type: {
      1: labels,
      3: {
        name: 'exemplars',
        repeated: true,
        type: { 1: labels, 2: { name: 'value', type: 'double' }, 3: { name: 'timestamp', type: 'int64' } },
      },
      2: {
        name: 'samples',
        repeated: true,
        type: { 1: { name: 'value', type: 'double' }, 2: { name: 'timestamp', type: 'int64' } },
      },
      4: {
        name: 'histograms',
        repeated: true,
        type: {
          1: { name: 'count', type: 'uint64' },
          3: { name: 'sum', type: 'double' },
          4: { name: 'schema', type: 'sint32' },
          5: { name: 'zeroThreshold', type: 'double' },
          6: { name: 'zeroCount', type: 'uint64' },
          8: { name: 'negativeSpans', repeated: true, type: span },
          9: { name: 'negativeDeltas', repeated: true, type: 'sint32' },
          11: { name: 'positiveSpans', repeated: true, type: span },
          12: { name: 'positiveDeltas', repeated: true, type: 'sint32' },
          15: { name: 'timestamp', type: 'int64' },
        },
      },
    },
  },
}

export interface Request {
  headers: IncomingHttpHeaders
  series: Message[]
  metadata: Message[]
}

/** `name{a="b"} 1 @5` for every sample. */
export const lines = ({ series }: Request): string[] =>
  series.flatMap(({ labels, samples }) => {
    const pairs = (labels as Message[]).map(({ name, value }) => [name, value] as [string, string])
    expect(pairs.map(([name]) => name)).toEqual(pairs.map(([name]) => name).sort())
    const name = pairs.find(([key]) => key === '__name__')![1]
    const rest = pairs.filter(([key]) => key !== '__name__').map(([key, value]) => `${key}="${value}"`)
    return ((samples as Message[] | undefined) ?? []).map(
      ({ value, timestamp }) => `${name}{${rest.join(',')}} ${value} @${timestamp}`,
    )
  })

export interface Answer {
  status: number
  headers?: Record<string, string>
  text?: string
}

export async function receiving(answer: (number: number) => Answer | Promise<Answer>) {
  const requests: Request[] = []
  const waiting: { count: number; resolve(): void }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', async () => {
      const body = decodeSnappy(Buffer.concat(chunks), 1 << 24) as Buffer
      const { timeseries = [], metadata = [] } = decode(writeRequest, body)
      requests.push({ headers: request.headers, series: timeseries as Message[], metadata: metadata as Message[] })
      for (const one of waiting) if (requests.length >= one.count) one.resolve()
      const { status, headers = {}, text = '' } = await answer(requests.length)
      response.writeHead(status, headers).end(text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      if (requests.length >= count) resolve()
      else waiting.push({ count, resolve })
    })
  return { url: `http://127.0.0.1:${port}/api/v1/write?tenant=a`, requests, until }
}

export async function exporting(endpoint: string, written: Record<string, unknown> = {}) {
  const clock = new ManualClock()
  const ledger = new Ledger()
  const budget = new Budget('service')
  const logged: string[] = []
  const host = newHost(
    {
      log: newLog({ level: 'info', write: (line) => void logged.push(line) }),
      clock,
      metrics: new Metrics(),
      ledger,
      budget,
    },
    { kind: 'exporter', type: 'prometheusremotewrite', id: 'prw', readsOrigins: false, extension: () => undefined },
  )
  const exporter = remoteWrite.create({ config: remoteWrite.config.parse({ endpoint, ...written }), host })
  await exporter.start()
  closers.push(() => exporter.stop(AbortSignal.abort()))
  return { exporter, clock, logged, budget, account: ledger.accounts[0]! }
}

export const timeUnixNano = '1700000000123000000'
export const attributes = (of: Record<string, string>) =>
  Object.entries(of).map(([key, stringValue]) => ({ key, value: { stringValue } }))
export const batchOf = (metrics: object[], resource: Record<string, string> = {}, receipts: Receipt[] = []): Batch => {
  const request = { resourceMetrics: [{ resource: { attributes: attributes(resource) }, scopeMetrics: [{ metrics }] }] }
  return Batch.copyOf('metrics', decodeOtlpJson('metrics', Buffer.from(JSON.stringify(request))) as Buffer, {
    receipts,
  })
}
export const gauge = (name: string, value: number, of: Record<string, string> = {}) => ({
  name,
  gauge: { dataPoints: [{ timeUnixNano, asDouble: value, attributes: attributes(of) }] },
})
export const settled = async (account: { received: number; sent: number; droppedTotal: number; held(): number }) => {
  while (account.held() > 0) await new Promise(setImmediate)
}
/** The same, while time passes: slower than answers come. */
export const passing = async (clock: ManualClock, account: { held(): number }) => {
  while (account.held() > 0) {
    clock.advance(1)
    await new Promise(setImmediate)
  }
}
