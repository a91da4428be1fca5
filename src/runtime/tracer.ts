/** What a span says. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** Where spans are made. Times are wall time in milliseconds. */
export interface Tracer {
  /**
   * The first span of a trace; undefined when it is not sampled. `metadata` is that of the request the work came with: it
   * may name a parent (`traceparent`, W3C).
   */
  start(name: string, at: number, metadata?: Readonly<Record<string, string>>): TraceSpan | undefined
}

export interface TraceSpan {
  /** A span inside this one. `links` are spans of other traces. `calls`: somebody else does the work. */
  child(name: string, at: number, options?: { links?: readonly TraceSpan[]; calls?: boolean }): TraceSpan
  /** Once. `error` is what went wrong, for people. */
  end(at: number, attributes: SpanAttributes, error?: string): void
}

/** The name under which spans leave, by which they are known when they come in again. */
export const ownScope = 'tailrace.self'
