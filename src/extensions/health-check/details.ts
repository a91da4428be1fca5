import type { ComponentStatus, ServiceStatus } from '../../plugin.ts'

/** What counts as healthy. */
export interface Policy {
  readonly include_permanent_errors: boolean
  readonly include_recoverable_errors: boolean
  /** Milliseconds. */
  readonly recovery_duration: number
}

/** One node of the answer, as the Collector's healthcheckv2 writes it. */
export interface Details {
  readonly start_time?: string
  readonly healthy: boolean
  readonly status: string
  readonly error?: string
  readonly status_time: string
  readonly components?: Readonly<Record<string, Details>>
}

/** A node before it is written. */
interface Health extends Pick<ComponentStatus, 'state' | 'since'> {
  readonly healthy: boolean
  readonly error?: string
}

const names: Readonly<Record<ComponentStatus['state'], string>> = {
  starting: 'StatusStarting',
  ok: 'StatusOK',
  'recoverable error': 'StatusRecoverableError',
  'permanent error': 'StatusPermanentError',
  stopping: 'StatusStopping',
  stopped: 'StatusStopped',
}

/** Of several states the first of these is that of the whole. */
const worstFirst = ['stopping', 'stopped', 'permanent error', 'recoverable error', 'starting', 'ok'] as const

/** A whole and what it is made of. */
interface Group {
  readonly health: Health
  readonly members: Readonly<Record<string, Health>>
}

/** The health of an agent, made anew for each question. */
export class Checkup {
  readonly health: Health
  private readonly groups: ReadonlyMap<string, Group>
  private readonly startedAt: number

  constructor(status: ServiceStatus, policy: Policy, { now, startedAt }: { now: number; startedAt: number }) {
    this.startedAt = startedAt
    const known = new Map(status.components.map((each) => [`${each.kind}:${each.id}`, healthOf(each, policy, now)]))
    const groups = new Map<string, Group>()
    const add = (name: string, ids: readonly string[]) => {
      const members = Object.fromEntries(ids.flatMap((id) => (known.has(id) ? [[id, known.get(id)!]] : [])))
      groups.set(name, { members, health: sum(Object.values(members), startedAt) })
    }
    add(
      'extensions',
      [...known.keys()].filter((id) => id.startsWith('extension:')),
    )
    for (const { id, receivers, processors, exporters } of status.pipelines) {
      const named = (kind: string, ids: readonly string[]) =>
        ids.map((each) => (known.has(`${kind}:${each}`) ? `${kind}:${each}` : `connector:${each}`))
      const members = [
        ...named('receiver', receivers),
        ...named('processor', processors),
        ...named('exporter', exporters),
      ]
      add(`pipeline:${id}`, members)
    }
    this.groups = groups
    const all = sum([...known.values()], startedAt)
    this.health = status.readySince === undefined ? notRunning(all) : all
  }

  /** The whole, or one pipeline; undefined: there is no such pipeline. */
  of(pipeline = ''): Health | undefined {
    return pipeline === '' ? this.health : this.groups.get(`pipeline:${pipeline}`)?.health
  }

  /** The same as it is written. `verbose`: with all that it is made of. */
  details(pipeline: string, verbose: boolean): Details | undefined {
    const health = this.of(pipeline)
    if (!health) return undefined
    const start_time = timeText(this.startedAt)
    if (!verbose) return { start_time, ...written(health) }
    const groups = [...this.groups].map(([name, group]) => [name, groupDetails(group)])
    const components =
      pipeline === '' ? Object.fromEntries(groups) : groupDetails(this.groups.get(`pipeline:${pipeline}`)!).components
    return { start_time, ...written(health), components }
  }
}

function healthOf({ state, since, error, required }: ComponentStatus, policy: Policy, now: number): Health {
  return {
    healthy: isHealthy(state, since, policy, now) || !required,
    state,
    since,
    ...(error !== undefined && { error }),
  }
}

function isHealthy(state: ComponentStatus['state'], since: number, policy: Policy, now: number): boolean {
  if (state === 'permanent error') return !policy.include_permanent_errors
  if (state === 'recoverable error')
    return !policy.include_recoverable_errors || Math.max(0, now - since) < policy.recovery_duration
  return state === 'ok'
}

/** Of several: the worst state, of the one that has been in it for longest; those that make the whole unhealthy go before. */
function sum(all: readonly Health[], startedAt: number): Health {
  const healthy = all.every((each) => each.healthy)
  const telling = healthy ? all : all.filter((each) => !each.healthy)
  const rank = ({ state }: Health) => worstFirst.indexOf(state)
  const [worst] = telling.toSorted((a, b) => rank(a) - rank(b) || a.since - b.since)
  return worst ? { ...worst, healthy } : { healthy: true, state: 'ok', since: startedAt }
}

/** Before everything runs, and when it ends, the whole is not ok, however its parts are. */
function notRunning(health: Health): Health {
  const { error, ...rest } = health
  const ends = health.state === 'stopping' || health.state === 'stopped'
  return { ...rest, healthy: false, state: ends ? 'stopping' : 'starting' }
}

const groupDetails = ({ health, members }: Group): Details => ({
  ...written(health),
  components: Object.fromEntries(Object.entries(members).map(([id, each]) => [id, written(each)])),
})

const written = ({ healthy, state, error, since }: Health): Details => ({
  healthy,
  status: names[state],
  ...(error !== undefined && { error }),
  status_time: timeText(since),
})

const timeText = (ms: number) => new Date(ms).toISOString()
