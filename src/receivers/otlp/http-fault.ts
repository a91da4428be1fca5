import { codeOfHttp, GrpcCode, type GrpcError } from '../../net/status.ts'

/** A request that was not taken, as HTTP shows it. */
export class HttpFault extends Error {
  readonly status: number
  /** The code in the Status of the body. */
  readonly code: number
  /** Bytes of the Status, when it has more than code and message. */
  readonly details: Buffer | undefined
  /** Seconds for Retry-After. */
  readonly retryAfter: number | undefined

  constructor(status: number, message: string, from?: GrpcError) {
    super(message)
    this.status = status
    this.code = from?.code ?? codeOfHttp(status)
    this.details = from?.details
    const delay = status === 429 || status === 503 ? from?.retryDelayMs : undefined
    this.retryAfter = delay === undefined ? undefined : Math.max(1, Math.ceil(delay / 1000))
  }
}

/** What the pipeline said, as HTTP. */
export const faultOf = (error: GrpcError): HttpFault => new HttpFault(statusOf(error.code), error.message, error)

/** As the Collector maps codes to HTTP (receiver/otlpreceiver). */
function statusOf(code: number): number {
  switch (code) {
    case GrpcCode.cancelled:
    case GrpcCode.deadlineExceeded:
    case GrpcCode.aborted:
    case GrpcCode.outOfRange:
    case GrpcCode.unavailable:
    case GrpcCode.dataLoss:
      return 503
    case GrpcCode.resourceExhausted:
      return 429
    case GrpcCode.invalidArgument:
      return 400
    case GrpcCode.unauthenticated:
      return 401
    case GrpcCode.permissionDenied:
      return 403
    case GrpcCode.unimplemented:
      return 404
  }
  return 500
}
