import type { Origin } from '../../telemetry/origin.ts'
import { encodeAttributes } from '../../wire/otlp/log-attributes.ts'
import type { Source } from './messages.ts'

interface End {
  readonly address: string
  readonly port: number
}

/** Attributes of both ends, named as the Collector's tcp and udp inputs name them. */
function netAttributes(transport: 'IP.TCP' | 'IP.UDP', peer: End, local: End): Record<string, string> {
  return {
    'net.transport': transport,
    'net.peer.ip': peer.address,
    'net.peer.port': String(peer.port),
    'net.host.ip': local.address,
    'net.host.port': String(local.port),
  }
}

/** The source of everything that comes by one TCP connection. */
export function connectionSource(
  origin: Origin,
  local: End,
  attributes: Record<string, string>,
  addNet: boolean,
): Source {
  const all = addNet ? { ...attributes, ...netAttributes('IP.TCP', origin, local) } : attributes
  return { origin, peer: Buffer.from(origin.address), extra: encodeAttributes(all), isLocal: false }
}

/** Senders remembered at once; all are forgotten when there are more. */
const mostSenders = 1024

/** Sources of datagrams, made once per sender. */
export function newSenderSources(local: () => End, attributes: Record<string, string>, addNet: boolean) {
  const known = new Map<string, Source>()
  return (from: End): Source => {
    const seen = known.get(from.address)
    // Ports change with some senders; then only the origin is made anew.
    if (seen && seen.origin!.port === from.port) return seen
    if (known.size >= mostSenders) known.clear()
    const all = addNet ? { ...attributes, ...netAttributes('IP.UDP', from, local()) } : attributes
    const source: Source = {
      origin: Object.freeze({ address: from.address, port: from.port, subject: undefined }),
      peer: Buffer.from(from.address),
      extra: encodeAttributes(all),
      isLocal: false,
    }
    known.set(from.address, source)
    return source
  }
}

/** The source of a local socket. */
export const localSource = (attributes: Record<string, string>): Source => ({
  origin: undefined,
  peer: Buffer.from('localhost'),
  extra: encodeAttributes(attributes),
  isLocal: true,
})

/** The source of datagrams whose sender nobody asked for. */
export const anonymousSource = (attributes: Record<string, string>): Source => ({
  ...localSource(attributes),
  isLocal: false,
})
