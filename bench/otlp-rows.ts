import type { Signal } from './driver/otlp-payload.ts'
import type { Row } from './row.ts'

type OtlpLoad = Extract<Row['load'], { kind: 'otlp' }>

const load = (signal: Signal, more: Partial<OtlpLoad> = {}): OtlpLoad => ({
  kind: 'otlp',
  signal,
  transport: 'grpc',
  batch: 100,
  clients: 16,
  ...more,
})
const byHttp = { transport: 'http' } as const

type Cost = readonly [signal: Signal, goal: number]

/** One row a signal, as fast as the role takes it; CPU microseconds that are asked for. */
const flatOut = (name: string, role: Row['role'], costs: readonly Cost[], more: Partial<OtlpLoad> = {}): Row[] =>
  costs.map(([signal, goal]) => ({
    name: `${name}, ${signal}`,
    role,
    load: load(signal, more),
    rate: 0,
    goal: { cpu: goal },
  }))

const edits: readonly Cost[] = [
  ['logs', 3],
  ['metrics', 3],
  ['traces', 3],
]

/** The Collector's job. */
export const otlpRows: readonly Row[] = [
  ...flatOut('OTLP to OTLP', 'otlp to otlp', [
    ['logs', 1.35],
    ['metrics', 1.45],
    ['traces', 1.4],
  ]),
  ...flatOut('OTLP to OTLP, batch', 'otlp to otlp, batch', [
    ['logs', 1.5],
    ['metrics', 1.5],
    ['traces', 1.5],
  ]),
  ...flatOut('OTLP to OTLP, attributes + filter + batch', 'otlp to otlp, edits', edits).map((row) => ({
    ...row,
    factor: { otlp: 0.9 },
  })),
  ...flatOut('OTLP to OTLP, queue on disk', 'otlp to otlp, on disk', [['logs', 3]]),
  ...flatOut('OTLP to OTLP, queue on disk, synced', 'otlp to otlp, on disk, synced', [['logs', 6]]),
  ...flatOut('OTLP to OTLP, gzip out', 'otlp to otlp, gzip', [['logs', 3]]),
  ...flatOut('OTLP/HTTP to OTLP/HTTP', 'otlphttp to otlphttp', [['logs', 3]], byHttp),
  ...flatOut('OTLP/HTTP to OTLP/HTTP, gzip', 'otlphttp to otlphttp, gzip', [['logs', 5]], {
    ...byHttp,
    gzip: true,
  }),
  {
    name: 'OTLP to OTLP, latency',
    role: 'otlp to otlp',
    load: load('logs', { batch: 10 }),
    rate: 1000,
    latency: true,
    goal: { p50: 0.4, p99: 1.6 },
  },
  {
    name: 'OTLP to OTLP, batch, latency',
    role: 'otlp to otlp, batch',
    load: load('logs', { batch: 10 }),
    rate: 1000,
    latency: true,
    goal: { p50: 5, p99: 25 },
  },
  {
    name: 'Prometheus page of 10,000 series to OTLP',
    role: 'prometheus to otlp',
    load: { kind: 'none' },
    rate: 10_000,
    seconds: 10,
    goal: { cpu: 2 },
    // Metrics of 100 points, and five of the scrape itself.
    factor: { otlp: 0.0105 },
  },
]
