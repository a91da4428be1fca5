import type { AdminCommand, AdminSources } from '../admin/api.ts'
import { type Doors, newDoors } from '../admin/doors.ts'
import { agentName } from '../admin/socket-place.ts'
import { type GateChoice, unknownGatesWarning } from '../config/feature-gates.ts'
import type { ServiceSettings } from '../config/schema.ts'
import { Budget } from '../delivery/budget.ts'
import { Ledger } from '../delivery/ledger.ts'
import { ledgerFamilies } from '../delivery/ledger-families.ts'
import type { Shared } from '../engine/host.ts'
import { type Plan, prepared } from '../engine/plan.ts'
import { Taps } from '../engine/taps.ts'
import { buildGraph, type Graph } from '../pipeline.ts'
import { systemClock } from '../runtime/clock.ts'
import { type Fields, type Level, type Log, newLog } from '../runtime/log.ts'
import { Metrics } from '../runtime/metrics.ts'
import { findingsText, readConfiguration } from './configuration.ts'
import { ExitCode } from './exit-codes.ts'
import { logOutput } from './log-output.ts'
import { pullReaders } from './pull-readers.ts'
import { statusReport } from './status-report.ts'
import type { TelemetryPages } from './telemetry-page.ts'
import { version } from './version.ts'

export interface RunOptions {
  set: readonly string[]
  logFormat?: string
  gates?: GateChoice
}

/** Runs the pipelines until SIGTERM or SIGINT; answers the exit code. */
export async function run(files: readonly string[], options: RunOptions): Promise<number> {
  const configuration = await readConfiguration(files, options.set, options.gates)
  process.stderr.write(findingsText(configuration))
  const { plan, service } = configuration
  if (!plan || !service) return ExitCode.config
  const { shared, log, closeTelemetry } = await newShared(plan, service, options)
  const unknown = options.gates && unknownGatesWarning(options.gates)
  if (unknown) log.warn(unknown)
  const { starting, stopping } = service.telemetry.logs
  for (const line of starting) log.line(line)
  const stopped = whenAskedToStop()
  const unwatch = watchProcess(log, shared)
  // Timers of components keep nothing alive, and neither does a handler of signals: something must, to the very end.
  const alive = setInterval(() => {}, 2 ** 30)
  let graph: Graph | undefined
  let pages: TelemetryPages | undefined
  let doors: Doors | undefined
  // What the admin socket can be told to do.
  const commands: Record<string, AdminCommand> = {}
  try {
    const whole = await prepared(plan, log)
    graph = buildGraph(whole, shared)
    pages = await telemetryPages(whole, service, shared, graph)
    doors = adminDoors(files, service, shared, { status: () => graph!.status(), commands: () => commands })
    await doors.start()
    await graph.start()
  } catch (error) {
    log.error((error as Error).message)
    await graph?.stop(AbortSignal.timeout(0))
    await pages?.stop()
    await doors?.stop()
    await closeTelemetry()
    clearInterval(alive)
    unwatch()
    return ExitCode.failed
  }
  log.info('ready: everything is running', { pipelines: plan.pipelines.length })
  const signal = await stopped
  log.info(`${signal} received: draining`, { within: `${plan.shutdownTimeoutMs} ms` })
  await graph.stop(AbortSignal.timeout(plan.shutdownTimeoutMs))
  await pages?.stop()
  await doors.stop()
  if (stopping) log.line(stopping)
  await closeTelemetry()
  clearInterval(alive)
  unwatch()
  return ExitCode.ok
}

/** The pages to scrape that `service.telemetry.metrics` asks for, listening; nothing is loaded when it asks for none. */
async function telemetryPages(
  plan: Plan,
  service: ServiceSettings,
  { ledger, metrics, log }: Shared,
  graph: Graph,
): Promise<TelemetryPages | undefined> {
  const pulls = pullReaders(service)
  if (pulls.length === 0) return undefined
  const { newTelemetryPages } = await import('./telemetry-page.ts')
  const { level = 'normal' } = service.telemetry.metrics
  if (level === 'none') return undefined
  const pages = newTelemetryPages(pulls, { plan, ledger, metrics, level, flows: () => graph.flows() }, service, log)
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
  const agent = { name: agentName(files), version: version(), configuration: files }
  return newDoors(admin, { ...shared, log: shared.log.named('admin'), agent, ...asked })
}

type EveryShared = Shared & { readonly taps: Taps }

async function newShared(plan: Plan, service: ServiceSettings, { logFormat }: RunOptions) {
  const { logs } = service.telemetry
  const metrics = new Metrics()
  const ledger = new Ledger()
  const telemetry = wantsOtlp(service)
    ? await (await import('../runtime/otel.ts')).newOtel(service, () => [
        ...metrics.families(),
        ...ledgerFamilies(ledger),
      ])
    : undefined
  const write = logOutput(logs.output_paths)
  const log = newLog({
    level: logs.level.toLowerCase() as Level,
    format: logFormat === 'json' || (logs.encoding === 'json' && logFormat !== 'text') ? 'json' : 'text',
    stamp: logs.rfc3339 ? 'rfc3339' : 'local',
    fields: initialFields(logs.initial_fields),
    ...(write && { write }),
    ...(telemetry && { tee: telemetry.log }),
  })
  const budget = new Budget('service', plan.memoryLimit)
  budget.softBytes = plan.softMemoryLimit ?? plan.memoryLimit
  const shared: EveryShared = { log, clock: systemClock, metrics, ledger, budget, taps: new Taps() }
  return { shared, log, closeTelemetry: async () => telemetry?.close() }
}

/** What is no scalar is written as JSON. */
const initialFields = (given: Readonly<Record<string, unknown>>): Fields =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  )

const wantsOtlp = ({ telemetry }: ServiceSettings): boolean =>
  telemetry.logs.processors !== undefined ||
  telemetry.traces.processors !== undefined ||
  telemetry.metrics.readers?.some((reader) => reader.periodic !== undefined) === true

/** How soon after the first signal another one is its echo: npm repeats what the terminal has sent already. */
const echoMs = 500

/** Resolves with the name of the first signal that asks for an end. A second one ends the process at once. */
function whenAskedToStop(): Promise<string> {
  return new Promise((resolve) => {
    let asked: number | undefined
    const onSignal = (signal: NodeJS.Signals) => {
      const now = systemClock.monotonic()
      if (asked !== undefined && now - asked > echoMs) process.exit(ExitCode.failed)
      asked ??= now
      resolve(signal)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}

/** Signals that only ask, and faults that must not end the process. */
function watchProcess(log: Log, shared: Shared): () => void {
  const report = () => void process.stderr.write(statusReport(shared))
  const hangUp = () => log.warn('SIGHUP received: a changed configuration takes effect with a restart')
  const fault = (error: unknown) => {
    const { stack } = error as Error
    log.error('a fault of the program; going on', {
      error: stack?.split('\n').slice(0, 4).join(' | ') ?? String(error),
    })
  }
  const handlers = { SIGUSR1: report, SIGHUP: hangUp, uncaughtException: fault, unhandledRejection: fault }
  for (const [name, handler] of Object.entries(handlers)) process.on(name, handler)
  // Whoever read our log may go away. Without a listener that is a fault, which is logged, which is a fault.
  process.stderr.on('error', () => {})
  return () => {
    for (const [name, handler] of Object.entries(handlers)) process.off(name, handler)
  }
}
