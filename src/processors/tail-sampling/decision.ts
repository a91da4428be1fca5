import type { Trace } from './trace.ts'

/** What a policy says of a trace. The inverted ones are those of `invert_match`. */
export const Decision = {
  sampled: 'sampled',
  notSampled: 'not_sampled',
  invertSampled: 'invert_sampled',
  invertNotSampled: 'invert_not_sampled',
  dropped: 'dropped',
} as const
export type Decision = (typeof Decision)[keyof typeof Decision]

export type Evaluate = (trace: Trace) => Decision

export const sampledIf = (holds: boolean): Decision => (holds ? Decision.sampled : Decision.notSampled)

/** Whether it speaks for the trace; within other policies inverted or not makes no difference. */
export const isFor = (decision: Decision): boolean =>
  decision === Decision.sampled || decision === Decision.invertSampled

export interface Policy {
  readonly name: string
  readonly evaluate: Evaluate
  /** Told what it decided. */
  readonly note: (decision: Decision) => void
}

/**
 * What all policies together say: `dropped` wins, then an inverted no, a yes, an inverted yes that nobody contradicts.
 * With `first` the first yes ends the asking. Policies that drop stand first.
 */
export function verdictOf(
  policies: readonly Policy[],
  trace: Trace,
  first: boolean,
): 'sampled' | 'not_sampled' | 'dropped' {
  let yes = false
  let no = false
  let invertedYes = false
  let invertedNo = false
  for (let i = 0; i < policies.length; i++) {
    const { evaluate, note } = policies[i]!
    const decision = evaluate(trace)
    note(decision)
    if (decision === Decision.dropped) return 'dropped'
    if (decision === Decision.sampled) yes = true
    else if (decision === Decision.notSampled) no = true
    else if (decision === Decision.invertSampled) invertedYes = true
    else invertedNo = true
    if (first && yes) break
  }
  if (invertedNo) return 'not_sampled'
  return yes || (invertedYes && !no) ? 'sampled' : 'not_sampled'
}
