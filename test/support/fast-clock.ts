import type { Clock } from '../../src/runtime/clock.ts'

/** The system's time, `factor` times as fast: pauses of seconds between attempts pass while sockets stay real. */
export function newFastClock(factor: number): Clock {
  const monotonic = () => performance.now() * factor
  const start = Date.now() - monotonic()
  return {
    now: () => start + monotonic(),
    monotonic,
    after(ms, fn) {
      const timer = setTimeout(fn, Math.min(ms / factor, 2 ** 31 - 1))
      return { cancel: () => clearTimeout(timer) }
    },
  }
}
