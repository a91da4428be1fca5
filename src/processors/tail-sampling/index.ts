import { bool, duration, int, object, oneOf, size } from '../../config/fields.ts'
import type { OnFailure } from '../../ottl/program.ts'
import { defineProcessor, newLogSeries } from '../../plugin.ts'
import { Decision, type Policy } from './decision.ts'
import { compilePolicy } from './policies.ts'
import { type PolicyConfig, policyList } from './policy-fields.ts'
import { Sampler } from './sampler.ts'

/** Holds the spans of a trace until all of them should be there, then passes on or drops all of it. */
export default defineProcessor({
  type: 'tail_sampling',
  stability: 'beta',
  summary: 'Holds traces until they are complete, and passes on those that a policy wants.',
  takes: ['traces'],
  config: object({
    decision_wait: duration()
      .default('30s')
      .describe('How long after its first span a trace is decided. In the meantime its spans are held.'),
    num_traces: int({ min: 1 }).default(50_000).describe('Traces that are held, at most.'),
    max_held_size: size({ min: 1 }).default('64MiB').describe('Bytes that are held, at most.'),
    when_full: oneOf(['decide_oldest', 'drop_oldest'])
      .default('decide_oldest')
      .describe(
        'What becomes of the oldest trace when there are more: it is decided early, or dropped as `displaced`.',
      ),
    expected_new_traces_per_sec: int({ min: 0 })
      .default(0)
      .describe('Accepted as in the Collector; nothing depends on it.'),
    decision_cache: object({
      sampled_cache_size: int({ min: 0 })
        .default(0)
        .describe(
          'Traces of which it is remembered that they were sampled, for spans that come late; 0: as num_traces.',
        ),
      non_sampled_cache_size: int({ min: 0 })
        .default(0)
        .describe('The same for traces that were not; 0: as num_traces.'),
    }).default({}),
    sample_on_first_match: bool()
      .default(false)
      .describe('Whether policies behind the first one that wants the trace are not asked.'),
    drop_pending_traces_on_shutdown: bool()
      .default(false)
      .describe('Whether traces that are held at the end are dropped; otherwise they are decided with what has come.'),
    policies: policyList().describe('Policies, of which one must want a trace and none be against it.'),
  }),
  create({ config, host }) {
    const log = newLogSeries(host.log, host.clock)
    const faults = newLogSeries(host.log, host.clock, 'error')
    const failed = host.counter('failed_conditions', 'Conditions of policies that failed on a span.')
    const onFailure: OnFailure = (mode, source, message) => {
      failed.add(1)
      // The span's values are not shown: they may be secrets.
      if (mode !== 'silent') log.note(source, `${source}: ${message}; the condition does not hold for that span`)
    }
    const policies = config.policies.map((policy): Policy => {
      const note = newNote(host, policy)
      return {
        name: policy.name,
        evaluate: compilePolicy(policy, { clock: host.clock, onFailure }),
        note,
      }
    })
    const drops = (policy: Policy) => config.policies.find(({ name }) => name === policy.name)!.type === 'drop'
    const { num_traces: mostTraces, decision_cache: cache } = config
    const sampler = new Sampler({
      waitMs: config.decision_wait,
      mostTraces,
      mostBytes: config.max_held_size,
      whenFull: config.when_full,
      sampledIds: cache.sampled_cache_size || mostTraces,
      otherIds: cache.non_sampled_cache_size || mostTraces,
      firstMatch: config.sample_on_first_match,
      dropPending: config.drop_pending_traces_on_shutdown,
      policies: [...policies.filter(drops), ...policies.filter((policy) => !drops(policy))],
      clock: host.clock,
      budget: host.budget,
      handOn: (batch) => host.handOn(batch),
      drop: (reason, part) => host.dropped(reason, part.count, part),
      onFault: (error) => faults.note('fault', `a policy failed on a trace, which is lost: ${String(error)}`),
    })
    const { counts } = sampler
    host.holds(() => sampler.heldSpans)
    host.gauge('held_traces', 'Traces that wait for their decision.', () => sampler.heldTraces)
    host.gauge('held_bytes', 'Memory that they take, as it is accounted for.', () => sampler.heldBytes)
    const decided = 'Traces that were decided.'
    for (const decision of ['sampled', 'not_sampled', 'dropped'] as const) {
      host.total('traces', decided, () => counts[decision], { decision })
    }
    host.total('early_traces', 'Traces decided or dropped before their time, for want of room.', () => counts.early)
    const late = 'Spans that came after the decision on their trace.'
    host.total('late_spans', late, () => counts.lateSampled, { sampled: 'true' })
    host.total('late_spans', late, () => counts.lateOther, { sampled: 'false' })
    return {
      process(batch) {
        sampler.take(batch)
        return undefined
      },
      async stop() {
        sampler.stop()
        log.close()
        faults.close()
      },
    }
  },
})

/** Counts what a policy decides. */
function newNote(host: Parameters<typeof tally>[0], { name }: PolicyConfig): (decision: Decision) => void {
  const counters = Object.fromEntries(
    Object.values(Decision).map((decision) => [decision, tally(host, name, decision)]),
  ) as Record<Decision, { add(n: number): void }>
  return (decision) => counters[decision].add(1)
}

const tally = (
  host: { counter(name: string, help: string, labels: Record<string, string>): { add(n: number): void } },
  policy: string,
  decision: Decision,
) => host.counter('policy_traces', 'What policies said of traces.', { policy, decision })
