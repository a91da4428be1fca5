import { type Binding, encodeBindings } from '../../drains/bindings.ts'
import type { Clock, Log } from '../../plugin.ts'
import { sleep } from '../../plugin.ts'
import { type ServedList, servedList } from './binding-routes.ts'
import { FetchError, type FetchFault } from './fetch-bindings.ts'
import type { Complaint, Validated, Validator } from './validate-bindings.ts'

export interface PollerOptions {
  fetch(signal: AbortSignal): Promise<Binding[]>
  validator: Validator
  complain(complaints: readonly Complaint[]): void
  log: Log
  clock: Clock
  /** From the end of one round to the start of the next. */
  intervalMs: number
}

/** What the last good round brought, and how the rounds went. */
export interface PollerState {
  /** The list as agents get it; undefined before the first good round. */
  list: ServedList | undefined
  /** Different applications in it. */
  apps: number
  /** Drain URLs in it. */
  drains: number
  last: Pick<Validated, 'invalid' | 'denied' | 'unresolvedKept'>
  rounds: number
  readonly failed: Record<FetchFault, number>
  /** The clock's monotonic milliseconds of the last good round. */
  goodAt: number | undefined
}

export interface BindingPoller {
  readonly state: PollerState
  start(): void
  stop(): Promise<void>
  /** One round, for tests and for the loop. Never rejects. */
  poll(signal: AbortSignal): Promise<void>
}

export function newBindingPoller(options: PollerOptions): BindingPoller {
  const { fetch, validator, complain, log, clock, intervalMs } = options
  const state: PollerState = {
    list: undefined,
    apps: 0,
    drains: 0,
    last: { invalid: 0, denied: 0, unresolvedKept: 0 },
    rounds: 0,
    failed: { transport: 0, status: 0, json: 0, paging: 0, size: 0 },
    goodAt: undefined,
  }
  const stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const publish = (round: Validated) => {
    if (round.withoutCredentials > 0)
      log.warn('No credentials - which include appIDs - for a binding. Check the bindings in the cloud controller.', {
        bindings: round.withoutCredentials,
      })
    if (round.unresolvedKept > 0)
      log.warn('names of drains do not resolve right now: the drains stay as they were', {
        drains: round.unresolvedKept,
      })
    if (round.kept.length === 0 && state.drains > 0)
      log.warn('the Cloud Controller lists no usable drain any more', { before: state.drains })
    state.list = servedList(encodeBindings(round.kept))
    state.apps = appsOf(round.kept)
    state.drains = round.kept.length
    state.last = round
    state.goodAt = clock.monotonic()
    complain(round.complaints)
  }
  const poll = async (signal: AbortSignal) => {
    state.rounds++
    try {
      const bindings = await fetch(signal)
      const round = await validator.validate(bindings)
      if (!signal.aborted) publish(round)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof FetchError) state.failed[error.fault]++
      log.error((error as Error).message, { kept: state.list ? state.drains : 'nothing yet' })
    }
  }
  const loop = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      await poll(signal)
      await sleep(clock, intervalMs, signal)
    }
  }
  return {
    state,
    poll,
    start() {
      running = loop(stopping.signal)
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

function appsOf(bindings: readonly Binding[]): number {
  const apps = new Set<string>()
  for (const { credentials } of bindings)
    for (const { apps: list } of credentials) for (const { app_id } of list ?? []) apps.add(app_id)
  return apps.size
}
