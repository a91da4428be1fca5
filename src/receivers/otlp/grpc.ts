import type { Budget } from '../../delivery/budget.ts'
import type { Authenticator, Verdict } from '../../extensions/authenticator.ts'
import { type GrpcServer, newGrpcServer } from '../../net/grpc-server.ts'
import { type Call, type Handler, type ServerStats, unary } from '../../net/grpc-types.ts'
import { GrpcCode, GrpcError } from '../../net/status.ts'
import { serverTlsFrom } from '../../net/tls-settings.ts'
import type { Host } from '../../plugin.ts'
import type { OtlpFormat } from '../../telemetry/otlp-gate.ts'
import { type GrpcConfig, listenAddress } from './config.ts'
import { type Inlet, refusedHelp, signals, watchConnections } from './inlet.ts'
import { metadataOf } from './metadata.ts'

/** Paths of the unary Export calls (opentelemetry-proto, collector). */
const exportPath: Record<OtlpFormat, string> = {
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
}

const MIB = 1 << 20
/** An export response without partial_success: everything was taken. */
const taken = Buffer.alloc(0)

/** OTLP over gRPC. A signal that no pipeline wants has no service: UNIMPLEMENTED. */
export function newOtlpGrpc(
  config: GrpcConfig,
  host: Host,
  inlet: Inlet,
  authenticator: () => Required<Pick<Authenticator, 'authenticate'>> | undefined,
): GrpcServer {
  const originOf = (call: Call) =>
    config.include_metadata ? { ...call.origin, metadata: metadataOf(call.headers) } : call.origin
  const methods: Record<string, Handler> = {}
  for (const signal of signals) {
    if (!inlet.wants(signal)) continue
    methods[exportPath[signal]] = unary((message, call) => {
      const take = (bytes: Buffer) => inlet.take(signal, bytes, 0, bytes.length, originOf(call), call.signal)
      const verdict = authenticator()?.authenticate(call.headers) ?? true
      if (verdict instanceof Promise) return takeLater(message, verdict, host.budget, take)
      admit(verdict)
      const waits = take(message)
      return waits ? waits.then(() => taken) : taken
    })
  }
  const { enforcement_policy: pings, server_parameters: life } = config.keepalive
  const server = newGrpcServer({
    endpoint: listenAddress(config.endpoint),
    tls: serverTlsFrom(config.tls, host),
    maxMessageBytes: (config.max_recv_msg_size_mib || 4) * MIB,
    memory: host.budget,
    refuses: true,
    keepalive: { minPingIntervalMs: pings.min_time, permitWithoutStream: pings.permit_without_stream },
    age: { idleMs: life.max_connection_idle, ageMs: life.max_connection_age, graceMs: life.max_connection_age_grace },
    limits: config.max_concurrent_streams > 0 ? { maxConcurrentStreams: config.max_concurrent_streams } : {},
    methods,
    log: host.log,
    clock: host.clock,
  })
  watch(server.stats, host)
  return server
}

function admit(verdict: Verdict): void {
  if (verdict !== true) throw new GrpcError(GrpcCode.unauthenticated, verdict)
}

/** Keeps the message, which is on loan, until it is known whether its sender may come in. */
async function takeLater(
  message: Buffer,
  verdict: Promise<Verdict>,
  budget: Budget,
  take: (bytes: Buffer) => void | Promise<void>,
): Promise<Buffer> {
  const { length } = message
  if (!budget.fits(length))
    throw new GrpcError(GrpcCode.unavailable, 'no memory to keep the request while its sender is checked')
  const kept = Buffer.from(message)
  budget.take(length)
  try {
    admit(await verdict)
    await take(kept)
    return taken
  } finally {
    budget.give(length)
  }
}

/** Shows what the port counts. */
function watch(stats: Readonly<ServerStats>, host: Host): void {
  const labels = { transport: 'grpc' }
  watchConnections(stats, host, 'grpc')
  host.total('refused_requests', refusedHelp, () => stats.messagesRefused, labels)
  host.total('ping_abuse', 'Connections ended because the client pinged too often.', () => stats.pingAbuse, labels)
  for (const reason of Object.keys(stats.handshakesFailed) as (keyof ServerStats['handshakesFailed'])[]) {
    host.total('handshakes_failed', 'TLS handshakes that failed.', () => stats.handshakesFailed[reason], {
      ...labels,
      reason,
    })
  }
}
