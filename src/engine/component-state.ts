import type { Trouble } from '../delivery/progress.ts'
import type { ComponentStatus } from '../plugin.ts'
import type { Clock } from '../runtime/clock.ts'

export type State = ComponentStatus['state']

/** What is known of a component at a moment. */
export interface Facts {
  readonly started: boolean
  readonly stopped: boolean
  /** Why it did not start: it is tried again. */
  readonly error: string | undefined
  /** Whether it can do its work. */
  readonly ready: boolean
  /** What keeps its queues from delivering. */
  readonly troubles: readonly Trouble[]
}

/** What may follow: who has ended does not come back, and who ends only ends. */
const follows: Readonly<Record<State, readonly State[]>> = {
  starting: ['ok', 'recoverable error', 'permanent error', 'stopping', 'stopped'],
  ok: ['starting', 'recoverable error', 'permanent error', 'stopping', 'stopped'],
  'recoverable error': ['starting', 'ok', 'permanent error', 'stopping', 'stopped'],
  'permanent error': ['starting', 'ok', 'recoverable error', 'stopping', 'stopped'],
  stopping: ['stopped'],
  stopped: [],
}

/** The state of one component, and since when. Nothing runs while nobody looks. */
export class Life {
  private readonly clock: Clock
  private state: State = 'starting'
  private since: number
  private isStopping = false

  constructor(clock: Clock) {
    this.clock = clock
    this.since = clock.now()
  }

  /** It has been told to stop. */
  stops(): void {
    this.isStopping = true
  }

  /** How it is now. */
  look(facts: Facts): Pick<ComponentStatus, 'state' | 'since' | 'error'> {
    const seen = judge(facts, this.isStopping)
    if (seen.state !== this.state && follows[this.state].includes(seen.state)) {
      this.state = seen.state
      const { clock } = this
      this.since = seen.since === undefined ? clock.now() : clock.now() - (clock.monotonic() - seen.since)
    }
    const { state, since } = this
    return { state, since, ...(seen.error !== undefined && state === seen.state && { error: seen.error }) }
  }
}

interface Seen {
  readonly state: State
  readonly error?: string
  /** Monotonic. */
  readonly since?: number
}

function judge({ started, stopped, error, ready, troubles }: Facts, isStopping: boolean): Seen {
  if (stopped) return { state: 'stopped' }
  if (isStopping) return { state: 'stopping' }
  if (error !== undefined) return { state: 'recoverable error', error }
  if (!started) return { state: 'starting' }
  if (ready) return { state: 'ok' }
  const [worst] = troubles.toSorted((a, b) => Number(b.lasting) - Number(a.lasting) || a.since - b.since)
  if (!worst) return { state: 'recoverable error', error: 'it says that it cannot work right now' }
  const more = troubles.length > 1 ? ` (and ${troubles.length - 1} more of its destinations)` : ''
  const state = worst.lasting ? 'permanent error' : 'recoverable error'
  return { state, error: worst.error + more, since: worst.since }
}
