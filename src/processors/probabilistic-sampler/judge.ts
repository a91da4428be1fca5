import { ottlOf, textOf } from '../../ottl/ottl-value.ts'
import type { Cursor } from '../../plugin.ts'
import { found, readAnyValue } from '../../telemetry/find-field.ts'
import { Level } from '../../telemetry/level.ts'
import { Value, ValueType } from '../../telemetry/value.ts'
import { always, type Bits56, isBelow, largest, never } from './bits56.ts'
import type { Carrier } from './carrier.ts'
import type { Decide, Mode } from './modes.ts'
import type { Priority } from './priority.ts'
import { hashedRandomness, traceIdRandomness } from './randomness.ts'

/** What a decision rested on, by the names that the Collector's metric has. */
export const policies = [
  'trace_id_hash',
  'trace_id_w3c',
  'sampling_randomness',
  'sampling_priority',
  'missing_randomness',
  'attribute',
] as const
const policy = Object.fromEntries(policies.map((name, i) => [name, i])) as Record<(typeof policies)[number], number>

export interface JudgeOptions {
  mode: Mode
  /** Undefined: nothing is sampled but what asks for it. */
  decide: Decide | undefined
  seed: number
  failClosed: boolean
  /** Field of the record with the trace id; undefined: it does not count. */
  traceIdField: number | undefined
  /** Log records: the attribute that is hashed where there is no trace id; empty: none. */
  attribute: string
  priority: Priority
  carrier: Carrier
  /** Told of records whose sampling cannot be worked out. */
  onFault(fault: string): void
}

const logAttributes = 6
const value = new Value()

/** Decides on one record after the other. */
export class Judge {
  /** How often each policy answered no, and yes: at `policy * 2` and behind it. */
  readonly decisions = new Float64Array(policies.length * 2)
  private readonly options: JudgeOptions
  private readonly attribute: Buffer
  private readonly own: Bits56 = { hi: 0, lo: 0 }
  /** Randomness of the record, and where it came from. */
  private randomness: Readonly<Bits56> = largest
  private source = 0

  constructor(options: JudgeOptions) {
    this.options = options
    this.attribute = Buffer.from(options.attribute)
  }

  /** Whether the record under the cursor is sampled. What it is to say then is with the carrier. */
  sampled(cursor: Cursor): boolean {
    const { decide, failClosed, priority, carrier } = this.options
    const unread = carrier.read(cursor)
    let fault = unread ?? this.findRandomness(cursor)
    // What cannot be read is not written either; nor is what another kind of sampler wrote.
    const isForeign = unread !== undefined || fault === randomnessInUse || fault === thresholdInUse
    let arriving = isForeign ? undefined : carrier.threshold
    if (fault === undefined && this.source === policy.missing_randomness)
      fault = 'neither a trace id nor other randomness'
    if (fault === undefined && arriving && isBelow(this.randomness, arriving)) {
      fault = 'a threshold at which the record should not have been sampled'
      arriving = undefined
    }
    let threshold = never
    if (fault !== undefined) {
      this.options.onFault(fault)
      if (!failClosed) threshold = always
    } else if (decide) threshold = decide(arriving)
    const asked = priority(cursor)
    if (asked) {
      threshold = asked
      this.source = policy.sampling_priority
    }
    const sampled = !isBelow(this.randomness, threshold)
    this.decisions[this.source * 2 + (sampled ? 1 : 0)]!++
    if (!sampled) return false
    // A sampler can only make a record count for more: a lower threshold would make it count for less.
    if (isForeign || (arriving && isBelow(threshold, arriving))) carrier.keepAsIs()
    else carrier.keep(threshold, this.randomness === this.own && this.isHashed ? this.own : undefined)
    return true
  }

  private get isHashed(): boolean {
    return this.options.mode === 'hash_seed'
  }

  /** Leaves the record's randomness in `randomness`; answers why it cannot be used, if so. */
  private findRandomness(cursor: Cursor): string | undefined {
    const { decide, mode, carrier } = this.options
    this.randomness = largest
    this.source = policy.sampling_priority
    if (!decide) return undefined
    if (mode === 'hash_seed') {
      this.hash(cursor)
      if (carrier.randomness) return randomnessInUse
      return carrier.threshold ? thresholdInUse : undefined
    }
    this.source = policy.missing_randomness
    if (carrier.randomness) {
      this.randomness = carrier.randomness
      this.source = policy.sampling_randomness
    } else if (this.findTraceId(cursor)) {
      traceIdRandomness(found.buf, found.end, this.own)
      this.randomness = this.own
      this.source = policy.trace_id_w3c
    }
    return undefined
  }

  private hash(cursor: Cursor): void {
    const { seed, attribute } = this.options
    this.source = policy.missing_randomness
    if (this.findTraceId(cursor)) {
      hashedRandomness(seed, found.buf, found.start, found.end, this.own)
      this.source = policy.trace_id_hash
    } else if (attribute !== '' && cursor.findEntry(Level.record, logAttributes, this.attribute)) {
      readAnyValue(found.buf, found.start, found.end, value)
      const isSpan = value.type === ValueType.text || value.type === ValueType.bytes
      const bytes = isSpan ? value.buf : Buffer.from(textOf(ottlOf(value)) ?? '')
      const [start, end] = isSpan ? [value.start, value.end] : [0, bytes.length]
      if (start === end) return
      hashedRandomness(seed, bytes, start, end, this.own)
      this.source = policy.attribute
    } else return
    this.randomness = this.own
  }

  /** Finds a trace id that is not empty or all zeros. */
  private findTraceId(cursor: Cursor): boolean {
    const { traceIdField } = this.options
    if (traceIdField === undefined || !cursor.findSpan(Level.record, traceIdField)) return false
    if (found.end - found.start !== 16) return false
    for (let i = found.start; i < found.end; i++) if (found.buf[i] !== 0) return true
    return false
  }
}

const randomnessInUse = 'randomness of its own: write mode equalizing or proportional'
const thresholdInUse = 'a threshold of its own: write mode equalizing or proportional'
