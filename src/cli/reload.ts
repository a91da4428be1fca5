import type { GateChoice } from '../config/feature-gates.ts'
import type { ServiceSettings } from '../config/schema.ts'
import type { Shared } from '../engine/host.ts'
import { type Plan, prepared } from '../engine/plan.ts'
import { sameSettings } from '../engine/same-settings.ts'
import type { Graph, Reloaded } from '../pipeline.ts'

/** What came of a reload. */
export interface ReloadOutcome {
  readonly result: 'success' | 'unchanged' | 'failure'
  /** For people: why it failed, with every problem of the files; warnings otherwise. */
  readonly text: string
  /** Parts by their keys, such as `exporter otlp` or `processor batch logs/app`. */
  readonly changed: readonly string[]
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly kept: number
  readonly tookMs: number
}

export interface ReloaderOptions {
  /** Locations of the configuration, as they were given. */
  readonly locations: readonly string[]
  readonly set: readonly string[]
  readonly gates?: GateChoice | undefined
  readonly service: ServiceSettings
  readonly plan: Plan
  readonly shared: Shared
  readonly graph: Graph
  /** Told before and after each. */
  readonly before?: (() => void) | undefined
  readonly after?: ((outcome: ReloadOutcome) => void) | undefined
}

export interface Reloader {
  /** The plan that runs. */
  readonly plan: Plan
  /** Paths of the files that the last sound configuration was read from; empty before the first reload. */
  readonly files: readonly string[]
  /** Reads the configuration anew and makes it what runs. Who asks while one is under way gets the outcome of the next. */
  request(): Promise<ReloadOutcome>
}

type Change = Pick<ReloadOutcome, 'result' | 'text'> & Partial<Omit<Reloaded, 'kept'>> & { kept?: number }

export function newReloader(options: ReloaderOptions): Reloader {
  const { locations, set, gates, service, shared, graph } = options
  const { clock, log } = shared
  const note = newNotes(shared)
  let { plan } = options
  let files: readonly string[] = []
  let told = service.telemetry
  let running: Promise<ReloadOutcome> | undefined
  let next: Promise<ReloadOutcome> | undefined

  const change = async (): Promise<Change> => {
    // Most processes never need these.
    const [{ readInThread }, { rereadTlsFiles }] = await Promise.all([
      import('./read-in-thread.ts'),
      import('../net/tls.ts'),
    ])
    const read = await readInThread(locations, set, gates)
    if (!read.plan || !read.service) return { result: 'failure', text: read.findings }
    const whole = await prepared(read.plan, log)
    const { kept, changed, added, removed } = await graph.reload(whole)
    plan = whole
    files = read.files
    shared.budget.maxBytes = plan.memoryLimit
    shared.budget.softBytes = plan.softMemoryLimit ?? plan.memoryLimit
    rereadTlsFiles()
    if (!sameSettings(told, read.service.telemetry))
      log.warn('service.telemetry has changed: that takes effect with a restart, everything else is in effect now')
    told = read.service.telemetry
    const result = changed.length + added.length + removed.length > 0 ? 'success' : 'unchanged'
    return { result, text: read.findings, changed, added, removed, kept: kept.length }
  }
  const reload = async (): Promise<ReloadOutcome> => {
    const since = clock.monotonic()
    options.before?.()
    const done = await change().catch((error: Error): Change => ({ result: 'failure', text: `${error.message}\n` }))
    const tookMs = Math.round(clock.monotonic() - since)
    const outcome = { changed: [], added: [], removed: [], kept: 0, ...done, tookMs }
    note(outcome)
    options.after?.(outcome)
    return outcome
  }
  const request = (): Promise<ReloadOutcome> => {
    if (running) {
      next ??= running.then(() => {
        next = undefined
        return request()
      })
      return next
    }
    running = reload().finally(() => {
      running = undefined
    })
    return running
  }
  return {
    get plan() {
      return plan
    },
    get files() {
      return files
    },
    request,
  }
}

/** What is said and counted of reloads. */
function newNotes({ clock, log, metrics }: Shared): (outcome: ReloadOutcome) => void {
  const help = 'Reloads of the configuration, by what came of them.'
  const results = ['success', 'unchanged', 'failure'] as const
  const counters = Object.fromEntries(
    results.map((result) => [result, metrics.counter('tailrace_reload_total', help, { result })]),
  )
  let lastSuccess = clock.now()
  let isSound = 1
  const stampHelp = 'When the configuration that runs was read, in seconds since 1970.'
  metrics.observe('tailrace_reload_last_success_timestamp_seconds', stampHelp, {}, () => lastSuccess / 1000)
  const soundHelp = 'Whether the last reload succeeded: 0 while what runs is not what the files say.'
  metrics.observe('tailrace_reload_last_succeeded', soundHelp, {}, () => isSound)
  return ({ result, text, changed, added, removed, kept, tookMs }) => {
    counters[result]!.add(1)
    isSound = result === 'failure' ? 0 : 1
    if (text !== '') process.stderr.write(text)
    if (result === 'failure') return log.error('reload failed: everything runs on as before', { took: `${tookMs} ms` })
    lastSuccess = clock.now()
    if (result === 'unchanged') return log.info('reloaded: nothing has changed', { took: `${tookMs} ms` })
    const names = (keys: readonly string[]) => (keys.length > 0 ? keys.join(', ') : undefined)
    const parts = { changed: names(changed), added: names(added), removed: names(removed) }
    log.info('reloaded', { ...parts, kept, took: `${tookMs} ms` })
  }
}
