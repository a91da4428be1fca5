import { defineProcessor, duration, int, object } from '../../plugin.ts'
import { formats } from '../../telemetry/format.ts'
import { type LimiterConfig, limitFaults, limitsOf } from './limits.ts'

const noCollecting = 'Accepted as in the Collector: garbage is never collected by force.'

const config = object({
  check_interval: duration()
    .default(0)
    .describe('Must be written, as in the Collector; nothing is measured, all is accounted for as it comes.'),
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
  min_gc_interval_when_soft_limited: duration().default('10s').describe(noCollecting),
  min_gc_interval_when_hard_limited: duration().default('0s').describe(noCollecting),
  max_gc_interval_when_soft_limited: duration().default('30s').describe(noCollecting),
  max_gc_interval_when_hard_limited: duration().default('30s').describe(noCollecting),
}).superRefine((settings: LimiterConfig, report) => {
  for (const { key, message } of limitFaults(settings)) report.addIssue({ code: 'custom', path: [key], message })
})

/** A spelling of `service.memory_limit`: receivers are refused before memory is used, with the time to try again. */
export default defineProcessor({
  type: 'memory_limiter',
  stability: 'beta',
  summary: 'Limits the memory of the whole process: receivers refuse what does not fit, before it is taken in.',
  takes: formats,
  config,
  memory: limitsOf,
  create: () => (batch) => batch,
})
