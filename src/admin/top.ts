import type { Account, Ledger } from '../delivery/ledger.ts'
import { type Taps, type Times, workerKey } from '../engine/taps.ts'
import type { ServiceStatus } from '../plugin.ts'
import type { Clock } from '../runtime/clock.ts'
import { cpuSeconds } from './process-facts.ts'
import { accountKey, type Look, lookOf, rateBetween } from './rates.ts'

/** One line of the live table. */
export interface TopRow {
  /** As in the metrics: `queue` is an exporter's side, converters and connectors are processors. */
  readonly kind: Account['kind']
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  /** Of the component; null for what is none, such as a converter. */
  readonly state: string | null
  /** Records per second. */
  readonly in: number
  readonly out: number
  readonly dropped: number
  readonly refused: number
  /** Since the start of the process. */
  readonly total: { readonly in: number; readonly out: number; readonly dropped: number }
  /** Records that wait here or are on their way. */
  readonly held: number
  /** From 0 to 1; null for what is no queue, or has no bound. */
  readonly fill: number | null
  /** Mean time that a record is held: how many are held by how many leave (Little's law); null when none leave. */
  readonly latency_ms: number | null
  /** Share of one core spent inside; null for receivers, whose work cannot be told apart. */
  readonly cpu: number | null
}

export interface TopSample {
  readonly at: string
  readonly interval_ms: number
  readonly process: {
    readonly pid: number
    readonly ready: boolean
    readonly uptime_seconds: number
    /** Share of one core, more than 1 with threads. */
    readonly cpu: number
    /** Share of the time in which the event loop was busy. */
    readonly loop: number
    /** Bytes. */
    readonly rss: number
    readonly heap: number
    readonly queued: number
    readonly memory_limit: number
  }
  readonly rows: readonly TopRow[]
}

export interface TopSources {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly budget: { readonly used: number; readonly maxBytes: number }
  readonly taps: Taps
  status(): ServiceStatus
}

interface Moment {
  readonly accounts: readonly Account[]
  readonly look: Look
  readonly cpu: number
  readonly loop: ReturnType<typeof performance.eventLoopUtilization>
  readonly times: Times
  readonly refused: ReadonlyMap<string, number>
}

/** Tells every `intervalMs` what happened since, until `stop` is called. Work is measured only meanwhile. */
export function startTop(sources: TopSources, intervalMs: number, show: (sample: TopSample) => void): { stop(): void } {
  const { ledger, clock, taps } = sources
  const meter = taps.meter()
  const moment = (): Moment => {
    const accounts = ledger.summary()
    return {
      accounts,
      look: lookOf(accounts, clock),
      cpu: cpuSeconds(),
      loop: performance.eventLoopUtilization(),
      times: meter.read(),
      refused: new Map(accounts.map((account) => [accountKey(account), sentBack(account)])),
    }
  }
  let before = moment()
  const turn = () => {
    const now = moment()
    show(sampleOf(sources, before, now))
    before = now
    timer = clock.after(intervalMs, turn)
  }
  let timer = clock.after(intervalMs, turn)
  return {
    stop() {
      timer.cancel()
      meter.stop()
    },
  }
}

function sampleOf(sources: TopSources, before: Moment, now: Moment): TopSample {
  const { clock, budget } = sources
  const { ready, components } = sources.status()
  const ms = now.look.at - before.look.at
  const { rss, heapUsed } = process.memoryUsage()
  return {
    at: new Date(clock.now()).toISOString(),
    interval_ms: Math.round(ms),
    process: {
      pid: process.pid,
      ready,
      uptime_seconds: Math.round(process.uptime()),
      cpu: share((now.cpu - before.cpu) * 1000, ms),
      loop: Number(performance.eventLoopUtilization(now.loop, before.loop).utilization.toFixed(4)),
      rss,
      heap: heapUsed,
      queued: budget.used,
      memory_limit: budget.maxBytes,
    },
    rows: now.accounts.map((account) => rowOf(account, before, now, components)),
  }
}

function rowOf(account: Account, before: Moment, now: Moment, components: ServiceStatus['components']): TopRow {
  const { kind, id, labels, fill } = account
  const ms = now.look.at - before.look.at
  const rate = rateBetween(before.look, now.look, account)
  const key = accountKey(account)
  const [came, went, lost] = now.look.sums.get(key)!
  const held = account.held()
  const refused = (now.refused.get(key) ?? 0) - (before.refused.get(key) ?? 0)
  return {
    kind,
    id,
    labels,
    state: components.find((each) => each.id === id && kinds[kind].includes(each.kind))?.state ?? null,
    ...rate,
    refused: ms > 0 ? Math.round((10_000 * refused) / ms) / 10 : 0,
    total: { in: came, out: went, dropped: lost },
    held,
    fill: fill && Number.isFinite(fill.capacity) && fill.capacity > 0 ? share(fill.size(), fill.capacity) : null,
    latency_ms: latencyOf(held, rate.out),
    cpu: kind === 'receiver' ? null : workOf(account, before, now),
  }
}

/** Nothing is known where nothing leaves. */
const latencyOf = (held: number, out: number): number | null => (out > 0 ? Math.round((held / out) * 1000) : null)

const kinds: Readonly<Record<Account['kind'], readonly string[]>> = {
  receiver: ['receiver'],
  processor: ['processor', 'connector'],
  queue: ['exporter'],
}

const sentBack = ({ kind, refused, turned_away }: Account) => (kind === 'receiver' ? refused : turned_away)

/** An exporter with several queues is entered by one door: its work is split as what comes in. */
function workOf(account: Account, before: Moment, now: Moment): number {
  const { kind, id, labels } = account
  const key = workerKey({ kind, id, pipeline: kind === 'processor' ? labels.pipeline : undefined })
  const work = share((now.times.get(key) ?? 0) - (before.times.get(key) ?? 0), now.look.at - before.look.at)
  if (kind !== 'queue' || work === 0) return work
  const came = (each: Account) => rateBetween(before.look, now.look, each).in
  const all = now.accounts.filter((each) => each.kind === kind && each.id === id)
  return all.length === 1
    ? work
    : work *
        share(
          came(account),
          all.reduce((sum, each) => sum + came(each), 0),
        )
}

const share = (part: number, whole: number): number => (whole > 0 ? Number((part / whole).toFixed(4)) : 0)
