import type { ReadingProof } from '../../net/reading-proof.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Gathering } from './delivery.ts'
import { batchLimits, HttpTransport, singleLimits } from './http-transport.ts'
import type { DrainSpec } from './merge.ts'
import { TcpTransport } from './tcp-transport.ts'
import type { Dial, Transport } from './transport.ts'

export interface TransportSettings {
  /** All that connections are made by, as text. */
  terms: string
  /** Of a TCP drain: how long it may not read. */
  writeTimeoutMs: number
  /** Of an HTTPS drain: from request to answer. */
  answerTimeoutMs: number
  maxFlightBytes: number
  /** Connections of app drains over TCP are replaced after this long; 0: never. */
  maxAgeMs: number
  /** The same for aggregate drains. */
  aggregateMaxAgeMs: number
  onOpen(spec: DrainSpec): void
}

/** How one drain is spoken to. */
export interface Route {
  readonly transport: Transport
  readonly gathering: Gathering | undefined
}

export interface Transports {
  /** Where this is the same, connections that others of the kind have made may stay. */
  readonly terms: string
  /** `proof` is the drain's, over all of its connections, where somebody asks whether it reads. */
  to(spec: DrainSpec, proof: ReadingProof | undefined): Route
}

/** Idle HTTPS connections go after this long; those for batches also after as long in use (the original's). */
const idleMs = 90_000
const batchConnectionMs = 30_000

/** Chooses how a drain is spoken to, by the scheme of its URL. */
export function newTransports(
  dialOf: (spec: DrainSpec) => Dial,
  clock: Clock,
  settings: TransportSettings,
  gathering: Gathering,
): Transports {
  const to = (spec: DrainSpec, proof: ReadingProof | undefined): Route => {
    const { url } = spec
    const common = { dial: dialOf(spec), clock, onOpen: () => settings.onOpen(spec) }
    const http = { ...common, url, timeoutMs: settings.answerTimeoutMs }
    const maxAgeMs = spec.app === '' ? settings.aggregateMaxAgeMs : settings.maxAgeMs
    if (url.scheme === 'https')
      return {
        transport: new HttpTransport({ ...http, limits: singleLimits, maxAgeMs, maxIdleMs: idleMs }),
        gathering: undefined,
      }
    if (url.scheme === 'https-batch') {
      const ages = { maxAgeMs: batchConnectionMs, maxIdleMs: batchConnectionMs }
      return { transport: new HttpTransport({ ...http, limits: batchLimits, ...ages }), gathering }
    }
    const { writeTimeoutMs, maxFlightBytes } = settings
    return {
      transport: new TcpTransport({ ...common, writeTimeoutMs, maxFlightBytes, maxAgeMs, proof }),
      gathering: undefined,
    }
  }
  return { terms: settings.terms, to }
}
