import type { OnFailure } from '../../ottl/program.ts'
import type { Clock } from '../../plugin.ts'
import { booleanPolicy, numericPolicy, stringPolicy } from './attribute-policies.ts'
import { Decision, type Evaluate, isFor, sampledIf } from './decision.ts'
import { hashPolicy } from './hash-policy.ts'
import { bytesLimit, compositeLimit, rateLimit } from './limit-policies.ts'
import type { CompositeSubConfig, PolicyConfig, SubConfig } from './policy-fields.ts'
import {
  conditionPolicy,
  latencyPolicy,
  spanCountPolicy,
  statusPolicy,
  traceFlagsPolicy,
  traceStatePolicy,
} from './span-policies.ts'

/** What policies need of the processor. */
export interface PolicyUse {
  readonly clock: Clock
  /** Told of a condition that failed on a span. */
  readonly onFailure: OnFailure
}

/** Compiles a policy. */
export function compilePolicy(config: PolicyConfig | CompositeSubConfig | SubConfig, use: PolicyUse): Evaluate {
  const { clock } = use
  switch (config.type) {
    case 'always_sample':
      return () => Decision.sampled
    case 'latency':
      return latencyPolicy(config.latency!.threshold_ms, config.latency!.upper_threshold_ms)
    case 'numeric_attribute':
      return numericPolicy(config.numeric_attribute!)
    case 'probabilistic':
      return hashPolicy(config.probabilistic!.hash_salt, config.probabilistic!.sampling_percentage)
    case 'status_code':
      return statusPolicy(config.status_code!.status_codes)
    case 'string_attribute':
      return stringPolicy(config.string_attribute!)
    case 'rate_limiting':
      return rateLimit(config.rate_limiting!.spans_per_second, clock)
    case 'bytes_limiting': {
      const { bytes_per_second: bytes, burst_capacity: burst } = config.bytes_limiting!
      return bytesLimit(bytes, burst === 0 ? bytes * 2 : burst, clock)
    }
    case 'span_count':
      return spanCountPolicy(config.span_count!.min_spans, config.span_count!.max_spans)
    case 'trace_state':
      return traceStatePolicy(config.trace_state!.key, config.trace_state!.values)
    case 'trace_flags':
      return traceFlagsPolicy
    case 'boolean_attribute':
      return booleanPolicy(config.boolean_attribute!)
    case 'ottl_condition':
      return conditionPolicy(config.ottl_condition!, use.onFailure)
  }
  return compileCombined(config as PolicyConfig, use)
}

function compileCombined(config: PolicyConfig, use: PolicyUse): Evaluate {
  if (config.type === 'not') {
    const inner = compilePolicy(config.not!.not_sub_policy, use)
    return (trace) => sampledIf(!isFor(inner(trace)))
  }
  if (config.type === 'composite') return composite(config.composite!, use)
  const subs = config.type === 'and' ? config.and!.and_sub_policy : config.drop!.drop_sub_policy
  const all = subs.map((sub) => compilePolicy(sub, use))
  const agreed = config.type === 'and' ? Decision.sampled : Decision.dropped
  return (trace) => (all.every((evaluate) => isFor(evaluate(trace))) ? agreed : Decision.notSampled)
}

function composite(config: NonNullable<PolicyConfig['composite']>, use: PolicyUse): Evaluate {
  const {
    max_total_spans_per_second: most,
    policy_order: order,
    composite_sub_policy: subs,
    rate_allocation: rates,
  } = config
  const rank = ({ name }: CompositeSubConfig) => (order.includes(name) ? order.indexOf(name) : order.length)
  const shares = subs
    .toSorted((a, b) => rank(a) - rank(b))
    .map((sub) => {
      const percent = rates.find(({ policy }) => policy === sub.name)?.percent ?? 0
      const spansPerSecond = Math.trunc(percent > 0 ? (most * percent) / 100 : most / subs.length)
      return { evaluate: compilePolicy(sub, use), spansPerSecond }
    })
  return compositeLimit(shares, most, use.clock)
}
