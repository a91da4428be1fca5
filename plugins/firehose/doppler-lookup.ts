import { formatAddress } from 'tailrace/plugin'
import { asciiName } from './idna.ts'

export interface DopplerLookupOptions {
  /** `doppler.service.cf.internal:8082` */
  routerAddr: string
  /** The same in the own availability zone, asked first; may be missing or nonsense. */
  routerAddrWithAz: string | undefined
  /** Every address of a name, asked afresh each time; rejects when there is none. */
  resolve(host: string): Promise<string[]>
  /** 0 to 1 */
  random(): number
}

/**
 * Answers `ip:port` of one doppler: a random address of the first name that has any. The general name is asked only when
 * the zone's cannot be looked up, not when nobody answers there. Rejects with `unable to lookup a log consumer`.
 */
export function newDopplerLookup({ routerAddr, routerAddrWithAz, resolve, random }: DopplerLookupOptions) {
  const written = [...(routerAddrWithAz ? [zoneName(routerAddrWithAz)] : []), routerAddr]
  const names = written.flatMap((address) => split(address) ?? [])
  return async (): Promise<string> => {
    for (const { host, port } of names) {
      const found = await resolve(host).catch(() => [])
      if (found.length > 0) return formatAddress({ host: found[Math.floor(random() * found.length)]!, port })
    }
    throw new Error('unable to lookup a log consumer')
  }
}

/** Names of zones may hold letters and an `@` that DNS does not know. */
export function zoneName(address: string): string {
  const colon = address.lastIndexOf(':')
  const host = colon < 0 ? address : address.slice(0, colon)
  return asciiName(host).replaceAll('@', '-') + address.slice(host.length)
}

/** Without a host, as BOSH renders it for a zone that is not known, there is nothing to look up. */
function split(address: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address)
  return match ? { host: (match[1] ?? match[2])!, port: Number(match[3]) } : undefined
}
