import type { Component, ComponentKind, ComponentStatus, ServiceStatus } from '../plugin.ts'
import { onBehalfOf } from '../runtime/handover.ts'
import type { Log } from '../runtime/log.ts'
import type { Part } from './parts.ts'
import type { Plan } from './plan.ts'

/** Kinds in the order in which they start; they stop the other way round. */
const startOrder: readonly ComponentKind[] = ['extension', 'exporter', 'processor', 'connector', 'receiver']

/** What a component gets beyond the deadline for closing what is left. */
const graceMs = 200

/** What receivers may take of the time to stop: peers with open streams would take all of it, and nothing be drained. */
const receiversPart = 1 / 4

/** About when the process began. */
const startedAt = Math.round(performance.timeOrigin)

/** A part that has a life of its own. */
type Living = Part & { readonly component: Component }

const isLiving = (part: Part): part is Living => part.component !== undefined

/** Parts in the order in which they start. */
export function inStartOrder(parts: Iterable<Part>): Living[] {
  const living = [...parts].filter(isLiving)
  const ordered = startOrder.flatMap((kind) => living.filter(({ wanted }) => wanted.kind === kind))
  return [...ordered.filter((part) => !isLast(part)), ...ordered.filter(isLast)]
}

const isLast = ({ wanted: { instance } }: Part) =>
  instance.spec.kind === 'extension' && instance.spec.startsLast === true

/** Starts one part; what it binds is its own. Rejects with the reason, which the part remembers. */
export async function startPart(part: Part): Promise<void> {
  const { component, wanted } = part
  try {
    if (!part.stopping) await onBehalfOf(wanted.key, async () => component?.start()).finally(() => closeAgain(part))
    if (part.stopping) throw new Error('it was stopped before it had started')
    part.started = true
    part.error = undefined
  } catch (error) {
    part.error = error instanceof Error ? error.message : String(error)
    throw new Error(startFailure(part, part.error), { cause: error })
  } finally {
    // From now on, not from when somebody looks.
    stateOf(part)
  }
}

/** What a start opened after its part was told to stop would stay open. */
async function closeAgain({ component, stopping }: Part): Promise<void> {
  if (!stopping) return
  await stopping.catch(() => {})
  await component?.stop(AbortSignal.abort())
}

/** In the Collector's words, which people search for. */
function startFailure({ wanted: { kind, id } }: Part, reason: string): string {
  return kind === 'extension'
    ? `failed to start extensions: failed to start "${id}" extension: ${reason}`
    : `cannot start pipelines: failed to start "${id}" ${kind}: ${reason}`
}

export interface StopOptions {
  readonly log: Log
  /** How long the whole may take. */
  readonly stopMs: number
  readonly deadline: AbortSignal
  /** For parts that are to take less time. */
  sooner?(part: Part): AbortSignal | undefined
  /** Told of each part that is gone. */
  gone?(part: Part): void
}

/** Receivers first, then what they feed; extensions last, one after the other. */
export async function stopParts(parts: Iterable<Part>, options: StopOptions): Promise<void> {
  const { deadline, stopMs } = options
  const all = [...parts]
  const early = AbortSignal.any([deadline, AbortSignal.timeout(Math.ceil(Math.min(stopMs, 2 ** 31) * receiversPart))])
  for (const kind of startOrder.toReversed()) {
    const members = all.filter(({ wanted }) => wanted.kind === kind).toReversed()
    const until = kind === 'receiver' ? early : deadline
    if (kind === 'extension') for (const part of members) await stopPart(part, until, options)
    else await Promise.all(members.map((part) => stopPart(part, until, options)))
    if (kind !== 'receiver') continue
    for (const { plug } of members)
      if (plug.kind === 'receiver') for (const { intake } of plug.sources.values()) intake.close()
  }
}

async function stopPart(part: Part, latest: AbortSignal, { log, gone, sooner }: StopOptions): Promise<void> {
  const deadline = sooner?.(part) ?? latest
  part.life.stops()
  part.stopping = ended(part, deadline)
  try {
    await part.stopping
    part.stopped = true
  } catch (error) {
    log.named(part.wanted.id).error('did not stop cleanly', { reason: String(error) })
  }
  gone?.(part)
}

async function ended({ component }: Part, deadline: AbortSignal): Promise<void> {
  if (component) await Promise.race([component.stop(deadline), overdue(deadline)])
}

/** Rejects a while after the deadline: a component that does not come back must not hold up the end of the process. */
function overdue(deadline: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const late = () => setTimeout(() => reject(new Error('it did not come back in time')), graceMs).unref()
    if (deadline.aborted) late()
    else deadline.addEventListener('abort', late, { once: true })
  })
}

/** Whether it can do its work right now. */
export const canWork = (part: Part): boolean => part.component === undefined || (part.started && isReady(part))

/** In its own words; of those who say nothing, whether their queues deliver. */
const isReady = ({ component, accounts }: Part): boolean =>
  component?.ready?.() ?? accounts.every((account) => account.trouble?.() === undefined)

/** How it is, as people see it. */
function stateOf(part: Part) {
  const { life, started, stopped, error, accounts } = part
  const troubles = accounts.flatMap((account) => account.trouble?.() ?? [])
  return life.look({ started, stopped, error, ready: isReady(part), troubles })
}

/** What runs right now, for extensions that show it. */
export function serviceStatus(
  parts: Iterable<Part>,
  { pipelines }: Plan,
  { ready, readySince }: Pick<ServiceStatus, 'ready' | 'readySince'>,
): ServiceStatus {
  const all = [...parts]
  const living = startOrder.flatMap((kind) => all.filter((part) => part.wanted.kind === kind && isLiving(part)))
  // Processors that are a plain function have no life of their own, in whichever pipelines they are.
  const plain = new Set(all.filter((part) => !isLiving(part)).map(({ wanted }) => wanted.id))
  const state = readySince === undefined ? ('starting' as const) : ('ok' as const)
  const since = readySince ?? startedAt
  return {
    ready,
    readySince,
    components: [
      ...living.map((part): ComponentStatus => {
        const { kind, id, instance } = part.wanted
        return { kind, id, required: instance.required, ...stateOf(part) }
      }),
      ...[...plain].map((id) => ({ kind: 'processor' as const, id, required: true, state, since })),
    ],
    pipelines,
  }
}

/** A start that takes longer than this fails a reload, in milliseconds: others wait for it. */
export const startMs = 30_000
/** Waits for a start, but not past the limit. */
export async function withinLimit(
  start: Promise<void>,
  limit: AbortSignal,
  { wanted: { kind, id } }: Part,
): Promise<void> {
  const late = Promise.withResolvers<never>()
  const tooLong = () => late.reject(new Error(`${kind} "${id}" did not start within ${startMs / 1000} s`))
  limit.addEventListener('abort', tooLong, { once: true })
  try {
    await Promise.race([start, late.promise])
  } finally {
    limit.removeEventListener('abort', tooLong)
  }
}
