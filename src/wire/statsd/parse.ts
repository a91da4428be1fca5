/**
 * Lenient StatsD and DogStatsD lines: `name:value|type|@rate|#tag:value,tag`, several values (`1:2:3|ms`), several samples
 * (`1|c:2|g`), container id `|c:<id>`, timestamp `|T<unix seconds>`. Unknown fields are ignored.
 *
 * Sources: statsd/statsd `stats.js`, DataDog `datagram_shell.md` up to protocol 1.6.
 */
import { isWord } from '../byte-runs.ts'
import { read, readFloat } from '../number-text.ts'

export const MetricType = { counter: 1, gauge: 2, timer: 3, histogram: 4, distribution: 5, set: 6 } as const
export type MetricType = (typeof MetricType)[keyof typeof MetricType]

export interface StatsdCounts {
  /** Lines, or single samples and values of a line, that do not parse. */
  malformed: number
  /** `_e{...}` lines, skipped. */
  events: number
  /** `_sc|...` lines, skipped. */
  serviceChecks: number
}

const LF = 0x0a
const COLON = 0x3a
const PIPE = 0x7c

/**
 * A cursor over the samples of datagrams: `open(datagram)`, then `next()` until it says false. The fields tell the current
 * sample; spans are places in the datagram, which must not change meanwhile. Never throws; never reads outside.
 */
export class StatsdParser {
  readonly counts: StatsdCounts = { malformed: 0, events: 0, serviceChecks: 0 }

  nameStart = 0
  nameEnd = 0
  type: MetricType = MetricType.counter
  /** The number; 0 for sets. Not divided by the rate. */
  value = 0
  /** A gauge with a sign in front: to be added to what it was. */
  isRelative = false
  /** The value as it was written: a set's member. */
  valueStart = 0
  valueEnd = 0
  /** Sample rate, 1 when there is none; always above 0. */
  rate = 1
  /** Tag list behind `#`; both 0 when there is none. Read it with `nextTag`. */
  tagsStart = 0
  tagsEnd = 0
  /** Container id behind `c:`; both 0 when there is none. */
  containerStart = 0
  containerEnd = 0
  /** Unix seconds of gauges and counters that were aggregated by the sender, 0 for none. */
  timestamp = 0

  /** The tag that `nextTag` found: `key:value`, or a key alone with an empty value. */
  keyStart = 0
  keyEnd = 0
  tagValueStart = 0
  tagValueEnd = 0
  private tagPos = 0

  private bytes: Buffer = Buffer.alloc(0)
  private end = 0
  /** Where the next line starts. */
  private linePos = 0
  private lineEnd = 0
  /** Next value of the current sample, up to `valuesEnd`; next sample of the line, or -1. */
  private valuePos = 0
  private valuesEnd = 0
  private samplePos = -1

  /** Starts on a datagram, or on `[start, end)` of a larger buffer. */
  open(bytes: Buffer, start = 0, end: number = bytes.length): void {
    this.bytes = bytes
    this.linePos = start
    this.end = end
    this.valuePos = this.valuesEnd = 0
    this.samplePos = -1
  }

  /** Moves to the next sample; false when the datagram is done. */
  next(): boolean {
    for (;;) {
      if (this.valuePos < this.valuesEnd) {
        if (this.readValue()) return true
      } else if (this.samplePos >= 0) {
        if (!this.readSample()) this.counts.malformed++
      } else if (this.linePos >= this.end) return false
      else this.openLine()
    }
  }

  /** Moves to the next tag of the current sample; empty tags are left out. False when there is none left. */
  nextTag(): boolean {
    const { bytes, tagsEnd } = this
    let pos = this.tagPos
    while (pos < tagsEnd && bytes[pos] === 0x2c) pos++
    if (pos >= tagsEnd) {
      this.tagPos = pos
      return false
    }
    let colon = -1
    let stop = pos
    for (; stop < tagsEnd && bytes[stop] !== 0x2c; stop++) if (bytes[stop] === COLON && colon < 0) colon = stop
    this.keyStart = pos
    this.keyEnd = colon < 0 ? stop : colon
    this.tagValueStart = colon < 0 ? stop : colon + 1
    this.tagValueEnd = stop
    this.tagPos = stop + 1
    return true
  }

  private openLine(): void {
    const { bytes, end } = this
    const start = this.linePos
    let stop = start
    while (stop < end && bytes[stop] !== LF) stop++
    this.linePos = stop + 1
    if (stop > start && bytes[stop - 1] === 0x0d) stop--
    this.lineEnd = stop
    if (stop === start) return
    if (bytes[start] === 0x5f && this.isSpecial(start, stop)) return
    let colon = start
    while (colon < stop && bytes[colon] !== COLON) colon++
    if (colon === start || colon === stop) {
      this.counts.malformed++
      return
    }
    this.nameStart = start
    this.nameEnd = colon
    this.samplePos = colon + 1
    this.tagsStart = this.tagsEnd = this.tagPos = this.containerStart = this.containerEnd = this.timestamp = 0
  }

  private isSpecial(start: number, stop: number): boolean {
    if (stop - start >= 3 && isWord(this.bytes, start, start + 3, '_e{')) this.counts.events++
    else if (stop - start >= 4 && isWord(this.bytes, start, start + 4, '_sc|')) this.counts.serviceChecks++
    else return false
    return true
  }

  /** Reads the sample at `samplePos`, its options included, and sets its values up; false when it is malformed. */
  private readSample(): boolean {
    const isFirst = this.samplePos === this.nameEnd + 1
    const isValid = this.parseSample()
    if (isFirst && this.samplePos >= 0) this.lookAhead()
    return isValid
  }

  /** Tags stand behind the last sample of a line and hold for all of them. */
  private lookAhead(): void {
    const { type, rate, valuePos, valuesEnd, samplePos } = this
    while (this.samplePos >= 0) this.parseSample()
    this.type = type
    this.rate = rate
    this.valuePos = valuePos
    this.valuesEnd = valuesEnd
    this.samplePos = samplePos
  }

  private parseSample(): boolean {
    const { bytes, lineEnd } = this
    const start = this.samplePos
    this.samplePos = -1
    this.rate = 1
    const valuesEnd = fieldEnd(bytes, start, lineEnd)
    if (valuesEnd === lineEnd || valuesEnd === start) return false
    const typeEnd = wordEnd(bytes, valuesEnd + 1, lineEnd)
    const type = typeOf(bytes, valuesEnd + 1, typeEnd)
    const isSound = this.parseOptions(typeEnd)
    if (type === 0 || !isSound) return false
    this.type = type
    this.valuePos = start
    this.valuesEnd = valuesEnd
    return true
  }

  /** Fields from the bar at `start` on, in any order. A colon behind type or rate starts the next sample: `1|c:2|c`. */
  private parseOptions(start: number): boolean {
    const { bytes, lineEnd } = this
    let isSound = true
    let pos = start
    while (pos < lineEnd && bytes[pos] === PIPE) {
      const field = pos + 1
      if (bytes[field] === 0x40 && field < lineEnd) {
        pos = wordEnd(bytes, field, lineEnd)
        this.rate = readFloat(bytes, field + 1, pos)
        if (!read.ok || !(this.rate > 0) || this.rate === Infinity) isSound = false
      } else {
        pos = fieldEnd(bytes, field, lineEnd)
        if (pos === field) isSound = false
        else this.parseExtension(field, pos)
      }
    }
    if (pos < lineEnd) this.samplePos = pos + 1
    return isSound
  }

  private parseExtension(start: number, end: number): void {
    const { bytes } = this
    const first = bytes[start]
    if (first === 0x23) {
      this.tagsStart = this.tagPos = start + 1
      this.tagsEnd = end
    } else if (first === 0x63 && end - start > 2 && bytes[start + 1] === COLON) {
      this.containerStart = start + 2
      this.containerEnd = end
    } else if (first === 0x54) {
      const seconds = readFloat(bytes, start + 1, end)
      if (read.ok && seconds > 0 && seconds < Infinity) this.timestamp = seconds
    }
  }

  /** Reads the value at `valuePos`; false when it is empty or malformed. */
  private readValue(): boolean {
    const { bytes, valuesEnd } = this
    const start = this.valuePos
    const end = this.type === MetricType.set ? valuesEnd : wordEnd(bytes, start, valuesEnd)
    this.valuePos = end + 1
    if (end === start) return false
    this.valueStart = start
    this.valueEnd = end
    this.tagPos = this.tagsStart
    const first = bytes[start]
    this.isRelative = this.type === MetricType.gauge && (first === 0x2b || first === 0x2d)
    if (this.type === MetricType.set) {
      this.value = 0
      return true
    }
    this.value = readFloat(bytes, start, end)
    const isSound = read.ok && Math.abs(this.value) < Infinity && !(this.type === MetricType.timer && this.value < 0)
    if (!isSound) this.counts.malformed++
    return isSound
  }
}

function fieldEnd(bytes: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && bytes[pos] !== PIPE) pos++
  return Math.min(pos, end)
}

/** End of what stands before the next bar or colon. */
function wordEnd(bytes: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && bytes[pos] !== PIPE && bytes[pos] !== COLON) pos++
  return Math.min(pos, end)
}

function typeOf(bytes: Uint8Array, start: number, end: number): MetricType | 0 {
  if (end - start === 2) return bytes[start] === 0x6d && bytes[start + 1] === 0x73 ? MetricType.timer : 0
  if (end - start !== 1) return 0
  switch (bytes[start]) {
    case 0x63:
      return MetricType.counter
    case 0x67:
      return MetricType.gauge
    case 0x68:
      return MetricType.histogram
    case 0x64:
      return MetricType.distribution
    case 0x73:
      return MetricType.set
    default:
      return 0
  }
}
