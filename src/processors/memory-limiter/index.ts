import { defineProcessor, duration, int, object } from '../../plugin.ts'
import { formats } from '../../telemetry/format.ts'
import { type LimiterConfig, limitFaults, limitsOf } from './limits.ts'
import { sharedWatch } from './watch.ts'

const config = object({
  check_interval: duration()
    .default(0)
    .describe('How often the memory of the process is measured; must be written, 1s is good.'),
  limit_mib: int({ min: 0 }).default(0).describe('Memory that may be used, in MiB.'),
  spike_limit_mib: int({ min: 0 })
    .default(0)
    .describe(
      'Room for what is on its way, in MiB: receivers refuse from limit less this on. 0: a fifth of the limit.',
    ),
  limit_percentage: int({ min: 0 })
    .default(0)
    .describe('The limit as percentage of the memory of the container or machine.'),
  spike_limit_percentage: int({ min: 0 }).default(0).describe('The room as percentage of the same.'),
  min_gc_interval_when_soft_limited: duration()
    .default('10s')
    .describe('Accepted as in the Collector: nothing is collected by force below the limit.'),
  min_gc_interval_when_hard_limited: duration()
    .default('0s')
    .describe('Least time between two collections of garbage by force while the process is above the limit.'),
  max_gc_interval_when_soft_limited: duration().default('30s').describe('Accepted as in the Collector.'),
  max_gc_interval_when_hard_limited: duration()
    .default('30s')
    .describe('Longest time between two collections by force: the time doubles while they free little.'),
}).superRefine((settings: LimiterConfig, report) => {
  for (const { key, message } of limitFaults(settings)) report.addIssue({ code: 'custom', path: [key], message })
})

/** Starts and stops count once for each processor, however often they come. */
function onceEach(watch: ReturnType<typeof sharedWatch>) {
  let running = false
  return {
    async start() {
      if (!running) await watch.start()
      running = true
    },
    async stop() {
      if (running) await watch.stop()
      running = false
    },
    ready: watch.ready,
  }
}

/** A spelling of `service.memory_limit`: receivers are refused before memory is used, with the time to try again. */
export default defineProcessor({
  type: 'memory_limiter',
  stability: 'beta',
  summary: 'Limits the memory of the whole process: receivers refuse what does not fit, before it is taken in.',
  takes: formats,
  config,
  memory: limitsOf,
  create({ config, host }) {
    return { process: (batch) => batch, ...onceEach(sharedWatch(config, host)) }
  },
})
