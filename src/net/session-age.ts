import type { Clock, Timer } from '../runtime/clock.ts'

/** How long connections may last, in milliseconds; 0: for ever. Clients behind a balancer spread anew when they come back. */
export interface SessionLimits {
  /** Without a call. */
  readonly idleMs: number
  /** Since they were opened: a tenth more or less, so that those which came together do not leave together. */
  readonly ageMs: number
  /** What an old one has for the calls that run. */
  readonly graceMs: number
}

/** A connection, as far as its end is concerned. */
export interface Aging {
  /** When the last call ended, monotonic; undefined while one runs. */
  readonly idleSince: number | undefined
  /** No new calls; those that run may finish. */
  close(): void
  /** At once. */
  destroy(): void
}

/** Ends a connection in time, until the answer is called. */
export function limitAge(session: Aging, limits: SessionLimits, clock: Clock, random = Math.random): () => void {
  const { idleMs, ageMs, graceMs } = limits
  const timers = new Map<'idle' | 'age', Timer>()
  const lookIdle = (inMs: number) => {
    const look = () => {
      const { idleSince } = session
      const left = idleSince === undefined ? idleMs : idleSince + idleMs - clock.monotonic()
      if (left > 0) lookIdle(left)
      else session.close()
    }
    timers.set('idle', clock.after(inMs, look))
  }
  const old = () => {
    session.close()
    if (graceMs > 0)
      timers.set(
        'age',
        clock.after(graceMs, () => session.destroy()),
      )
  }
  if (idleMs > 0) lookIdle(idleMs)
  if (ageMs > 0) timers.set('age', clock.after(ageMs * (0.9 + 0.2 * random()), old))
  return () => {
    for (const timer of timers.values()) timer.cancel()
  }
}
