import { TableCharge } from '../../delivery/table-charge.ts'
import type { Clock, Host } from '../../plugin.ts'
import type { Exponential } from './exponential.ts'
import type { Histogram } from './histogram.ts'

/** One series since one start, as it was last seen. */
export interface Stream {
  /** What is charged for its key, with the first one of a metric for that of the metric, and for its buckets. */
  readonly keyBytes: number
  bucketBytes: number
  /** When a point came last, on the monotonic clock. */
  seenMs: number
  /** Time of that point, as halves of nanoseconds. */
  timeLo: number
  timeHi: number
  /** A sum: its halves, or its double. */
  lo: number
  hi: number
  double: number
  histogram: Histogram | undefined
  exponential: Exponential | undefined
}

/** The streams of one metric, by their attributes and start. */
export type MetricStreams = Map<string, Stream>

/** What is forgotten when there is no room and nothing is written about staleness. */
const staleWhenFullMs = 3_600_000
const sweepEveryMs = 10_000

/** What a stream costs beside its key: its numbers, those of some buckets, and its places in two maps. */
const bytesPerStream = 384

/** What is known of all streams: at most so many, charged to the memory of the process. */
export class Streams {
  count = 0
  expired = 0
  private readonly most: number
  private readonly staleMs: number
  private readonly clock: Clock
  private readonly charge: TableCharge
  private readonly metrics = new Map<string, MetricStreams>()
  private sweptMs = Number.NEGATIVE_INFINITY

  /** `staleMs` 0: nothing is forgotten as long as there is room. */
  constructor(most: number, staleMs: number, { clock, budget }: Pick<Host, 'clock' | 'budget'>) {
    this.most = most
    this.staleMs = staleMs
    this.clock = clock
    this.charge = new TableCharge(budget, bytesPerStream)
  }

  /** The streams of a metric; of one that is not known an empty map, which stays unknown until `add`. */
  ofMetric(key: string): MetricStreams {
    return this.metrics.get(key) ?? new Map()
  }

  /** A stream that was not there, or why there is no room. `metric` is what `ofMetric` answered for its key. */
  add(metricKey: string, metric: MetricStreams, key: string, bucketBytes = 0): Stream | 'series_limit' | 'memory' {
    if (this.count >= this.most && !this.makeRoom()) return 'series_limit'
    const keyBytes = key.length + (metric.size === 0 ? metricKey.length : 0)
    if (!this.charge.add(keyBytes + bucketBytes)) return 'memory'
    // It may have been swept away because it was empty.
    this.metrics.set(metricKey, metric)
    const seenMs = this.clock.monotonic()
    const stream: Stream = {
      keyBytes,
      bucketBytes,
      seenMs,
      timeLo: 0,
      timeHi: 0,
      lo: 0,
      hi: 0,
      double: 0,
      histogram: undefined,
      exponential: undefined,
    }
    metric.set(key, stream)
    this.count++
    return stream
  }

  /** Charges what the buckets of a stream take now. */
  resize(stream: Stream, bucketBytes: number): void {
    this.charge.remove(stream.keyBytes + stream.bucketBytes)
    stream.bucketBytes = bucketBytes
    this.charge.force(stream.keyBytes + bucketBytes)
  }

  /** Forgets what was not seen for as long as that. */
  sweep(staleMs = this.staleMs): void {
    const before = this.clock.monotonic() - staleMs
    this.sweptMs = this.clock.monotonic()
    for (const [metricKey, metric] of this.metrics) {
      for (const [key, { seenMs, keyBytes, bucketBytes }] of metric) {
        if (seenMs >= before) continue
        metric.delete(key)
        this.charge.remove(keyBytes + bucketBytes)
        this.count--
        this.expired++
      }
      if (metric.size === 0) this.metrics.delete(metricKey)
    }
  }

  /** Gives its memory back: nothing more comes. */
  close(): void {
    this.charge.release()
  }

  private makeRoom(): boolean {
    // A table that is full of what is alive must not be looked through for every point.
    if (this.clock.monotonic() - this.sweptMs >= sweepEveryMs) this.sweep(this.staleMs || staleWhenFullMs)
    return this.count < this.most
  }
}
