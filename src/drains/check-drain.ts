import type { Resolver } from '../net/resolver.ts'
import type { DenyRanges } from './deny-ranges.ts'
import {
  type DrainDefaults,
  type DrainFault,
  type DrainUrl,
  isDrainFault,
  parseDrainUrl,
  type UrlFault,
} from './drain-url.ts'
import type { FailedNames } from './failed-names.ts'

export interface DrainChecks extends DrainDefaults {
  resolver: Resolver
  deny: DenyRanges
  /** Names that did not resolve a short while ago are not asked for again. */
  failed: FailedNames
}

/**
 * `unresolvable`: there is no such name. `no_dns`: nobody could say; worded alike for the drain's owner. `skipped`: the name
 * failed less than two minutes ago. `denied`: one of its addresses is in a denied range.
 */
export type NameFault = 'unresolvable' | 'no_dns' | 'skipped' | 'denied'
export type CheckFault = UrlFault | NameFault

export interface CheckedDrain {
  readonly url: DrainUrl
  readonly addresses: readonly string[]
}

/** What validates a drain URL, in the order and wording of the original, which the cache and the agents share. Never rejects. */
export async function checkDrain(text: string, checks: DrainChecks): Promise<CheckedDrain | DrainFault<CheckFault>> {
  const url = parseDrainUrl(text, checks)
  return isDrainFault(url) ? (url as DrainFault) : checkHost(url, checks)
}

/** The second half: the name behind the URL. */
export async function checkHost(
  url: DrainUrl,
  { resolver, deny, failed }: DrainChecks,
): Promise<CheckedDrain | DrainFault<NameFault>> {
  const { clean, host } = url
  const fault = (fault: NameFault, message: string): DrainFault<NameFault> => ({ fault, message, clean })
  if (failed.has(host))
    return fault('skipped', `Skipped resolve ip address for syslog drain with url ${clean} due to prior failure`)
  let addresses: readonly string[]
  try {
    addresses = await resolver.resolve(host)
  } catch (error) {
    failed.add(host)
    const kind = (error as { kind?: string }).kind === 'name' ? 'unresolvable' : 'no_dns'
    return fault(kind, `Cannot resolve ip address for syslog drain with url ${clean}`)
  }
  if (addresses.some((ip) => deny.denies(ip)))
    return fault('denied', `Resolved ip address for syslog drain with url ${clean} is blacklisted`)
  return { url, addresses }
}
