/** What arrived at one destination, by kind: a stream of v2 envelopes, OTLP requests, or messages of RFC 5424. */
export interface Sink {
  readonly name: string
  readonly address: string
  /** Envelopes; log records, metrics and spans; messages. */
  records: number
  messages: number
  /** Streams that are open. */
  streams: number
  /** Milliseconds from the records' timestamps to their arrival, while `timing` is set. */
  readonly latencies: number[]
  timing: boolean
  /** True: reads nothing more. */
  stall(stalled: boolean): void
  stop(): Promise<void>
}
