import { rmSync, writeFileSync } from 'node:fs'
import type { AdminCommand, AdminSources } from '../admin/api.ts'
import { type Doors, newDoors } from '../admin/doors.ts'
import { agentName } from '../admin/socket-place.ts'
import { type GateChoice, unknownGatesWarning } from '../config/feature-gates.ts'
import type { ServiceSettings } from '../config/schema.ts'
import type { Shared } from '../engine/host.ts'
import { prepared } from '../engine/plan.ts'
import { leftInherited } from '../net/inherited-sockets.ts'
import { buildGraph, type Graph } from '../pipeline.ts'
import { maskSecrets } from '../runtime/mask-secrets.ts'
import type { OwnMetric } from '../runtime/own-metric.ts'
import { findingsText, readConfiguration } from './configuration.ts'
import { ExitCode } from './exit-codes.ts'
import { watchProcess, whenAskedToStop } from './process-signals.ts'
import { pullReaders } from './pull-readers.ts'
import { dropOpenQueue, replayDeadLetters, takeFromQueue } from './queue-commands.ts'
import { newReloader, type Reloader, type ReloadOutcome } from './reload.ts'
import { serviceManager } from './service-manager.ts'
import { type EveryShared, newShared } from './shared.ts'
import { statusReport } from './status-report.ts'
import type { TelemetryPages } from './telemetry-page.ts'
import { version } from './version.ts'
import { newFileWatch } from './watch-files.ts'

export interface RunOptions {
  set: readonly string[]
  logFormat?: string
  gates?: GateChoice
  /** Reload when a file of the configuration changes. */
  watch?: boolean
  /** Holds the id of the process while everything runs. */
  pidFile?: string
}

/** Runs the pipelines until SIGTERM or SIGINT; answers the exit code. */
export async function run(files: readonly string[], options: RunOptions): Promise<number> {
  const configuration = await readConfiguration(files, options.set, options.gates)
  process.stderr.write(findingsText(configuration))
  const { plan, service } = configuration
  if (!plan || !service) return ExitCode.config
  const { shared, log, closeTelemetry, show } = await newShared(plan, service, options.logFormat)
  const unknown = options.gates && unknownGatesWarning(options.gates)
  if (unknown) log.warn(unknown)
  const { starting, stopping } = service.telemetry.logs
  for (const line of starting) log.line(line)
  const stopped = whenAskedToStop()
  const manager = serviceManager(log)
  let reloader: Reloader | undefined
  const reload = () => {
    if (reloader) void reloader.request()
    else log.warn('not everything is running yet: nothing is reloaded')
  }
  let farewell = () => {}
  const ends: (() => unknown)[] = [
    watchProcess(log, { report: () => void process.stderr.write(statusReport(shared)), reload }),
  ]
  // Timers of components keep nothing alive, and neither does a handler of signals: something must, to the very end.
  const alive = setInterval(() => {}, 2 ** 30)
  ends.push(
    () => clearInterval(alive),
    () => manager.close(),
    closeTelemetry,
    () => farewell(),
  )
  const end = async (code: number) => {
    for (const fn of ends.toReversed()) await fn()
    return code
  }
  let graph: Graph | undefined
  // What the admin socket can be told to do.
  const commands: Record<string, AdminCommand> = {
    reload: requestReload,
    'queue.drop': dropOpenQueue,
    'queue.replay': replayDeadLetters,
    'queue.take': takeFromQueue,
  }
  try {
    const whole = await prepared(plan, log)
    graph = buildGraph(whole, shared)
    const running = { locations: files, ...options, service, plan: whole, shared, graph }
    reloader = newReloader({
      ...running,
      before: manager.reloading,
      after: ({ result }) => manager.ready(runningText(result)),
    })
    const { request } = reloader
    currentReload = request
    const pages = await showMetrics(reloader, service, shared, graph, show)
    ends.push(() => pages?.stop())
    const doors = adminDoors(files, service, shared, { status: () => graph!.status(), commands: () => commands })
    ends.push(() => doors.stop())
    await doors.start()
    await graph.start()
    if (options.pidFile !== undefined) ends.push(writePidFile(options.pidFile))
  } catch (error) {
    log.error((error as Error).message)
    reloader = undefined
    await graph?.stop(AbortSignal.timeout(0))
    return end(ExitCode.failed)
  }
  if (options.watch) ends.push(watchConfiguration(configuration.files, reloader, shared))
  for (const socket of leftInherited()) log.warn('a socket of the service manager is used by nobody', { socket })
  manager.ready('running')
  log.info('ready: everything is running', { pipelines: plan.pipelines.length })
  const signal = await stopped
  currentReload = undefined
  const { shutdownTimeoutMs } = reloader.plan
  manager.stopping()
  log.info(`${signal} received: draining`, { within: `${shutdownTimeoutMs} ms` })
  await graph.stop(AbortSignal.timeout(shutdownTimeoutMs))
  tellUnsent(shared)
  if (stopping) farewell = () => log.line(stopping)
  return end(ExitCode.ok)
}

/** What `systemctl status` shows after a reload. */
const runningText = (result: ReloadOutcome['result']) =>
  result === 'failure' ? 'running as before: the last reload failed, the log says why' : 'running'

let currentReload: (() => Promise<ReloadOutcome>) | undefined

/** Reads the configuration anew and makes it what runs. Rejects when nothing runs. */
export function requestReload(): Promise<ReloadOutcome> {
  return currentReload ? currentReload() : Promise.reject(new Error('nothing runs that could be reloaded'))
}

/** The answer takes the file away. */
function writePidFile(path: string): () => void {
  writeFileSync(path, `${process.pid}\n`)
  return () => rmSync(path, { force: true })
}

/** Reloads when a file of the configuration changes. */
function watchConfiguration(files: readonly string[], reloader: Reloader, shared: Shared): () => void {
  const watch = newFileWatch(async () => {
    await reloader.request()
    if (reloader.files.length > 0) watch.set(reloader.files)
  }, shared)
  watch.set(files)
  shared.log.info('watching the configuration', { files: files.length })
  return () => watch.stop()
}

/** What could not be sent within the time is lost; who stops a process by hand should hear of it. */
function tellUnsent({ ledger, log }: Shared): void {
  const queues = ledger.summary().filter(({ kind }) => kind === 'queue')
  const unsent = queues.reduce((sum, account) => sum + account.dropped('shutdown'), 0)
  if (unsent > 0) log.warn('stopped before everything was sent', { lost: unsent })
}

/** Shows the Collector's metrics where `service.telemetry.metrics` asks for them: sent, and on pages, which then listen. */
async function showMetrics(
  reloader: Pick<Reloader, 'plan'>,
  service: ServiceSettings,
  { ledger, metrics, meter, log }: Shared,
  graph: Graph,
  show: (read: () => Iterable<OwnMetric>) => void,
): Promise<TelemetryPages | undefined> {
  const pulls = pullReaders(service)
  const { level = 'normal', readers = [], views } = service.telemetry.metrics
  if (level === 'none' || (pulls.length === 0 && readers.length === 0)) return undefined
  const { otelcolFamilies } = await import('./otelcol-families.ts')
  const sources = {
    get plan() {
      return reloader.plan
    },
    ledger,
    metrics,
    meter,
    level,
    views,
    flows: () => graph.flows(),
  }
  show(() => otelcolFamilies(sources))
  if (pulls.length === 0) return undefined
  const { newTelemetryPages } = await import('./telemetry-page.ts')
  const pages = newTelemetryPages(pulls, sources, service, log)
  try {
    await pages.start()
  } catch (error) {
    throw new Error(`cannot serve service.telemetry.metrics: ${(error as Error).message}`, { cause: error })
  }
  return pages
}

/** Where the running agent can be asked, and told what to do. */
function adminDoors(
  files: readonly string[],
  { admin }: ServiceSettings,
  shared: EveryShared,
  asked: Pick<AdminSources, 'status' | 'commands'>,
): Doors {
  // Those that begin with yaml: are settings themselves, and URLs may have a password.
  const configuration = files.map((location) => maskSecrets(location))
  const agent = { name: agentName(files), version: version(), configuration }
  return newDoors(admin, { ...shared, log: shared.log.named('admin'), agent, ...asked })
}
