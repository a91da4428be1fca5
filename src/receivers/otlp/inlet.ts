import { Refused, Undelivered } from '../../delivery/admission.ts'
import { newLogSeries } from '../../net/log-series.ts'
import { GrpcCode, GrpcError } from '../../net/status.ts'
import type { Host, Intakes } from '../../plugin.ts'
import type { Origin } from '../../telemetry/origin.ts'
import { type OtlpFormat, OtlpGate } from '../../telemetry/otlp-gate.ts'

export const signals: readonly OtlpFormat[] = ['logs', 'metrics', 'traces']

/** Help text of what both transports count beside what the inlet counts. */
export const refusedHelp = 'Requests that were refused before they were read, because memory was short; senders repeat.'

/** Shows what both ports count of their connections. */
export function watchConnections(
  stats: Readonly<{ connectionsOpen: number; connectionsRefused: number; floods: number }>,
  host: Host,
  transport: 'grpc' | 'http',
  floods = () => stats.floods,
): void {
  const labels = { transport }
  host.gauge('connections', 'Open connections.', () => stats.connectionsOpen, labels)
  const refused = 'Connections closed because there were too many, or no memory for them.'
  host.total('connections_refused', refused, () => stats.connectionsRefused, labels)
  const why = 'Connections ended because of tiny pieces of data, or of requests sent without waiting for answers.'
  host.total('floods', why, floods, labels)
}

/** Between a request and the pipeline, for one transport. */
export interface Inlet {
  /** Whether some pipeline wants this signal. */
  wants(signal: OtlpFormat): boolean
  /**
   * Takes an export request in `bytes[start, end)`, on loan for the call. Throws or rejects with a GrpcError when it was
   * not taken; a promise means that it waits for room, until `signal` withdraws it.
   */
  take(
    signal: OtlpFormat,
    bytes: Buffer,
    start: number,
    end: number,
    origin: Origin,
    abort: AbortSignal,
  ): void | Promise<void>
  /** Counts a request that did not parse; the error to answer it with. */
  malformed(signal: OtlpFormat, text: string, origin: Origin): GrpcError
  close(): void
}

/** Counts as the Collector does: `accepted`, `refused` by the pipeline, `failed` inside; in records, and in requests. */
export function newInlet(host: Host, intakes: Intakes, transport: 'grpc' | 'http'): Inlet {
  const gate = new OtlpGate()
  const counters = countersOf(host, transport)
  const requests = requestCounters(host, transport)
  let mended = 0
  const wants = (signal: OtlpFormat) => intakes[signal] !== undefined
  const series = newLogSeries(host.log, host.clock)
  const malformed = (signal: OtlpFormat, text: string, { address }: Origin) => {
    counters[signal].malformed.add(1)
    series.note('malformed', `a request with ${signal} from ${address} does not parse: ${text}`)
    return new GrpcError(GrpcCode.invalidArgument, text)
  }
  return {
    wants,
    malformed,
    close: () => series.close(),
    take(signal, bytes, start, end, origin, abort) {
      const count = counters[signal]
      const batch = gate.take(signal, bytes, start, end, origin)
      if (!batch) throw malformed(signal, gate.fault, origin)
      if (gate.repaired > mended) {
        count.repaired.add(gate.repaired - mended)
        mended = gate.repaired
      }
      if (batch.count === 0) return
      const records = batch.count
      const failed = (error: unknown): never => {
        const status = statusOf(error)
        if (status.code === GrpcCode.internal && !(error instanceof Undelivered)) {
          count.failed.add(records)
          requests.failure.add(1)
          host.log.error(`handing on a request failed: ${error instanceof Error ? (error.stack ?? error) : error}`)
        } else {
          count.refused.add(records)
          requests.refused.add(1)
        }
        throw status
      }
      const accepted = () => {
        count.accepted.add(records)
        requests.success.add(1)
      }
      try {
        const waits = intakes[signal]!.offer(batch, abort)
        if (waits) return waits.then(accepted, failed)
        accepted()
      } catch (error) {
        failed(error)
      }
    },
  }
}

/** UNAVAILABLE may be repeated, when the delay is over that RetryInfo names; INTERNAL may not. */
function statusOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error
  if (error instanceof Undelivered) return lostStatus(error)
  if (!(error instanceof Refused)) return new GrpcError(GrpcCode.internal, 'internal error')
  return new GrpcError(GrpcCode.unavailable, error.reason, { retryDelayMs: error.retryAfterMs })
}

/** What the backend said passes through. */
function lostStatus({ message, isPermanent, cause }: Undelivered): GrpcError {
  const said = cause instanceof Error ? cause.cause : undefined
  if (said instanceof GrpcError) return new GrpcError(said.code, message, { retryDelayMs: said.retryDelayMs })
  return new GrpcError(isPermanent ? GrpcCode.internal : GrpcCode.unavailable, message)
}

function countersOf(host: Host, transport: string) {
  const of = (signal: OtlpFormat) => {
    const labels = { transport, signal }
    return {
      accepted: host.counter('accepted_records', 'Records taken into a pipeline.', labels),
      refused: host.counter(
        'refused_records',
        'Records that were sent back: no room, or the answer of a backend that is waited for.',
        labels,
      ),
      failed: host.counter('failed_records', 'Records lost to a fault inside.', labels),
      malformed: host.counter('malformed_requests', 'Requests that did not parse.', labels),
      repaired: host.counter('repaired_strings', 'Strings in which invalid UTF-8 was replaced.', labels),
    }
  }
  return { logs: of('logs'), metrics: of('metrics'), traces: of('traces') }
}

function requestCounters(host: Host, transport: string) {
  const of = (outcome: string) => {
    return host.counter('requests', 'Requests with records, by what became of them.', { transport, outcome })
  }
  return { success: of('success'), refused: of('refused'), failure: of('failure') }
}
