import { fanOut } from '../../delivery/fan-out.ts'
import { deliveryFields } from '../../delivery/fields.ts'
import { deliveryBudget, type Queued, queued } from '../../delivery/queued.ts'
import { newGrpcClient } from '../../net/grpc-client.ts'
import { newLogSeries } from '../../net/log-series.ts'
import { clientTlsFrom } from '../../net/tls-settings.ts'
import {
  type ConfigOf,
  defineExporter,
  type Exporter,
  endpoint,
  type Host,
  list,
  object,
  oneOf,
  size,
  text,
  tlsClient,
} from '../../plugin.ts'
import { readIngressPorts } from '../ingress-ports.ts'
import { methods, newIngressSender } from './ingress-sender.ts'

const fields = object({
  endpoint: endpoint().optional().describe('Agent to send to.'),
  endpoints: list(endpoint()).default([]).describe('Several agents: every one gets everything.'),
  ingress_port_glob: text()
    .default('')
    .describe(
      'Files with `ingress: PORT` of agents on this machine, read once at start. Those with `protocol: otelcol` are left to otlp.',
    ),
  method: oneOf(methods)
    .default('batch_sender')
    .describe('batch_sender: many envelopes a message. sender: one a message, for peers that know nothing else.'),
  tls: tlsClient().optional().describe('Certificates; without them the connection is plaintext HTTP/2.'),
  max_message_size: size().default('10MiB').describe('Largest message the peers take; a larger envelope is dropped.'),
  ...deliveryFields({
    when_full: 'drop_oldest',
    initial_interval: '1s',
    max_interval: '5s',
    max_elapsed_time: 0,
    timeout: 0,
  }),
})

/** Sends v2 envelopes to the ingress of Loggregator agents: one queue and one stream for each. */
export default defineExporter({
  type: 'loggregator',
  stability: 'beta',
  summary: 'Sends v2 envelopes by gRPC to the ingress of one or more Loggregator agents.',
  takes: ['envelopes'],
  delivery: {
    semantics: 'at most once',
    order: 'kept',
    on_kill:
      'what is queued (10,000 records a destination by default) and what is on the wire; nothing with `sending_queue.storage`',
  },
  config: fields,
  create: ({ config, host }) => newLoggregatorExporter(config, host),
})

function newLoggregatorExporter(config: ConfigOf<typeof fields>, host: Host): Exporter {
  const destinations: Queued[] = []
  const all = fanOut(
    () => destinations,
    (records) => {
      const nowhere = host.account()
      nowhere.received += records
      nowhere.drop('no_destination', records)
    },
  )
  return {
    ...all,
    async start() {
      const budget = deliveryBudget(config, host)
      for (const address of addresses(config, host)) destinations.push(newDestination(address, config, host, budget))
      await all.start()
    },
  }
}

function addresses({ endpoint, endpoints, ingress_port_glob }: ConfigOf<typeof fields>, host: Host): string[] {
  const written = [...(endpoint ? [endpoint] : []), ...endpoints].map(({ text }) => text)
  const found = readIngressPorts(ingress_port_glob, 'loggregator', host.log).map(({ destination }) => destination)
  // Two files with one port are one agent: nobody wants everything twice.
  return [...new Set([...written, ...found])]
}

function newDestination(address: string, config: ConfigOf<typeof fields>, host: Host, budget: Host['budget']): Queued {
  const { clock } = host
  const log = host.log.named(`-> ${address}`)
  const client = newGrpcClient({
    address,
    tls: clientTlsFrom(config.tls, host),
    serverName: config.tls?.server_name_override,
    // Agents on one machine restart within seconds: look again soon.
    backoff: { maxMs: 5000 },
    log,
    clock,
  })
  const sender = newIngressSender({ client, method: config.method, log, trouble: newLogSeries(log, clock), clock })
  const labels = { protocol: 'loggregator', destination: address }
  // The one that is written may move; several have folders of their own for queues on disk.
  const part = config.endpoint?.text === address ? '' : address
  // A message has a few bytes around its one record.
  const maxRecordBytes = config.max_message_size - 16
  return queued(config, { ...host, log }, sender, { labels, budget, maxRecordBytes, part })
}
