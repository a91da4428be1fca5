import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * How sockets go from what stops to what takes its place, unclosed: while a handover is open, an address that is held on
 * behalf of one who leaves is promised to whoever asks for it, and goes over when the handover is completed.
 */

export interface Handover {
  /** All at once, in this turn: what was promised goes over. Throws at the end what went wrong with some of it. */
  complete(): void
  /** What was promised stays where it is. */
  abandon(): void
}

interface Open {
  readonly leaving: ReadonlySet<string>
  readonly promises: Set<() => void>
}

let open: Open | undefined
const owners = new AsyncLocalStorage<string>()

/** Begins a handover; `leaving` are the owners (see `onBehalfOf`) that will stop. One at a time. */
export function beginHandover(leaving: ReadonlySet<string>): Handover {
  const own: Open = { leaving, promises: new Set() }
  open = own
  const close = (): readonly (() => void)[] => {
    if (open === own) open = undefined
    const all = [...own.promises]
    own.promises.clear()
    return all
  }
  return {
    complete: () => {
      const faults: unknown[] = []
      for (const fn of close()) {
        try {
          fn()
        } catch (error) {
          faults.push(error)
        }
      }
      if (faults.length > 0) throw new AggregateError(faults, faults.map(String).join('; '))
    },
    abandon: () => void close(),
  }
}

/** Runs `start`: what it binds, then or later from what it began, is held on behalf of `name`. Several may run at once, or nest. */
export const onBehalfOf = <T>(name: string, start: () => Promise<T>): Promise<T> => owners.run(name, start)

/** Who binds right now, as far as anybody has said so. */
export const currentOwner = (): string | undefined => owners.getStore()

export interface Promised {
  /** False when it was kept, taken back, or the handover was abandoned. */
  readonly isOpen: boolean
  takeBack(): void
}

/** Promises what `holder` holds: `over` is called when it may be taken. Undefined when that one does not leave. */
export function promised(holder: string | undefined, over: () => void): Promised | undefined {
  const own = open
  if (!own || holder === undefined || !own.leaving.has(holder)) return undefined
  own.promises.add(over)
  return {
    get isOpen() {
      return own.promises.has(over)
    },
    takeBack: () => void own.promises.delete(over),
  }
}
