import { Dropped, Retryable } from '../../delivery/sender.ts'
import { codeName, GrpcCode, type GrpcError } from '../../net/status.ts'

/** Codes after which the same request may go through (OTLP specification, "OTLP/gRPC Response"). */
const retryable: ReadonlySet<number> = new Set([
  GrpcCode.cancelled,
  GrpcCode.deadlineExceeded,
  GrpcCode.aborted,
  GrpcCode.outOfRange,
  GrpcCode.unavailable,
  GrpcCode.dataLoss,
])

/** What a failed Export means for its records: another attempt, or the end. */
export function outcomeOf(error: GrpcError): Retryable | Dropped {
  const { code, retryDelayMs, unsent, fromPeer } = error
  const text = `${codeName(code)}: ${error.message}`
  // A peer that is full takes more later only if it says when.
  const again = retryable.has(code) || (code === GrpcCode.resourceExhausted && retryDelayMs !== undefined)
  if (!again) return new Dropped('rejected', text, error)
  const answered = fromPeer && code !== GrpcCode.deadlineExceeded
  const options = { maybeDelivered: !unsent && !answered, cause: error }
  return new Retryable(text, retryDelayMs === undefined ? options : { ...options, retryAfterMs: retryDelayMs })
}
