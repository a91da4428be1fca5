import type { LoadSpec } from './driver/loads.ts'
import type { Mix } from './driver/payload.ts'
import type { RoleName } from './roles.ts'

type Without<T> = T extends unknown ? Omit<T, 'address'> : never

/** One measurement: a role, what it is fed with, and what counts. */
export interface Row {
  readonly name: string
  readonly role: RoleName
  readonly load: Without<LoadSpec>
  /** Records a second; 0: as fast as it takes. */
  readonly rate: number
  readonly latency?: boolean
  /** A destination that stops reading for the whole measured time. */
  readonly stall?: string
  /** Milliseconds without arrivals after which everything has arrived; 400 where nothing is said. */
  readonly quietMs?: number
  /** Records a second while it warms up, where the usual 20,000 are too many. */
  readonly warmRate?: number
  /** Takes so long that it is measured only when its name is asked for. */
  readonly long?: true
  /** Seconds of measured time, where the usual is too short. */
  readonly seconds?: number
  /** CPU microseconds per record that are asked for at a calibration of 210 to 260 ms; or latency, p50 and p99 in ms. */
  readonly goal?: { cpu?: number; p50?: number; p99?: number; rss?: number }
  /** The same measured on the original agent, with its calibration where one was taken (method: docs/performance.md). */
  readonly original?: { cpu?: number; calibration?: number; p50?: number; p99?: number; perSecond?: number }
  /** Records that each destination gets for one that was sent; 1 where nothing is said. */
  readonly factor?: Record<string, number>
}

const batches = (mix: Mix, batch = 100, clients = 1): Row['load'] => ({ kind: 'batches', mix, batch, clients })
const otlpLoad = (signal: 'logs' | 'metrics' | 'traces', transport: 'grpc' | 'http' = 'grpc'): Row['load'] => ({
  kind: 'otlp',
  signal,
  transport,
  batch: 100,
  clients: 16,
})
const singles = (clients: number): Row['load'] => ({ kind: 'envelopes', mix: 'logs', clients })
const forwarder = 'forwarder-agent' as const
const withOtlp = 'forwarder-agent with otlp' as const
/** 100 mixed envelopes make 60 log records, 60 + 10 metrics and 10 spans. */
const otlp = { otlp: 1.4 }

export const rows: readonly Row[] = [
  {
    name: 'forwarder, logs',
    original: { cpu: 40.6, calibration: 280 },
    role: forwarder,
    load: batches('logs'),
    rate: 20_000,
    goal: { cpu: 3.5, rss: 140 },
  },
  { name: 'forwarder, logs, 100,000/s', role: forwarder, load: batches('logs'), rate: 100_000, goal: { cpu: 3.5 } },
  {
    name: 'forwarder, mixed',
    original: { cpu: 38.2, calibration: 210 },
    role: forwarder,
    load: batches('mixed'),
    rate: 20_000,
    goal: { cpu: 4 },
  },
  {
    name: 'forwarder + OTLP, mixed',
    original: { cpu: 50.8, calibration: 230 },
    role: withOtlp,
    load: batches('mixed'),
    rate: 20_000,
    goal: { cpu: 7 },
    factor: otlp,
  },
  { name: 'forwarder, Sender, 20 clients', role: forwarder, load: singles(20), rate: 20_000, goal: { cpu: 8 } },
  {
    name: 'loggregator-agent, 1 doppler',
    original: { cpu: 15.7, calibration: 290 },
    role: 'loggregator-agent',
    load: batches('logs', 100, 5),
    rate: 40_000,
    goal: { cpu: 2 },
  },
  {
    name: 'udp-forwarder, v1 logs',
    original: { cpu: 17.8, calibration: 280 },
    role: 'udp-forwarder',
    load: { kind: 'v1' },
    rate: 20_000,
    goal: { cpu: 7 },
  },
  {
    name: 'statsd-injector, 1 line',
    original: { cpu: 15.5 },
    role: 'statsd-injector',
    load: { kind: 'statsd', lines: 1 },
    rate: 20_000,
    goal: { cpu: 7 },
  },
  {
    name: 'statsd-injector, 10 lines',
    original: { cpu: 14.9, calibration: 250 },
    role: 'statsd-injector',
    load: { kind: 'statsd', lines: 10 },
    rate: 40_000,
    goal: { cpu: 1.5 },
  },
  {
    name: 'prom-scraper, 10,000 series',
    original: { cpu: 12.5 },
    role: 'prom-scraper',
    load: { kind: 'none' },
    rate: 10_000,
    seconds: 10,
    goal: { cpu: 2 },
  },
  {
    name: 'forwarder, 1,000/s by 10',
    original: { cpu: 70 },
    role: forwarder,
    load: batches('logs', 10),
    rate: 1000,
    seconds: 6,
    goal: { cpu: 20 },
  },
  {
    name: 'forwarder + OTLP, Sender, 1,000/s',
    role: withOtlp,
    load: singles(20),
    rate: 1000,
    seconds: 6,
    goal: { cpu: 100 },
  },
  {
    name: 'forwarder, latency',
    original: { p50: 50, p99: 92, calibration: 280 },
    role: forwarder,
    load: batches('logs', 10),
    rate: 1000,
    latency: true,
    goal: { p50: 1, p99: 5 },
  },
  {
    name: 'loggregator-agent, latency',
    original: { p50: 147, p99: 203, calibration: 290 },
    role: 'loggregator-agent',
    load: batches('logs', 10),
    rate: 1000,
    latency: true,
    goal: { p50: 1, p99: 5 },
  },
  {
    name: 'forwarder + OTLP, latency',
    original: { p50: 62, p99: 170, calibration: 310 },
    role: withOtlp,
    load: batches('logs', 10),
    rate: 1000,
    latency: true,
    goal: { p50: 15, p99: 40 },
  },
  {
    name: 'udp-forwarder, latency',
    original: { p50: 51, p99: 100, calibration: 280 },
    role: 'udp-forwarder',
    load: { kind: 'v1' },
    rate: 1000,
    latency: true,
  },
  {
    name: 'forwarder, as fast as it takes',
    original: { perSecond: 28_100, calibration: 280 },
    role: forwarder,
    load: batches('logs'),
    rate: 0,
    goal: { rss: 140 },
  },
  {
    name: 'loggregator-agent, as fast as it takes',
    original: { perSecond: 45_300, calibration: 290 },
    role: 'loggregator-agent',
    load: batches('logs', 100, 5),
    rate: 0,
    goal: { rss: 140 },
  },
  {
    name: 'forwarder, one of three stalls',
    role: forwarder,
    load: batches('logs'),
    rate: 8000,
    stall: 'two',
    seconds: 7,
  },
  {
    name: 'syslog-agent, aggregate drain, TCP',
    original: { cpu: 41.3, calibration: 290 },
    role: 'syslog-agent with tcp',
    load: batches('logs'),
    rate: 20_000,
    goal: { cpu: 3.5 },
  },
  {
    name: 'syslog-agent, aggregate drain, TCP, 100,000/s',
    role: 'syslog-agent with tcp',
    load: batches('logs'),
    rate: 100_000,
    goal: { cpu: 3.5 },
  },
  {
    name: 'syslog-agent, aggregate drain, TLS',
    original: { cpu: 29.9, calibration: 220 },
    role: 'syslog-agent with tls',
    load: batches('logs'),
    rate: 20_000,
    goal: { cpu: 4 },
  },
  {
    name: 'syslog-agent, 50 app drains, TCP',
    original: { cpu: 46.7, calibration: 410 },
    role: 'syslog-agent with apps',
    load: batches('logs'),
    rate: 20_000,
    goal: { cpu: 5 },
  },
  {
    name: 'syslog-agent, 50 app drains, TCP, 100,000/s',
    role: 'syslog-agent with apps',
    load: batches('logs'),
    rate: 100_000,
    goal: { cpu: 5 },
  },
  {
    name: 'syslog-agent, https-batch drain',
    original: { cpu: 23.4, calibration: 210 },
    role: 'syslog-agent with https-batch',
    load: batches('logs'),
    rate: 20_000,
    quietMs: 1300,
    goal: { cpu: 3.5 },
  },
  {
    name: 'syslog-agent, https drain',
    original: { cpu: 47.9, calibration: 390 },
    role: 'syslog-agent with https',
    load: batches('logs'),
    rate: 4000,
    warmRate: 4000,
    goal: { cpu: 35 },
  },
  {
    name: 'syslog-agent, mixed, TCP',
    original: { cpu: 38, calibration: 240 },
    role: 'syslog-agent with tcp',
    load: batches('mixed'),
    rate: 20_000,
    factor: { drain: 1.4 },
  },
  {
    name: 'syslog-agent, as fast as it takes',
    original: { perSecond: 26_000, calibration: 290 },
    role: 'syslog-agent with tcp',
    load: batches('logs'),
    rate: 0,
  },
  {
    name: 'syslog-agent, latency',
    original: { p50: 0.6, p99: 1.1 },
    role: 'syslog-agent with tcp',
    load: batches('logs', 10),
    rate: 1000,
    latency: true,
    goal: { p50: 0.6, p99: 1.1 },
  },
  {
    name: 'syslog-agent, one of 50 app drains stalls',
    role: 'syslog-agent with apps, one apart',
    load: batches('hot'),
    rate: 20_000,
    stall: 'apart',
    seconds: 7,
    factor: { drain: 0.5, apart: 0.5 },
  },
  {
    name: 'syslog to syslog, TCP',
    // rsyslog 8.2302; syslog-ng 3.38 took 9 to 10.7, the Collector 38 to 42.
    original: { cpu: 5.3 },
    role: 'syslog to syslog',
    load: { kind: 'frames', batch: 100, clients: 4 },
    rate: 20_000,
    goal: { cpu: 3 },
  },
  {
    name: 'syslog to syslog, as fast as it takes',
    original: { perSecond: 190_000 },
    role: 'syslog to syslog',
    load: { kind: 'frames', batch: 100, clients: 4 },
    rate: 0,
  },
  {
    name: 'syslog to syslog, latency',
    original: { p50: 11.2, p99: 44.7 },
    role: 'syslog to syslog',
    load: { kind: 'frames', batch: 10, clients: 4 },
    rate: 1000,
    latency: true,
  },
  {
    name: 'a thousand stalled drains',
    role: 'syslog-agent with 1,000 drains',
    load: batches('spread'),
    rate: 50_000,
    warmRate: 50_000,
    stall: 'drain',
    long: true,
    seconds: 600,
  },
  {
    name: 'OTLP to OTLP, logs',
    role: 'otlp to otlp',
    load: otlpLoad('logs'),
    rate: 0,
    original: { cpu: 4.5 },
    goal: { cpu: 1.35 },
  },
  {
    name: 'OTLP to OTLP, metrics',
    role: 'otlp to otlp',
    load: otlpLoad('metrics'),
    rate: 0,
    original: { cpu: 4.8 },
    goal: { cpu: 1.45 },
  },
  {
    name: 'OTLP to OTLP, traces',
    role: 'otlp to otlp',
    load: otlpLoad('traces'),
    rate: 0,
    original: { cpu: 4.7 },
    goal: { cpu: 1.4 },
  },
  {
    name: 'OTLP to OTLP, batch, logs',
    role: 'otlp to otlp, batch',
    load: otlpLoad('logs'),
    rate: 0,
    original: { cpu: 4.1 },
    goal: { cpu: 1.5 },
  },
  {
    name: 'OTLP to OTLP, batch, metrics',
    role: 'otlp to otlp, batch',
    load: otlpLoad('metrics'),
    rate: 0,
    original: { cpu: 7.1 },
    goal: { cpu: 1.5 },
  },
  {
    name: 'OTLP to OTLP, batch, traces',
    role: 'otlp to otlp, batch',
    load: otlpLoad('traces'),
    rate: 0,
    original: { cpu: 5.8 },
    goal: { cpu: 1.5 },
  },
  {
    name: 'OTLP to OTLP, attributes + filter + batch, logs',
    role: 'otlp to otlp, edits',
    load: otlpLoad('logs'),
    rate: 0,
    original: { cpu: 8.0 },
    goal: { cpu: 3 },
    factor: { otlp: 0.9 },
  },
  {
    name: 'OTLP to OTLP, attributes + filter + batch, metrics',
    role: 'otlp to otlp, edits',
    load: otlpLoad('metrics'),
    rate: 0,
    original: { cpu: 10.9 },
    goal: { cpu: 3 },
    factor: { otlp: 0.9 },
  },
  {
    name: 'OTLP to OTLP, attributes + filter + batch, traces',
    role: 'otlp to otlp, edits',
    load: otlpLoad('traces'),
    rate: 0,
    original: { cpu: 9.2 },
    goal: { cpu: 3 },
    factor: { otlp: 0.9 },
  },
  {
    name: 'OTLP to OTLP, queue on disk, logs',
    role: 'otlp to otlp, on disk',
    load: otlpLoad('logs'),
    rate: 0,
    original: { cpu: 12.7 },
    goal: { cpu: 3 },
  },
  {
    name: 'OTLP to OTLP, queue on disk, synced, logs',
    role: 'otlp to otlp, on disk, synced',
    load: otlpLoad('logs'),
    rate: 0,
    original: { cpu: 36 },
    goal: { cpu: 6 },
  },
  {
    name: 'OTLP to OTLP, gzip out, logs',
    role: 'otlp to otlp, gzip',
    load: otlpLoad('logs'),
    rate: 0,
    original: { cpu: 9.9 },
    goal: { cpu: 3 },
  },
  {
    name: 'OTLP/HTTP to OTLP/HTTP, logs',
    role: 'otlphttp to otlphttp',
    load: otlpLoad('logs', 'http'),
    rate: 0,
    original: { cpu: 11.7 },
    goal: { cpu: 3 },
  },
  {
    name: 'OTLP/HTTP to OTLP/HTTP, gzip, logs',
    role: 'otlphttp to otlphttp, gzip',
    load: { kind: 'otlp', signal: 'logs', transport: 'http', batch: 100, clients: 16, gzip: true },
    rate: 0,
    original: { cpu: 14.8 },
    goal: { cpu: 5 },
  },
  {
    name: 'OTLP to OTLP, latency',
    role: 'otlp to otlp',
    load: { kind: 'otlp', signal: 'logs', transport: 'grpc', batch: 10, clients: 16 },
    rate: 1000,
    latency: true,
    original: { p50: 0.4, p99: 1.6 },
    goal: { p50: 0.4, p99: 1.6 },
  },
  {
    name: 'OTLP to OTLP, batch, latency',
    role: 'otlp to otlp, batch',
    load: { kind: 'otlp', signal: 'logs', transport: 'grpc', batch: 10, clients: 16 },
    rate: 1000,
    latency: true,
    original: { p50: 102, p99: 200 },
    goal: { p50: 5, p99: 25 },
  },
  {
    name: 'Prometheus page of 10,000 series to OTLP',
    role: 'prometheus to otlp',
    load: { kind: 'none' },
    rate: 10000,
    seconds: 10,
    original: { cpu: 5.75 },
    goal: { cpu: 2 },
    // Metrics of 100 points, and five of the scrape itself.
    factor: { otlp: 0.0105 },
  },
]
