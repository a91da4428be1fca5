import type { Clock, Timer } from '../../runtime/clock.ts'

/** Does something again and again; never twice at the same time. */
export interface Poller {
  /** Resolves after the first time. */
  start(): Promise<void>
  stop(): void
}

/** Calls `work` now and then every `everyMs`, counted from start to start; what takes longer is waited for. `work` never rejects. */
export function newPoller(everyMs: number, clock: Clock, work: () => Promise<void>): Poller {
  let timer: Timer | undefined
  let stopped = false
  const once = async () => {
    const began = clock.monotonic()
    await work()
    if (stopped) return
    timer = clock.after(Math.max(0, began + everyMs - clock.monotonic()), () => void once())
  }
  return {
    start: once,
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}

/** An interval with its jitter, which is chosen once: all agents of a platform must not ask in the same second. */
export const withJitter = (everyMs: number, random: () => number): number => (everyMs || 1000) * (1 + random())
