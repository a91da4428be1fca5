import { cpuMicros, memoryOf } from '../proc.ts'
import type { Load } from './load.ts'
import type { Sink } from './sink.ts'

export interface StepSpec {
  /** Process under test. */
  pid: number
  /** Records a second; 0: as fast as the peer takes them. */
  rate: number
  /** Load before the measured time: at this rate for so long, then for a second as measured. */
  warmRate: number
  warmMs: number
  ms: number
  latency: boolean
  /** Nothing has arrived for this long: everything has. */
  quietMs: number
  /** A sink that stops reading when the measured time begins, and for how long. */
  stall?: { sink: string; ms: number }
}

export interface SinkResult {
  name: string
  records: number
  messages: number
  p50?: number
  p99?: number
}

export interface StepResult {
  sent: number
  /** Pages that the role fetched. */
  fetched: number
  seconds: number
  /** User and system time of the process under test from the start of the measured time until everything had arrived. */
  cpuMicros: number
  rss: number
  rssPrivate: number
  /** Highest resident memory seen during the step. */
  rssMost: number
  driverPercent: number
  sinks: SinkResult[]
}

const longestDrainMs = 10_000
/** A sender that was held up for longer forgets what it owes, instead of sending it in one burst. */
const forgetMs = 20

const parking = new Int32Array(new SharedArrayBuffer(4))
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** `fetched`: how often the role has fetched a page so far. */
export async function runStep(
  load: Load,
  sinks: readonly Sink[],
  spec: StepSpec,
  fetched: () => number,
): Promise<StepResult> {
  await pump(load, spec.warmRate, spec.warmMs, false)
  await pump(load, spec.rate, 1000, false)
  await settled(sinks, spec.quietMs)
  const fetchedBefore = fetched()
  const before = sinks.map(({ records, messages }) => ({ records, messages }))
  for (const sink of sinks) {
    sink.latencies.length = 0
    sink.timing = spec.latency
  }
  let rssMost = 0
  const watch = setInterval(() => (rssMost = Math.max(rssMost, memoryOf(spec.pid).rss)), 100)
  const stalled = sinks.find(({ name }) => name === spec.stall?.sink)
  if (stalled) {
    stalled.stall(true)
    setTimeout(() => stalled.stall(false), spec.stall!.ms)
  }
  const began = performance.now()
  const cpu = cpuMicros(spec.pid)
  const own = process.cpuUsage()
  const sent = await pump(load, spec.rate, spec.ms, spec.latency)
  const seconds = (performance.now() - began) / 1000
  const used = process.cpuUsage(own)
  await settled(sinks, spec.quietMs)
  clearInterval(watch)
  const memory = memoryOf(spec.pid)
  return {
    sent,
    fetched: fetched() - fetchedBefore,
    seconds,
    cpuMicros: cpuMicros(spec.pid) - cpu,
    rss: memory.rss,
    rssPrivate: memory.private,
    rssMost: Math.max(rssMost, memory.rss),
    driverPercent: (used.user + used.system) / seconds / 1e4,
    sinks: sinks.map((sink, i) => {
      sink.timing = false
      const records = sink.records - before[i]!.records
      return { name: sink.name, records, messages: sink.messages - before[i]!.messages, ...percentiles(sink.latencies) }
    }),
  }
}

/** Sends in steps of a quarter of a millisecond, finer for latency; answers how many records went. */
async function pump(load: Load, rate: number, ms: number, stamped: boolean): Promise<number> {
  const began = performance.now()
  let units = 0
  let owed = 0
  let last = began
  for (;;) {
    const now = performance.now()
    if (now - began >= ms) return units * load.per
    if (rate > 0) {
      owed = Math.min(
        owed + ((now - last) / 1000) * (rate / load.per),
        Math.max(1, (forgetMs / 1000) * (rate / load.per)),
      )
      last = now
      for (; owed >= 1; owed--) if (load.send(units, stamped)) units++
      // Holds the thread for less than a timer could, without spending its time.
      Atomics.wait(parking, 0, 0, stamped ? 0.05 : 0.25)
    } else while (load.send(units, stamped)) units++
    await turn()
  }
}

async function settled(sinks: readonly Sink[], quietMs: number): Promise<void> {
  const total = () => sinks.reduce((sum, { records }) => sum + records, 0)
  const until = performance.now() + longestDrainMs
  let last = total()
  let since = performance.now()
  while (performance.now() < until && performance.now() - since < quietMs) {
    await sleep(20)
    const now = total()
    if (now !== last) since = performance.now()
    last = now
  }
}

function percentiles(values: number[]): { p50?: number; p99?: number } {
  if (values.length === 0) return {}
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
  return { p50: at(0.5), p99: at(0.99) }
}
