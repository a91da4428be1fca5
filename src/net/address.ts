import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

export interface Address {
  host: string
  port: number
}

/**
 * `127.0.0.1:3458`, `[::1]:3458`, `doppler.service:8082`, `:3458` (every interface, host `''`).
 * Throws an Error that says what was expected.
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text.trim())
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  const sound = host !== undefined && port <= 65_535 && (match?.[1] === undefined || isIP(host.split('%')[0]!) === 6)
  if (!sound) throw new Error(`expected host:port such as 127.0.0.1:3458 or [::1]:3458, got ${JSON.stringify(text)}`)
  return { host, port }
}

/** `127.0.0.1:3458`, `[::1]:3458`; IPv4 peers of a dual-stack socket (`::ffff:127.0.0.1`) lose their prefix. */
export function formatAddress({ host, port }: Address): string {
  const plain = plainHost(host)
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}

/** An IPv4 address that a dual-stack socket reports as `::ffff:10.0.0.1`, as `10.0.0.1`. */
export const plainHost = (host: string): string =>
  host.startsWith('::ffff:') && isIP(host.slice(7)) === 4 ? host.slice(7) : host

/** Every address of a name, asked afresh each time; an address is its own answer. Rejects when there is none. */
export async function resolveAddresses(host: string): Promise<string[]> {
  if (isIP(host)) return [host]
  const answers = await lookup(host, { all: true })
  return answers.map((answer) => answer.address)
}
