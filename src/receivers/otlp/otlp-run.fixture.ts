import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { onTestFinished } from 'vitest'
import { object } from '../../config/fields.ts'
import type { Admission, Verdict } from '../../delivery/admission.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import type { Instance } from '../../engine/plan.ts'
import { type GrpcClient, type GrpcClientOptions, newGrpcClient } from '../../net/grpc-client.ts'
import { buildGraph } from '../../pipeline.ts'
import { type AnySpec, type Batch, defineExporter, type Format, type Schema } from '../../plugin.ts'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { newLog, silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import otlp from './index.ts'

/** The receiver in a real graph, in front of a queue that says what the test wants. */
export interface OtlpRun {
  readonly batches: Batch[]
  readonly lines: string[]
  readonly budget: Budget
  /** What the queue says to the next offers; undefined is yes. */
  verdict: Verdict
  /** Offers that were asked about so far. */
  asked: number
  /** Tells whoever waits that there is room. */
  room(): void
  readonly grpc: string
  readonly http: number
  counter(name: string, labels: Record<string, string>): number
  client(options?: Partial<GrpcClientOptions>): GrpcClient
  send(options: SendOptions): Promise<Answer>
  stop(): Promise<void>
}

export interface SendOptions {
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: Buffer | string
  tls?: { ca?: string; cert?: string; key?: string }
  signal?: AbortSignal
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

export interface RunOptions {
  formats?: readonly Format[]
  extensions?: Record<string, { spec: AnySpec; config: unknown }>
  memory?: number
  clock?: Clock
}

/** Starts it on ports that are free; stops it when the test is over. `protocols` are as in a configuration. */
export async function startOtlp(protocols: Record<string, object>, options: RunOptions = {}): Promise<OtlpRun> {
  const { formats = ['logs', 'metrics', 'traces'], extensions = {} } = options
  const batches: Batch[] = []
  const lines: string[] = []
  const waiting: (() => void)[] = []
  const state = { verdict: undefined as Verdict, asked: 0 }
  const queue: Admission = {
    admit() {
      state.asked++
      return state.verdict
    },
    settle() {},
    onRoom: (fn) => void waiting.push(fn),
  }
  const recorder = defineExporter({
    type: 'recorder',
    stability: 'experimental',
    summary: 'Keeps batches for a test.',
    config: object({}),
    takes: formats,
    delivery: { semantics: 'none', order: 'kept', on_kill: 'everything' },
    create: () => ({
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      admissions: () => [queue],
      consume: (batch) => void batches.push(batch),
    }),
  })
  const parsed = (spec: AnySpec, config: unknown) => (spec.config as Schema).parse(config)
  const instance = (id: string, spec: AnySpec, config: unknown): Instance =>
    ({ id, spec, config: parsed(spec, config), required: true }) as Instance
  const anywhere = Object.entries(protocols).map(([name, settings]) => [name, { endpoint: '127.0.0.1:0', ...settings }])
  const metrics = new Metrics()
  const budget = new Budget('service', options.memory ?? 256 << 20)
  const write = (line: string) => void lines.push(line)
  const graph = buildGraph(
    {
      instances: [
        ...Object.entries(extensions).map(([id, { spec, config }]) => instance(id, spec, config)),
        instance('otlp', otlp, { protocols: Object.fromEntries(anywhere) }),
        instance('recorder', recorder, {}),
      ],
      pipelines: formats.map((format) => ({
        id: format,
        format,
        receivers: ['otlp'],
        processors: [],
        exporters: ['recorder'],
      })),
      extensions: Object.keys(extensions),
      memoryLimit: budget.maxBytes,
      shutdownTimeoutMs: 1000,
    },
    {
      log: newLog({ level: 'info', write }),
      clock: options.clock ?? systemClock,
      metrics,
      ledger: new Ledger(),
      budget,
    },
  )
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    await graph.stop(new AbortController().signal)
  }
  onTestFinished(stop)
  await graph.start()
  const addressOf = (name: string) =>
    lines.map((line) => new RegExp(`OTLP over ${name}.*?(127\\.0\\.0\\.1:\\d+)`).exec(line)?.[1]).find(Boolean) ?? ''
  const port = Number(addressOf('http').split(':')[1])
  return {
    batches,
    lines,
    budget,
    get verdict() {
      return state.verdict
    },
    set verdict(verdict) {
      state.verdict = verdict
    },
    get asked() {
      return state.asked
    },
    room() {
      for (const fn of waiting.splice(0)) fn()
    },
    grpc: addressOf('grpc'),
    http: port,
    counter: (name, labels) =>
      metrics
        .find(`tailrace_otlp_${name}_total`)
        ?.series.find((series) => Object.entries(labels).every(([key, value]) => series.labels[key] === value))
        ?.value ?? 0,
    client(more = {}) {
      const client = newGrpcClient({ address: addressOf('grpc'), log: silentLog, ...more })
      onTestFinished(() => client.close())
      return client
    },
    send: (what) => send(port, what),
    stop,
  }
}

/** One HTTP request on a connection of its own. */
function send(port: number, options: SendOptions): Promise<Answer> {
  const { method = 'POST', path = '/v1/logs', headers = {}, body = '', tls, signal } = options
  return new Promise((resolve, reject) => {
    const common = { host: '127.0.0.1', port, method, path, headers, agent: false as const, ...(signal && { signal }) }
    const request = tls ? tlsRequest({ ...common, ...tls }) : plainRequest(common)
    request.on('error', reject)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
    request.end(body)
  })
}
