/** One data point of OTLP as places and numbers, used again for the next one. */

/** Field of `Metric` that holds its data (opentelemetry-proto, metrics/v1). */
export const Data = { gauge: 5, sum: 7, histogram: 9, exponential: 10, summary: 11 } as const
export const Temporality = { unspecified: 0, delta: 1, cumulative: 2 } as const

/** A run of bytes of the request. */
export class Span {
  start = 0
  end = 0

  set(start: number, end: number): void {
    this.start = start
    this.end = end
  }
}

/** Several runs, such as the attributes of a point; kept apart so that none is copied. */
export class Spans {
  count = 0
  at = new Int32Array(32)

  add(start: number, end: number): void {
    if (this.count * 2 === this.at.length) {
      const wider = new Int32Array(this.at.length * 2)
      wider.set(this.at)
      this.at = wider
    }
    this.at[this.count * 2] = start
    this.at[this.count * 2 + 1] = end
    this.count++
  }

  start(i: number): number {
    return this.at[i * 2]!
  }

  end(i: number): number {
    return this.at[i * 2 + 1]!
  }
}

/** Numbers of a repeated field, packed or not. */
export class Numbers {
  count = 0
  values = new Float64Array(64)

  add(value: number): void {
    if (this.count === this.values.length) {
      const wider = new Float64Array(this.values.length * 2)
      wider.set(this.values)
      this.values = wider
    }
    this.values[this.count++] = value
  }
}

/** One side of an exponential histogram. */
export class Buckets {
  offset = 0
  readonly counts = new Numbers()
}

/** Where the walk stands: all of it changes with the next point. */
export class PointView {
  bytes: Uint8Array = new Uint8Array(0)
  readonly resource = new Span()
  readonly scope = new Span()
  readonly name = new Span()
  readonly description = new Span()
  readonly unit = new Span()
  /** One of `Data`. */
  data = 0
  temporality = 0
  monotonic = false
  /** KeyValue messages. */
  readonly attributes = new Spans()
  /** From the tag of the first attribute to the end of the last. */
  readonly attributeRun = new Span()
  /** Nothing but attributes stands in that run. */
  isRun = true
  readonly exemplars = new Spans()
  /** Milliseconds since 1970. */
  timeMs = 0
  startMs = 0
  /** FLAG_NO_RECORDED_VALUE. */
  stale = false
  /** Gauges and sums. */
  value = 0
  count = 0
  sum = 0
  hasSum = false
  /** Counts of each bucket by itself. */
  readonly counts = new Numbers()
  readonly bounds = new Numbers()
  /** Quantile and value in turns. */
  readonly quantiles = new Numbers()
  scale = 0
  zeroCount = 0
  zeroThreshold = 0
  readonly positive = new Buckets()
  readonly negative = new Buckets()
}
