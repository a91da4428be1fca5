import type { Admission } from '../../delivery/admission.ts'
import { fanOut, toAll } from '../../delivery/fan-out.ts'
import { deliveryBudget, type Queued } from '../../delivery/queued.ts'
import { clientTlsFrom } from '../../net/tls-settings.ts'
import type { Exporter, Host } from '../../plugin.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { readIngressPorts } from '../ingress-ports.ts'
import { isSignal, type Signal, signals } from '../otlp-signals.ts'
import { addressOf, type OtlpConfig } from './config.ts'
import { type Destination, type DestinationOptions, newDestination } from './destination.ts'

/** One queue per destination and signal. Destinations are found at start and stay. */
export function newOtlpExporter(config: OtlpConfig, host: Host): Exporter {
  const queues: Record<Signal, Queued[]> = { logs: [], metrics: [], traces: [] }
  const noDestination = (records: number) => {
    const nowhere = host.account()
    nowhere.received += records
    nowhere.drop('no_destination', records)
  }
  // Two files may name the same destination: it gets everything twice, by one queue that is counted once.
  const all = fanOut(() => [...new Set(signals.flatMap((signal) => queues[signal]))], noDestination)
  let everything = none
  const admissions: Record<Signal, readonly Admission[]> = { logs: none, metrics: none, traces: none }
  let started = false
  return {
    ...all,
    // Destinations stay: asked twice for every batch, it must not make a list each time.
    admissions: (format) => (format && isSignal(format) ? admissions[format] : everything),
    get takes() {
      return started ? signals.filter((signal) => queues[signal].length > 0) : signals
    },
    consume(batch: Batch) {
      if (!toAll(isSignal(batch.format) ? queues[batch.format] : [], batch)) noDestination(batch.count)
    },
    async start() {
      if (started) return
      openDestinations(config, host, queues)
      for (const signal of signals) admissions[signal] = [...new Set(queues[signal])].flatMap((one) => one.admissions())
      everything = all.admissions()
      started = true
      await all.start()
    },
  }
}

const none: readonly Admission[] = []

function openDestinations(config: OtlpConfig, host: Host, queues: Record<Signal, Queued[]>): void {
  const found = addresses(config, host)
  const tls = found.length > 0 ? clientTlsFrom(config.tls, host, 'any') : undefined
  const budget = deliveryBudget(config, host)
  const made = new Map<string, Destination>()
  for (const { address, protocol, isFound } of found) {
    const destination = made.get(address) ?? newDestination({ address, protocol, isFound, tls, budget }, config, host)
    made.set(address, destination)
    for (const signal of signals) if (destination[signal]) queues[signal].push(destination[signal])
  }
}

function addresses(config: OtlpConfig, host: Host): Pick<DestinationOptions, 'address' | 'protocol' | 'isFound'>[] {
  const written = config.endpoint
    ? [{ address: addressOf(config.endpoint), protocol: 'otlp' as const, isFound: false }]
    : []
  const files = readIngressPorts(config.ingress_port_glob ?? '', 'otelcol', host.log)
  const found = files.map(({ destination }) => ({ address: destination, protocol: 'otelcol' as const, isFound: true }))
  return [...written, ...found]
}
