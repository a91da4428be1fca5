import type { Component, ComponentKind, ComponentStatus, ServiceStatus } from '../plugin.ts'
import type { Log } from '../runtime/log.ts'
import type { Instance, Plan } from './plan.ts'

interface Member {
  readonly kind: ComponentKind
  readonly id: string
  readonly required: boolean
  readonly component: Component
  readonly last: boolean
  started: boolean
  stopped: boolean
  error: string | undefined
}

/** Kinds in the order in which they start; they stop the other way round. */
const startOrder: readonly ComponentKind[] = ['extension', 'exporter', 'processor', 'connector', 'receiver']

/** What a component gets beyond the deadline for closing what is left. */
const graceMs = 200

/** What receivers may take of the time to stop: peers with open streams would take all of it, and nothing be drained. */
const receiversPart = 1 / 4

/** Rejects a while after the deadline: a component that does not come back must not hold up the end of the process. */
function overdue(deadline: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const late = () => setTimeout(() => reject(new Error('it did not come back in time')), graceMs).unref()
    if (deadline.aborted) late()
    else deadline.addEventListener('abort', late, { once: true })
  })
}

/** Starts and stops the components of a graph, each kind in its turn. */
export class Lifecycle {
  private readonly members: Member[] = []
  private readonly between: (() => void)[] = []
  private readonly log: Log
  private readonly stopMs: number
  /** Wall time in milliseconds when everything had started; undefined before that, and from the beginning of the stop. */
  readySince: number | undefined

  /** `stopMs` is how long a stop may take in all. */
  constructor(log: Log, stopMs: number) {
    this.log = log
    this.stopMs = stopMs
  }

  add(instance: Instance, component: Component): void {
    const { id, required, spec } = instance
    const last = spec.kind === 'extension' && spec.startsLast === true
    this.members.push({
      kind: spec.kind,
      id,
      required,
      component,
      last,
      started: false,
      stopped: false,
      error: undefined,
    })
  }

  /** Runs `fn` when all receivers have stopped. */
  afterReceivers(fn: () => void): void {
    this.between.push(fn)
  }

  component(kind: ComponentKind, id: string): Component | undefined {
    return this.members.find((member) => member.kind === kind && member.id === id)?.component
  }

  async start(): Promise<void> {
    const inOrder = startOrder.flatMap((kind) => this.of(kind))
    for (const member of inOrder.filter(({ last }) => !last)) await this.startOne(member)
    for (const member of inOrder.filter(({ last }) => last)) await this.startOne(member)
    for (const { component, started } of this.members) if (started) component.started?.()
    this.readySince = Date.now()
  }

  async stop(deadline: AbortSignal): Promise<void> {
    this.readySince = undefined
    const early = AbortSignal.any([deadline, AbortSignal.timeout(Math.ceil(this.stopMs * receiversPart))])
    for (const kind of startOrder.toReversed()) {
      const members = this.of(kind).toReversed()
      const until = kind === 'receiver' ? early : deadline
      if (kind === 'extension') for (const member of members) await this.stopOne(member, until)
      else await Promise.all(members.map((member) => this.stopOne(member, until)))
      if (kind === 'receiver') for (const fn of this.between) fn()
    }
  }

  /** Whether everything has started, nothing stops, and every required component can do its work. */
  ready(): boolean {
    return this.readySince !== undefined && this.members.every((m) => !m.required || canWork(m))
  }

  /** How every component is, in the order in which they start. */
  components(): ComponentStatus[] {
    const all = startOrder.flatMap((kind) => this.of(kind))
    return all.map((member) => {
      const { kind, id, required, error } = member
      return { kind, id, required, state: stateOf(member), ...(error !== undefined && { error }) }
    })
  }

  private of(kind: ComponentKind): Member[] {
    return this.members.filter((member) => member.kind === kind)
  }

  private async startOne(member: Member): Promise<void> {
    try {
      await member.component.start()
      member.started = true
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      member.error = reason
      if (member.required) throw new Error(startFailure(member, reason), { cause: error })
      this.log.named(member.id).error('did not start and is not required: going on without it', { reason })
    }
  }

  private async stopOne(member: Member, deadline: AbortSignal): Promise<void> {
    try {
      await Promise.race([member.component.stop(deadline), overdue(deadline)])
      member.stopped = true
    } catch (error) {
      this.log.named(member.id).error('did not stop cleanly', { reason: String(error) })
    }
  }
}

const canWork = ({ started, component }: Member): boolean => started && (component.ready?.() ?? true)

function stateOf(member: Member): ComponentStatus['state'] {
  if (member.error !== undefined) return 'failed'
  if (member.stopped) return 'stopped'
  if (!member.started) return 'starting'
  return canWork(member) ? 'ok' : 'not ready'
}

/** In the Collector's words, which people search for. */
function startFailure({ kind, id }: Member, reason: string): string {
  return kind === 'extension'
    ? `failed to start extensions: failed to start "${id}" extension: ${reason}`
    : `cannot start pipelines: failed to start "${id}" ${kind}: ${reason}`
}

/** What runs right now, for extensions that show it. */
export function serviceStatus(life: Lifecycle, plan: Plan): ServiceStatus {
  const components = life.components()
  const used = new Set(plan.pipelines.flatMap(({ processors }) => processors))
  // Processors that are a plain function have no life of their own.
  const plain = [...used].filter((id) => !components.some((each) => each.kind === 'processor' && each.id === id))
  const state = life.readySince === undefined ? 'starting' : 'ok'
  return {
    ready: life.ready(),
    readySince: life.readySince,
    components: [
      ...components,
      ...plain.map((id) => ({ kind: 'processor' as const, id, required: true, state }) as const),
    ],
    pipelines: plan.pipelines,
  }
}
