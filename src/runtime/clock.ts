/** Time as components see it. Injected everywhere, so that tests move it by hand. */
export interface Clock {
  /** Wall time in milliseconds since 1970; may jump. For timestamps only. */
  now(): number
  /** Monotonic milliseconds, never jumps. For every interval, deadline and rate. */
  monotonic(): number
  /** Runs `fn` once after `ms`. Does not keep the process alive. */
  after(ms: number, fn: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** Timers of the runtime hold 24 days; what asks for more would ring at once, and repeat without a pause. */
const longestMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, longestMs))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.after(ms, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** A clock that moves only when told to; due timers run in order of their time. For tests. */
export class ManualClock implements Clock {
  private time = 0
  private wall: number
  private timers: { due: number; fn: () => void }[] = []

  constructor(wall = 1_700_000_000_000) {
    this.wall = wall
  }

  now(): number {
    return this.wall + this.time
  }

  monotonic(): number {
    return this.time
  }

  /** Moves the wall clock alone, as an operator or NTP would. */
  jump(ms: number): void {
    this.wall += ms
  }

  after(ms: number, fn: () => void): Timer {
    const timer = { due: this.time + ms, fn }
    this.timers.push(timer)
    return {
      cancel: () => {
        this.timers = this.timers.filter((other) => other !== timer)
      },
    }
  }

  advance(ms: number): void {
    const end = this.time + ms
    for (;;) {
      const next = this.timers.filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0]
      if (!next) break
      this.timers = this.timers.filter((timer) => timer !== next)
      this.time = Math.max(this.time, next.due)
      next.fn()
    }
    this.time = end
  }
}
