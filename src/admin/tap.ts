import type { TapPoint, Taps } from '../engine/taps.ts'
import { readRecord } from '../printing/read-batch.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Batch } from '../telemetry/batch.ts'
import { Row } from '../telemetry/record-index.ts'
import { type ShownRecord, shownRecord } from './record-json.ts'

export interface TapQuery {
  /** `filter/a`, or with its kind `processor/filter/a`. */
  readonly id: string
  /** Only records of this source. */
  readonly source_id?: string | undefined
  /** Only records that have this in a text: log line, name, tag, source. */
  readonly grep?: string | undefined
  /** Records a second that are shown. */
  readonly rate: number
}

/** A record that passed a point. */
export interface TappedRecord extends ShownRecord {
  /** `processor/filter/a`. */
  readonly point: string
  readonly pipeline?: string
}

/** What was not shown in the last second. */
export interface TapGap {
  /** Records that were wanted: beyond the rate, or more than the reader takes. */
  readonly omitted: number
  /** Records that may have been wanted, not looked at: the rate was reached, or too many came to look at all. */
  readonly unseen: number
}

/** Records a second that are read in search of those that are wanted. */
const mostLooks = 2000

/**
 * Shows the records that pass a place of the running graph until `stop` is called: at most `rate` a second, and every
 * second what was left out. `show` answers false when the reader is behind.
 */
export function startTap(
  query: TapQuery,
  { taps, clock }: { taps: Taps; clock: Clock },
  show: (value: TappedRecord | TapGap) => boolean,
): { stop(): void } {
  const viewer = new Viewer(query, show)
  const unwatch = taps.watch(query.id, (batch, point) => viewer.look(batch, point))
  const tick = () => {
    viewer.nextSecond()
    timer = clock.after(1000, tick)
  }
  let timer = clock.after(1000, tick)
  return {
    stop() {
      unwatch()
      timer.cancel()
    },
  }
}

class Viewer {
  private readonly query: TapQuery
  private readonly show: (value: TappedRecord | TapGap) => boolean
  private readonly source: Buffer | undefined
  private readonly text: Buffer | undefined
  private readonly filters: boolean
  private left: number
  private looks = mostLooks
  private omitted = 0
  private unseen = 0

  constructor(query: TapQuery, show: (value: TappedRecord | TapGap) => boolean) {
    this.query = query
    this.show = show
    this.source = query.source_id === undefined ? undefined : Buffer.from(query.source_id)
    this.text = query.grep === undefined ? undefined : Buffer.from(query.grep)
    this.filters = this.source !== undefined || this.text !== undefined
    this.left = query.rate
  }

  nextSecond(): void {
    this.left = this.query.rate
    this.looks = mostLooks
    const { omitted, unseen } = this
    if (omitted + unseen === 0 || !this.show({ omitted, unseen })) return
    this.omitted = this.unseen = 0
  }

  look(batch: Batch, point: TapPoint): void {
    if (this.left <= 0) {
      this.leaveOut(batch.count)
      return
    }
    if (!this.filters && batch.count > this.left) {
      this.pick(batch, point)
      return
    }
    // Most batches do not have the words at all.
    if (this.text && batch.format === 'envelopes' && !batch.bytes().includes(this.text)) return
    for (let i = 0; i < batch.count; i++) {
      if (this.left <= 0 || this.looks <= 0) {
        this.leaveOut(batch.count - i)
        return
      }
      if (this.mayMatch(batch, i)) this.lookAt(batch, i, point)
    }
  }

  /** As many as may still be shown, from all over the batch: its records stand together by source. */
  private pick(batch: Batch, point: TapPoint): void {
    const { left } = this
    const offset = Math.random()
    for (let k = 0; k < left; k++) this.lookAt(batch, Math.floor(((k + offset) * batch.count) / left), point)
    this.leaveOut(batch.count - left)
  }

  /** Without a filter they were wanted; with one nobody knows. */
  private leaveOut(records: number): void {
    if (this.filters) this.unseen += records
    else this.omitted += records
  }

  /** Cheap proof that a record is not wanted, from its bytes. */
  private mayMatch(batch: Batch, i: number): boolean {
    if (batch.format !== 'envelopes') return true
    const { rows } = batch.index()
    const { buffer } = batch
    const row = batch.rowAt(i)
    const [start, end] = [rows[row + Row.sourceStart]!, rows[row + Row.sourceEnd]!]
    if (this.source && this.source.compare(buffer, start, end) !== 0) return false
    return !this.text || buffer.subarray(rows[row + Row.start]!, rows[row + Row.end]!).includes(this.text)
  }

  private lookAt(batch: Batch, i: number, { kind, id, pipeline }: TapPoint): void {
    this.looks--
    const record = shownRecord(readRecord(batch, i), batch.format)
    const { source_id, grep } = this.query
    if (source_id !== undefined && record.source_id !== source_id) return
    if (grep !== undefined && !textsOf(record).some((text) => text.includes(grep))) return
    const tapped = { point: `${kind}/${id}`, ...(pipeline !== undefined && { pipeline }), ...record }
    this.left--
    if (this.show(tapped)) return
    this.omitted++
  }
}

/** Every text of a record, as it is shown: what is masked is not found. */
function textsOf({ source_id, instance_id, tags, message }: ShownRecord): string[] {
  const texts = [source_id, instance_id]
  for (const [key, value] of Object.entries(tags)) texts.push(key, value)
  if (message?.kind === 'gauge') texts.push(...Object.keys(message.metrics))
  else if (message) texts.push(...Object.values(message))
  return texts
}
