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

type Cost = readonly [signal: Signal, collector: number, goal: number]

/** One row a signal, as fast as the role takes it; CPU microseconds of the Collector, and those that are asked for. */
const flatOut = (name: string, role: Row['role'], costs: readonly Cost[], more: Partial<OtlpLoad> = {}): Row[] =>
  costs.map(([signal, collector, goal]) => ({
    name: `${name}, ${signal}`,
    role,
    load: load(signal, more),
    rate: 0,
    original: { cpu: collector },
    goal: { cpu: goal },
  }))

const edits: readonly Cost[] = [
  ['logs', 8, 3],
  ['metrics', 10.9, 3],
  ['traces', 9.2, 3],
]

/** The Collector's job. Its figures were taken in the same way, on one core. */
export const otlpRows: readonly Row[] = [
  ...flatOut('OTLP to OTLP', 'otlp to otlp', [
    ['logs', 4.5, 1.35],
    ['metrics', 4.8, 1.45],
    ['traces', 4.7, 1.4],
  ]),
  ...flatOut('OTLP to OTLP, batch', 'otlp to otlp, batch', [
    ['logs', 4.1, 1.5],
    ['metrics', 7.1, 1.5],
    ['traces', 5.8, 1.5],
  ]),
  ...flatOut('OTLP to OTLP, attributes + filter + batch', 'otlp to otlp, edits', edits).map((row) => ({
    ...row,
    factor: { otlp: 0.9 },
  })),
  ...flatOut('OTLP to OTLP, queue on disk', 'otlp to otlp, on disk', [['logs', 12.7, 3]]),
  ...flatOut('OTLP to OTLP, queue on disk, synced', 'otlp to otlp, on disk, synced', [['logs', 36, 6]]),
  ...flatOut('OTLP to OTLP, gzip out', 'otlp to otlp, gzip', [['logs', 9.9, 3]]),
  ...flatOut('OTLP/HTTP to OTLP/HTTP', 'otlphttp to otlphttp', [['logs', 11.7, 3]], byHttp),
  ...flatOut('OTLP/HTTP to OTLP/HTTP, gzip', 'otlphttp to otlphttp, gzip', [['logs', 14.8, 5]], {
    ...byHttp,
    gzip: true,
  }),
  {
    name: 'OTLP to OTLP, latency',
    role: 'otlp to otlp',
    load: load('logs', { batch: 10 }),
    rate: 1000,
    latency: true,
    original: { p50: 0.4, p99: 1.6 },
    goal: { p50: 0.4, p99: 1.6 },
  },
  {
    name: 'OTLP to OTLP, batch, latency',
    role: 'otlp to otlp, batch',
    load: load('logs', { batch: 10 }),
    rate: 1000,
    latency: true,
    original: { p50: 102, p99: 200 },
    goal: { p50: 5, p99: 25 },
  },
  {
    name: 'Prometheus page of 10,000 series to OTLP',
    role: 'prometheus to otlp',
    load: { kind: 'none' },
    rate: 10_000,
    seconds: 10,
    original: { cpu: 5.75 },
    goal: { cpu: 2 },
    // Metrics of 100 points, and four of the scrape itself.
    factor: { otlp: 0.0104 },
  },
]
