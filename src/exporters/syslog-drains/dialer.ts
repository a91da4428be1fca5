import type { Socket } from 'node:net'
import type { DenyRanges } from '../../drains/deny-ranges.ts'
import type { Resolver } from '../../net/resolver.ts'
import { dialTcp } from '../../net/tcp-dial.ts'
import type { TlsContexts, Trust } from '../../net/tls-contexts.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { DrainSpec } from './merge.ts'
import type { Dial } from './transport.ts'

export interface DialerOptions {
  resolver: Resolver
  denied: DenyRanges
  /** Made when the first drain needs it: most of its cost is reading the system's authorities. */
  contexts: () => TlsContexts
  clock: Clock
  timeoutMs: number
}

/** Makes for each drain what opens its connections. Addresses are checked each time, but for aggregate drains. */
export function newDialer({ resolver, denied, contexts, clock, timeoutMs }: DialerOptions) {
  return (spec: DrainSpec): Dial => {
    const { host, port, scheme, parameters } = spec.url
    const base = { host, port, resolver, timeoutMs, keepAliveMs: 10_000, clock }
    const allows = spec.app === '' || denied.isEmpty ? undefined : (ip: string) => !denied.denies(ip)
    let trust: Trust | undefined
    const newTrust = () =>
      contexts().trust({
        ca: spec.ca,
        cert: spec.cert,
        key: spec.key,
        profile: parameters.strictInternal ? 'internal' : 'external',
      })
    return async (signal): Promise<Socket> => {
      if (scheme === 'syslog') return dialTcp({ ...base, allows, signal })
      trust ??= newTrust()
      return dialTcp({ ...base, allows, signal, tls: { trust, awaitsVerdict: scheme === 'syslog-tls' } })
    }
  }
}
