import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Host } from '../../plugin.ts'
import { type LimiterConfig, limitsOf } from './limits.ts'

/** What is asked of the process; tests give their own. */
export interface Machine {
  /** Bytes in use: heap and buffers, garbage included. */
  used(): number
  /** Collects garbage now. */
  collect(): void
}

const thisProcess: Machine = {
  used() {
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  },
  collect: () => collector()(),
}

let gc: (() => void) | undefined

/** Node shows its collector only to contexts that are made while this flag is set. */
function collector(): () => void {
  if (gc) return gc
  setFlagsFromString('--expose-gc')
  gc = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  return gc
}

/** A collection that frees less than this part of what is used was in vain. */
const worthwhile = 0.05

/**
 * Measures the process at every `check_interval`. What queues and assembly hold is accounted for as it comes; this finds
 * what nobody accounts for. Above the limit it collects garbage, and while that does not help receivers are refused.
 */
export function newWatch(config: LimiterConfig, host: Host, machine: Machine = thisProcess) {
  const { limit } = limitsOf(config)
  const { budget, clock, log } = host
  const { min_gc_interval_when_hard_limited: least, max_gc_interval_when_hard_limited: most } = config
  let timer: { cancel(): void } | undefined
  let pressing = false
  let pause = least
  let collectedAt = Number.NEGATIVE_INFINITY

  const collected = (used: number): number => {
    const now = clock.monotonic()
    if (now - collectedAt < pause) return used
    collectedAt = now
    machine.collect()
    const left = machine.used()
    pause = used - left < used * worthwhile ? Math.min(most, Math.max(pause * 2, config.check_interval)) : least
    return left
  }
  const press = (above: boolean) => {
    pressing = above
    budget.press(host.id, above)
  }
  const check = () => {
    const used = machine.used()
    const left = used > limit ? collected(used) : used
    const above = left > limit
    if (above !== pressing) {
      const fields = { used_mib: Math.round(left / 2 ** 20), limit_mib: Math.round(limit / 2 ** 20) }
      if (above) log.warn('Memory usage is above hard limit. Refusing data.', fields)
      else log.info('Memory usage back within limits. Resuming normal operation.', fields)
    }
    press(above)
    timer = clock.after(config.check_interval, check)
  }
  let users = 0
  return {
    async start() {
      users++
      timer ??= clock.after(config.check_interval, check)
    },
    async stop() {
      if (users > 0) users--
      if (users > 0) return
      timer?.cancel()
      timer = undefined
      press(false)
    },
    ready: () => !pressing,
  }
}

type Watch = ReturnType<typeof newWatch>
const watches = new WeakMap<Host['budget'], Map<string, Watch>>()

/** The one watch of a limiter that stands in several pipelines. */
export function sharedWatch(config: LimiterConfig, host: Host): Watch {
  const ofProcess = watches.get(host.budget) ?? new Map<string, Watch>()
  watches.set(host.budget, ofProcess)
  const watch = ofProcess.get(host.id) ?? newWatch(config, host)
  ofProcess.set(host.id, watch)
  return watch
}
