import type { Binding, Credentials } from '../../drains/bindings.ts'
import type { CredentialsCheck } from '../../drains/check-credentials.ts'
import { checkDrains, type DrainChecks, type DrainVerdict } from '../../drains/check-drain.ts'

/** What is wrong with the drain of an application, for its developer and the operator. */
export interface Complaint {
  readonly appId: string
  readonly message: string
}

export interface Validated {
  /** What agents get, in the order of the Cloud Controller. */
  readonly kept: readonly Binding[]
  readonly complaints: readonly Complaint[]
  readonly invalid: number
  readonly denied: number
  /** Drains that are kept although their name does not resolve right now. */
  readonly unresolvedKept: number
  /** Bindings that name no application at all. */
  readonly withoutCredentials: number
}

export interface Validator {
  validate(bindings: readonly Binding[]): Promise<Validated>
}

/**
 * Validates as the original does, but for one thing: a drain whose name has resolved before is kept when it does not any
 * more. An outage of DNS must not take drains away, and the agents look at the address again whenever they dial.
 */
export function newValidator(checks: DrainChecks, credentials: CredentialsCheck): Validator {
  let resolved = new Set<string>()
  return {
    async validate(bindings) {
      const round = newRound()
      const used = bindings.filter(({ credentials }) => credentials.length > 0)
      round.withoutCredentials = bindings.length - used.length
      const verdicts = await checkDrains(
        used.map(({ url }) => url),
        checks,
      )
      const still = new Set<string>()
      for (const [i, binding] of used.entries()) {
        const verdict = verdicts[i]!
        if (passes(verdict, binding, resolved, still, round)) keep(binding, verdict, credentials, round)
        // A long list is judged in pieces: certificates take their time.
        if (i % 64 === 63) await new Promise<void>((resolve) => setImmediate(resolve))
      }
      credentials.nextRound()
      resolved = still
      return round
    },
  }
}

type Round = { -readonly [K in keyof Validated]: Validated[K] } & { kept: Binding[]; complaints: Complaint[] }

const newRound = (): Round => ({
  kept: [],
  complaints: [],
  invalid: 0,
  denied: 0,
  unresolvedKept: 0,
  withoutCredentials: 0,
})

/** Whether the URL and its name are good enough; complains where they are not. */
function passes(
  verdict: DrainVerdict,
  binding: Binding,
  resolved: ReadonlySet<string>,
  still: Set<string>,
  round: Round,
): boolean {
  if (!('fault' in verdict)) {
    still.add(verdict.url.host)
    return true
  }
  const known = 'url' in verdict && verdict.fault !== 'denied' && resolved.has(verdict.url.host)
  if (known) {
    still.add(verdict.url.host)
    round.unresolvedKept++
    // The developer is told of a name that is gone, but not of our own DNS.
    if (verdict.fault !== 'unresolvable') return true
  }
  if (verdict.fault !== 'skipped') round.invalid++
  if (verdict.fault === 'denied') round.denied++
  for (const each of binding.credentials) complain(each, verdict.message, round)
  return known
}

function keep(binding: Binding, verdict: DrainVerdict, check: CredentialsCheck, round: Round): void {
  const clean = 'clean' in verdict ? verdict.clean : verdict.url.clean
  const sound = binding.credentials.filter((each) => {
    const message = check.check(each, clean)
    if (message === undefined) return true
    round.invalid++
    complain(each, message, round)
    return false
  })
  if (sound.length === binding.credentials.length) round.kept.push(binding)
  else if (sound.length > 0) round.kept.push({ url: binding.url, credentials: sound })
}

function complain({ apps }: Credentials, message: string, round: Round): void {
  for (const { app_id: appId } of apps ?? []) if (appId !== '') round.complaints.push({ appId, message })
}
