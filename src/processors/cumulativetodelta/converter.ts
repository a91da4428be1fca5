import { type Batch, Cursor, type DropReason } from '../../plugin.ts'
import { found } from '../../telemetry/find-field.ts'
import { varintFrame } from '../../telemetry/frames.ts'
import { Level } from '../../telemetry/level.ts'
import { Site } from '../../telemetry/site.ts'
import { nanosFromMillis } from '../../wire/protobuf.ts'
import { remember, toDelta, type Writes } from './delta.ts'
import { Data, Point } from './point.ts'
import { StreamKey } from './stream-key.ts'
import type { MetricStreams, Streams } from './streams.ts'

export interface ConverterOptions {
  readonly streams: Streams
  readonly initial: 'auto' | 'keep' | 'drop'
  readonly matches: (name: string, data: number) => boolean
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Wall time in milliseconds when the processor was made: what began earlier may have been counted before. */
  readonly madeMs: number
  /** Counts point `i` of a batch as lost. */
  drop(reason: DropReason, batch: Batch, i: number): void
  /** Told of points that are kept as state and do not go on. */
  consumed(points: number): void
  note(what: 'reset' | 'mismatch' | 'older' | 'series_limit' | 'memory', metric: string): void
}

const cumulative = 2
const deltaFrame = varintFrame(2, 1, 0)
const temporalityField = 2
const attributesTag = (1 << 3) | 2

/** Makes deltas of the cumulative points of batches. */
export class Converter implements Writes {
  private readonly options: ConverterOptions
  private readonly cursor = new Cursor()
  private readonly site = new Site()
  private readonly point = new Point()
  private readonly key = new StreamKey()
  private readonly madeLo: number
  private readonly madeHi: number
  /** The metric that points are of: whether it is converted, its data and streams. */
  private group = -1
  private converts = false
  private data: 7 | 9 | 10 = Data.sum
  private name = ''
  private metricKey = ''
  private metric: MetricStreams = new Map()
  /** Per kept point: whether its metric is converted, and where its writes end. */
  private readonly converted: boolean[] = []
  private readonly ends: number[] = []
  private readonly fields: number[] = []
  private readonly frames: (Buffer | undefined)[] = []
  /** The batch, and the number of the point that is looked at. */
  private batch: Batch | undefined
  private at = -1
  private initial = 0
  private any = false

  constructor(options: ConverterOptions) {
    this.options = options
    ;[this.madeLo, this.madeHi] = nanosFromMillis(options.madeMs)
  }

  process(batch: Batch): Batch | undefined {
    const { cursor, converted, ends, fields, frames } = this
    converted.length = ends.length = fields.length = frames.length = 0
    this.group = this.at = -1
    this.batch = batch
    this.initial = 0
    this.any = false
    cursor.over(batch)
    const kept = batch.where(this.keeps)
    this.batch = undefined
    if (this.initial > 0) this.options.consumed(this.initial)
    if (kept.count === 0) return undefined
    return this.any ? this.write(kept) : kept
  }

  put(field: number, frame: Buffer | undefined): void {
    this.fields.push(field)
    this.frames.push(frame)
  }

  private write(kept: Batch): Batch {
    const { site, converted, ends, fields, frames } = this
    site.begin(kept)
    let group = -1
    let next = 0
    for (let i = 0; i < kept.count; i++) {
      const end = ends[i]!
      if (!converted[i]) continue
      site.at(kept.rowAt(i))
      const own = site.parent(0)
      if (own !== group) {
        group = own
        site.draft(Level.data).put(temporalityField, deltaFrame)
      }
      const draft = next < end ? site.draft(Level.record) : undefined
      for (; next < end; next++) {
        const frame = frames[next]
        if (frame) draft!.put(fields[next]!, frame)
        else draft!.removeAll(fields[next]!)
      }
    }
    return site.finish(kept)
  }

  private readonly keeps = (row: number): boolean => {
    const { cursor } = this
    this.at++
    const group = cursor.at(row).parent(0)
    if (group !== this.group) this.enter(group)
    const mark = this.fields.length
    const keeps = !this.converts || this.convert()
    if (!keeps) {
      this.fields.length = this.frames.length = mark
      return false
    }
    this.converted.push(this.converts)
    this.ends.push(this.fields.length)
    if (this.converts) this.any = true
    return true
  }

  /** Looks at the metric that the cursor stands in. */
  private enter(group: number): void {
    const { cursor } = this
    this.group = group
    this.converts = false
    const data = cursor.dataField
    if (data !== Data.sum && data !== Data.histogram && data !== Data.exponential) return
    if (!cursor.findNumber(Level.data, temporalityField) || found.lo !== cumulative) return
    const isMonotonic = data !== Data.sum || (cursor.findNumber(Level.data, 3) && (found.lo | found.hi) !== 0)
    if (!isMonotonic) return
    this.name = textAt(cursor, Level.metric, 1, 'utf8')
    if (!this.options.matches(this.name, data)) return
    this.data = data
    this.converts = true
    this.metricKey = [
      data,
      textAt(cursor, Level.metric, 1),
      textAt(cursor, Level.metric, 3),
      textAt(cursor, Level.scope, 1),
      textAt(cursor, Level.scope, 2),
      this.resourceKey(),
    ].join('\n')
    this.metric = this.options.streams.ofMetric(this.metricKey)
  }

  /** The attributes of the resource, in any order. */
  private resourceKey(): string {
    const { buf } = this.cursor
    const draft = this.cursor.draft(Level.resource)
    const entries: string[] = []
    for (let i = 0; i < draft.count; i++) {
      if (draft.tagOf(i) !== attributesTag) continue
      const key = buf.toString('latin1', draft.keyStart(i), draft.keyEnd(i))
      const value = buf.toString('latin1', draft.startOf(i), draft.endOf(i))
      entries.push(`${key.length} ${key}${value.length} ${value}`)
    }
    return entries.sort().join('')
  }

  /** Whether the point under the cursor goes on; what is to be written into it is in `fields` and `frames`. */
  private convert(): boolean {
    const { cursor, point, options, data } = this
    if (!point.read(cursor.buf, cursor.start, cursor.end, data)) return true
    if (point.isStale) {
      options.drop('not_representable', this.batch!, this.at)
      return false
    }
    if (data === Data.sum && Number.isNaN(point.double)) return true
    const key = this.key.of(cursor.buf, point)
    const stream = this.metric.get(key)
    if (!stream) return this.begin(key)
    stream.seenMs = options.now()
    const outcome = toDelta(stream, point, data, this)
    if (data !== Data.sum && outcome !== 'older') options.streams.resize(stream, point.bucketBytes)
    if (outcome !== 'delta') options.note(outcome, this.name)
    if (outcome === 'delta' || outcome === 'reset') return true
    options.drop('not_representable', this.batch!, this.at)
    return false
  }

  /** The first point of a stream: whether it goes on as the delta since its start. */
  private begin(key: string): boolean {
    const { point, options, data } = this
    const stream = options.streams.add(this.metricKey, this.metric, key, point.bucketBytes)
    if (typeof stream === 'string') {
      options.note(stream, this.name)
      options.drop(stream, this.batch!, this.at)
      return false
    }
    remember(stream, point, data)
    if (options.initial === 'keep' || (options.initial === 'auto' && this.isNew())) return true
    this.initial++
    return false
  }

  /** Whether the stream began after this processor, so that nobody can have counted its first value before. */
  private isNew(): boolean {
    const { startLo, startHi, timeLo, timeHi } = this.point
    const isBefore = startHi < this.madeHi || (startHi === this.madeHi && startLo < this.madeLo)
    return !isBefore && (startLo !== timeLo || startHi !== timeHi)
  }
}

function textAt(cursor: Cursor, level: Level, field: number, encoding: 'utf8' | 'latin1' = 'latin1'): string {
  return cursor.findSpan(level, field) ? (found.buf as Buffer).toString(encoding, found.start, found.end) : ''
}
