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

export type DrainVerdict = CheckedDrain | DrainNameFault | DrainFault

/** A sound URL whose name is not. */
export interface DrainNameFault extends DrainFault<NameFault> {
  readonly url: DrainUrl
}

/** Names that are looked up at the same time. */
const AT_ONCE = 32

/**
 * Validates drain URLs in the order and wording of the original, which the cache and the agents share: URL, name, denied
 * ranges. Answers one verdict for each, in their order; every name is looked up once. Never rejects.
 */
export async function checkDrains(texts: readonly string[], checks: DrainChecks): Promise<DrainVerdict[]> {
  const urls = texts.map((text) => parseDrainUrl(text, checks))
  const hosts = new Set(urls.flatMap((url) => (isDrainFault(url) ? [] : [url.host])))
  const found = await lookUpAll([...hosts], checks)
  return urls.map((url) => (isDrainFault(url) ? url : verdictOf(url, found.get(url.host)!, checks.deny)))
}

/** The same for one. */
export async function checkDrain(text: string, checks: DrainChecks): Promise<DrainVerdict> {
  return (await checkDrains([text], checks))[0]!
}

type Found = readonly string[] | 'unresolvable' | 'no_dns' | 'skipped'

async function lookUpAll(hosts: readonly string[], checks: DrainChecks): Promise<Map<string, Found>> {
  const found = new Map<string, Found>()
  let next = 0
  const work = async () => {
    while (next < hosts.length) {
      const host = hosts[next++]!
      found.set(host, await lookUp(host, checks))
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, hosts.length) }, work))
  return found
}

async function lookUp(host: string, { resolver, failed }: DrainChecks): Promise<Found> {
  if (failed.has(host)) return 'skipped'
  try {
    return await resolver.resolve(host)
  } catch (error) {
    failed.add(host)
    return (error as { kind?: string }).kind === 'name' ? 'unresolvable' : 'no_dns'
  }
}

function verdictOf(url: DrainUrl, found: Found, deny: DenyRanges): CheckedDrain | DrainNameFault {
  const { clean } = url
  const fault = (fault: NameFault, message: string): DrainNameFault => ({ fault, message, clean, url })
  if (found === 'skipped')
    return fault('skipped', `Skipped resolve ip address for syslog drain with url ${clean} due to prior failure`)
  if (typeof found === 'string') return fault(found, `Cannot resolve ip address for syslog drain with url ${clean}`)
  if (found.some((ip) => deny.denies(ip)))
    return fault('denied', `Resolved ip address for syslog drain with url ${clean} is blacklisted`)
  return { url, addresses: found }
}
