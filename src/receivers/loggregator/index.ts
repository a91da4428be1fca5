import { bool, duration, endpoint, int, list, object, size, tlsServer } from '../../config/fields.ts'
import { formatAddress } from '../../net/address.ts'
import { newGrpcServer } from '../../net/grpc-server.ts'
import { clientStream, type ServerStats, unary } from '../../net/grpc-types.ts'
import { serverTlsFrom } from '../../net/tls-settings.ts'
import { defineReceiver, type Host } from '../../plugin.ts'
import { newIngress } from './ingress.ts'

/** The ingress of every Loggregator agent: v2 envelopes by gRPC. Wire facts: docs/wire/loggregator.md. */
export default defineReceiver({
  type: 'loggregator',
  stability: 'beta',
  summary: 'Takes v2 envelopes by gRPC (Sender, BatchSender, Send), as every Loggregator agent does.',
  makes: ['envelopes'],
  // The protocol has no way to refuse: an application that logs must never wait for us.
  pushesBack: false,
  config: object({
    endpoint: endpoint().default('127.0.0.1:3458').describe('Address to listen on.'),
    tls: tlsServer().optional().describe('Certificates; without them the port speaks plaintext HTTP/2.'),
    max_message_size: size().default('10MiB').describe('Largest message taken; a larger one ends its stream.'),
    max_connections: int({ min: 1 })
      .default(10_000)
      .describe('Connections beyond this are closed at once and counted.'),
    keepalive: object({
      min_ping_interval: duration().default('5m').describe('Clients that ping more often are sent away.'),
      permit_without_stream: bool().default(false).describe('Whether clients may ping while they have no stream open.'),
    })
      .default({})
      .describe('What pings are put up with.'),
    announce: list()
      .default(['grpc bound to: {address}'])
      .describe('Lines to print when the port is bound, for tooling that looks for them.'),
    logs_disabled: bool().default(false).describe('Drop log envelopes on arrival.'),
  }),
  resources: ({ endpoint }) => [`tcp ${endpoint.text}`],
  create({ config, host, intakes }) {
    const ingress = newIngress(intakes.envelopes!, host, { logsDisabled: config.logs_disabled })
    const stream = (
      take: (bytes: Buffer, start: number, end: number, origin: Parameters<typeof ingress.envelope>[3]) => void,
    ) => clientStream(({ origin }) => ({ message: (bytes, start, end) => take(bytes, start, end, origin) }))
    const server = newGrpcServer({
      endpoint: config.endpoint,
      tls: serverTlsFrom(config.tls, host),
      maxMessageBytes: config.max_message_size,
      memory: host.budget,
      keepalive: {
        minPingIntervalMs: config.keepalive.min_ping_interval,
        permitWithoutStream: config.keepalive.permit_without_stream,
      },
      limits: { maxConnections: config.max_connections },
      gzip: false,
      methods: {
        '/loggregator.v2.Ingress/Sender': stream(ingress.envelope),
        '/loggregator.v2.Ingress/BatchSender': stream(ingress.batch),
        '/loggregator.v2.Ingress/Send': unary((message, call) => {
          ingress.batch(message, 0, message.length, call.origin)
          return empty
        }),
      },
      log: host.log,
      clock: host.clock,
    })
    watch(server.stats, host)
    return {
      async start() {
        const address = formatAddress(await server.start())
        for (const line of config.announce) host.log.line(line.replace('{address}', address))
      },
      async stop(deadline) {
        await server.stop(deadline)
        ingress.flush()
      },
    }
  },
})

/** Shows what the port counts. */
function watch(stats: Readonly<ServerStats>, host: Host): void {
  host.gauge('connections', 'Open connections.', () => stats.connectionsOpen)
  host.gauge('streams', 'Open streams.', () => stats.streamsOpen)
  host.total('connections_refused', 'Connections closed because there were too many.', () => stats.connectionsRefused)
  const refused = 'Calls that were refused because memory was short; their clients may come again.'
  host.total('refused_requests', refused, () => stats.messagesRefused)
  host.total('ping_abuse', 'Connections ended because the client pinged too often.', () => stats.pingAbuse)
  host.total('floods', 'Connections ended because of tiny pieces of data.', () => stats.floods)
  for (const reason of Object.keys(stats.handshakesFailed) as (keyof ServerStats['handshakesFailed'])[]) {
    host.total('handshakes_failed', 'TLS handshakes that failed.', () => stats.handshakesFailed[reason], { reason })
  }
}

const empty = Buffer.alloc(0)
