import { object } from '../../src/config/fields.ts'
import { Budget } from '../../src/delivery/budget.ts'
import { type Account, Ledger } from '../../src/delivery/ledger.ts'
import { buildGraph } from '../../src/pipeline.ts'
import { type Batch, defineExporter, type Format, type ReceiverSpec, type Schema } from '../../src/plugin.ts'
import { type Clock, ManualClock } from '../../src/runtime/clock.ts'
import { type Level, newLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'

/** A receiver in a real graph, in front of an exporter that keeps what it gets. */
export interface ReceiverRun {
  readonly clock: ManualClock
  readonly metrics: Metrics
  readonly account: Account
  readonly budget: Budget
  /** What was delivered, in order. */
  readonly batches: Batch[]
  /** Lines of the agent's log without stamp. */
  readonly lines: string[]
  start(): Promise<void>
  stop(): Promise<void>
  /** Resolves when so many records have been delivered in all. */
  records(count: number): Promise<Batch[]>
  /** Resolves with the first line that holds `text`, from the `from`th on. */
  line(text: string, from?: number): Promise<string>
  /** The value of one counter: `failed_scrapes_total`, by part of its labels. */
  counter(name: string, labels?: Record<string, string>): number | undefined
}

export interface ReceiverRunOptions {
  formats: readonly Format[]
  /** Bytes of the memory budget; default 256 MiB. */
  memory?: number
  level?: Level
}

/** Puts a receiver with these settings into a graph, one pipeline for each format. Start it yourself. */
export function runReceiver(
  spec: ReceiverSpec<never> | ReceiverSpec,
  written: unknown,
  options: ReceiverRunOptions,
): ReceiverRun {
  const watchers = new Set<() => void>()
  const changed = () => {
    for (const watch of watchers) watch()
  }
  const until = <T>(ask: () => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const watch = () => {
        const answer = ask()
        if (answer === undefined) return
        watchers.delete(watch)
        resolve(answer)
      }
      watchers.add(watch)
      watch()
    })
  const batches: Batch[] = []
  const lines: string[] = []
  const recorder = defineExporter({
    type: 'recorder',
    stability: 'experimental',
    summary: 'Keeps batches for a test.',
    config: object({}),
    takes: options.formats,
    delivery: { semantics: 'none', order: 'kept', on_kill: 'everything' },
    create: () => ({
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      admissions: () => [],
      consume(batch) {
        batches.push(batch)
        changed()
      },
    }),
  })
  const log = newLog({
    level: options.level ?? 'info',
    write(line) {
      lines.push(line.replace(/^\S+ \S+ /, '').replace(/\n$/, ''))
      changed()
    },
  })
  const clock = new ManualClock(Date.now())
  const metrics = new Metrics()
  const ledger = new Ledger()
  const budget = new Budget('service', options.memory ?? 256 << 20)
  const config = (spec.config as Schema).parse(written)
  const graph = buildGraph(
    {
      instances: [
        { id: spec.type, spec: spec as ReceiverSpec, config, required: true },
        { id: 'recorder', spec: recorder, config: {}, required: true },
      ],
      pipelines: options.formats.map((format) => ({
        id: format,
        format,
        receivers: [spec.type],
        processors: [],
        exporters: ['recorder'],
      })),
      extensions: [],
      memoryLimit: budget.maxBytes,
      shutdownTimeoutMs: 1000,
    },
    { log, clock: clock satisfies Clock, metrics, ledger, budget },
  )
  return {
    clock,
    metrics,
    account: ledger.open('receiver', spec.type),
    budget,
    batches,
    lines,
    start: () => graph.start(),
    stop: () => graph.stop(new AbortController().signal),
    records: (count) =>
      until(() => (batches.reduce((sum, batch) => sum + batch.count, 0) >= count ? batches : undefined)),
    line: (text, from = 0) => until(() => lines.slice(from).find((line) => line.includes(text))),
    counter: (name, labels = {}) =>
      metrics
        .find(`tailrace_${spec.type}_${name}`)
        ?.series.find((series) => Object.entries(labels).every(([key, value]) => series.labels[key] === value))?.value,
  }
}
