import type { Clock } from '../runtime/clock.ts'
import { maskSecrets } from '../runtime/mask-secrets.ts'
import type { SpanAttributes, TraceSpan } from '../runtime/tracer.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { Outcome, Receipt, TraceMark } from '../telemetry/receipt.ts'

/** Whose work a span is about: an account of the books. */
export interface Place {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
}

/** A piece of work that is under way. */
export interface Work {
  /** Once. */
  end(attributes?: SpanAttributes, error?: unknown): void
}

/** Spans of one trace. Repeats go on for hours, and a batch may go to a thousand destinations: the rest is counted. */
const mostSpans = 200
/** Links of one span: the SDKs' own bound is 128. */
const mostLinks = 32
/** Characters of an error. */
const mostText = 300

/** The trace of one sampled batch: the parts of it find it in their receipts. */
export class BatchTrace {
  private readonly root: TraceSpan
  private readonly clock: Clock
  /** As it was when the trace began: the wall clock may be set meanwhile. */
  private readonly ahead: number
  private readonly attributes: SpanAttributes
  private spans = 1
  private leftOut = 0
  private over = false

  /** `root` is its first span. `ahead`: wall time less monotonic time. */
  constructor(root: TraceSpan, clock: Clock, ahead: number, attributes: SpanAttributes) {
    this.root = root
    this.clock = clock
    this.ahead = ahead
    this.attributes = attributes
  }

  /** Begins a span inside this trace, at `since` (monotonic) or now. Undefined when it has enough of them. */
  begin(
    name: string,
    place: Place,
    options: { since?: number; others?: readonly BatchTrace[] } = {},
  ): Work | undefined {
    if (this.spans >= mostSpans) {
      this.leftOut++
      return undefined
    }
    this.spans++
    const { clock, ahead } = this
    const { since = clock.monotonic(), others } = options
    const links = others?.map(({ root }) => root)
    const span = this.root.child(`${name} ${place.id}`, ahead + since, {
      ...(links && links.length > 0 && { links }),
      calls: name === 'send',
    })
    const about = { 'tailrace.component': place.id, ...labelled(place) }
    return {
      end: (attributes, error) => span.end(ahead + clock.monotonic(), { ...about, ...attributes }, textOf(error)),
    }
  }

  /** Every branch has settled, or nobody is left to. */
  end(outcome: Outcome | 'unknown'): void {
    if (this.over) return
    this.over = true
    const { leftOut } = this
    const left = leftOut > 0 && { 'tailrace.spans_left_out': leftOut }
    const said = outcomeOf(outcome)
    this.root.end(this.ahead + this.clock.monotonic(), { ...this.attributes, ...left, ...said.attributes }, said.error)
  }
}

/** What a receipt carries of a trace: that of the batch, and how far this branch has come. */
export class TracePoint implements TraceMark {
  readonly trace: BatchTrace
  private readonly place: Place | undefined
  private readonly since: number
  private taken = false

  /** `place`: the queue that it went into at `since`, monotonic. */
  constructor(trace: BatchTrace, place?: Place, since = 0) {
    this.trace = trace
    this.place = place
    this.since = since
  }

  /** It is being sent, or a part of it: that was its time in the queue. */
  leave(): void {
    if (this.taken) return
    this.taken = true
    if (this.place) this.trace.begin('queue', this.place, { since: this.since })?.end()
  }

  /** Everything of it that was in the queue is settled; what is on disk goes on. */
  settled(outcome: Outcome): void {
    if (this.taken || outcome === 'durable' || !this.place) return
    this.taken = true
    const { attributes, error } = outcomeOf(outcome)
    this.trace.begin('queue', this.place, { since: this.since })?.end(attributes, error)
  }
}

/** Begins a span in every trace that the batch belongs to; undefined when it belongs to none. */
export function beginWork(name: string, { receipts, count }: Batch, place: Place): Work | undefined {
  const points = pointsOf(receipts)
  if (!points) return undefined
  const work = beginAll(name, points, place)
  return { end: (attributes, error) => work.end({ 'tailrace.records': count, ...attributes }, error) }
}

/** The same for what is about to be sent: it leaves the queue, and the spans of several traces are linked. */
export function beginSend({ receipts, count, size }: Batch, place: Place, attempt: number): Work | undefined {
  const points = pointsOf(receipts)
  if (!points) return undefined
  for (const point of points) point.leave()
  const work = beginAll('send', points, place)
  const about = { 'tailrace.records': count, 'tailrace.bytes': size, 'tailrace.attempt': attempt }
  return { end: (attributes, error) => work.end({ ...about, ...attributes }, error) }
}

function beginAll(name: string, points: readonly TracePoint[], place: Place): Work {
  const all = [...new Set(points.map(({ trace }) => trace))]
  const linked = all.slice(0, mostLinks + 1)
  const works = all.map((trace) =>
    trace.begin(name, place, all.length > 1 ? { others: linked.filter((other) => other !== trace) } : {}),
  )
  return {
    end(attributes, error) {
      for (const work of works) work?.end(attributes, error)
    },
  }
}

/** Where these receipts are in their traces; undefined when they have none. */
function pointsOf(receipts: readonly Receipt[]): readonly TracePoint[] | undefined {
  let points: Set<TracePoint> | undefined
  for (let i = 0; i < receipts.length; i++) {
    const { trace } = receipts[i]!
    // Several times the same: parts of one batch that were joined again.
    if (trace instanceof TracePoint) points = (points ?? new Set()).add(trace)
  }
  return points && [...points]
}

/** Where the first of these receipts that is traced is in its trace. */
export function pointOf(receipts: readonly Receipt[]): TracePoint | undefined {
  for (let i = 0; i < receipts.length; i++) {
    const { trace } = receipts[i]!
    if (trace instanceof TracePoint) return trace
  }
  return undefined
}

function outcomeOf(outcome: Outcome | 'unknown'): { attributes: SpanAttributes; error?: string } {
  if (typeof outcome === 'string') return { attributes: { 'tailrace.outcome': outcome } }
  const { dropped } = outcome
  return { attributes: { 'tailrace.outcome': 'dropped', 'tailrace.reason': dropped }, error: dropped }
}

const labelled = ({ labels }: Place): SpanAttributes =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [`tailrace.${name}`, value]))

function textOf(error: unknown): string | undefined {
  if (error === undefined) return undefined
  return maskSecrets(error instanceof Error ? error.message : String(error)).slice(0, mostText)
}
