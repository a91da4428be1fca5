/** StatsD datagrams to loggregator.v2 gauge envelopes, with the running sums of the original StatsD injector. */
import type { ForwardWriter } from '../forward-writer.ts'
import { readFloat } from '../number-text.ts'
import { isUtf8 } from '../utf8.ts'
import { writeGaugeEnvelope } from './gauge-envelope.ts'
import { InjectorLine, StatType } from './injector-line.ts'
import { SeriesTable } from './series.ts'
import { TagPairs } from './tag-pairs.ts'

export interface InjectorOptions {
  /** Running values kept, gauges and counters together. The series not seen for longest is forgotten first. */
  maxSeries: number
  /** Told the place of every line that is no statistic. The bytes are the caller's datagram. */
  onMalformed?: (datagram: Buffer, start: number, end: number) => void
}

export interface InjectorCounts {
  /** Lines that became an envelope. */
  accepted: number
  malformed: number
  /** Tags without a colon. The original crashes on them. */
  skippedTags: number
  /** Lines whose origin or name was not UTF-8 and got U+FFFD. The original loses them and its stream. */
  repaired: number
}

const UNITS: readonly Buffer[] = ['', 'ms', 'gauge', 'counter'].map((unit) => Buffer.from(unit))

export class Injector {
  readonly counts: InjectorCounts = { accepted: 0, malformed: 0, skippedTags: 0, repaired: 0 }
  private readonly series: SeriesTable
  private readonly line = new InjectorLine()
  private readonly pairs = new TagPairs()
  private readonly onMalformed: InjectorOptions['onMalformed']

  constructor({ maxSeries, onMalformed }: InjectorOptions) {
    this.series = new SeriesTable(maxSeries)
    this.onMalformed = onMalformed
  }

  /** Running values that were forgotten to stay within `maxSeries`. */
  get evictedSeries(): number {
    return this.series.evicted
  }

  /**
   * Appends one envelope (repeated field 1 of EnvelopeBatch) per valid line of a datagram: lines end in LF or CRLF, the
   * last one with the datagram. The time is given as two halves of nanoseconds. Returns the number of envelopes.
   */
  write(datagram: Buffer, timeLo: number, timeHi: number, out: ForwardWriter): number {
    const size = datagram.length
    let written = 0
    for (let start = 0; start < size; ) {
      let stop = start
      while (stop < size && datagram[stop] !== 0x0a) stop++
      const end = stop > start && datagram[stop - 1] === 0x0d ? stop - 1 : stop
      if (this.line.match(datagram, start, end)) {
        this.writeLine(datagram, timeLo, timeHi, out)
        written++
      } else {
        this.counts.malformed++
        this.onMalformed?.(datagram, start, end)
      }
      start = stop + 1
    }
    this.counts.accepted += written
    return written
  }

  private writeLine(datagram: Buffer, timeLo: number, timeHi: number, out: ForwardWriter): void {
    const { line, pairs } = this
    let { originStart, dot, colon } = line
    let names = datagram
    if (!isUtf8(datagram, originStart, colon)) {
      this.counts.repaired++
      names = Buffer.from(datagram.toString('utf8', originStart, colon))
      originStart = 0
      dot = names.indexOf(0x2e)
      colon = names.length
    }
    const value = this.valueOf(datagram, names, originStart, colon)
    this.counts.skippedTags += pairs.read(datagram, line.tagsStart, line.tagsEnd)
    writeGaugeEnvelope(out, timeLo, timeHi, names, originStart, dot, colon, UNITS[line.type]!, value, datagram, pairs)
  }

  private valueOf(datagram: Buffer, names: Buffer, keyStart: number, keyEnd: number): number {
    const { type, sign, valueStart, valueEnd, rateStart, rateEnd } = this.line
    let value = readFloat(datagram, valueStart, valueEnd)
    if (rateEnd > rateStart) value /= readFloat(datagram, rateStart, rateEnd)
    if (type === StatType.milliseconds) return value
    const slot = this.series.slot(type, names, keyStart, keyEnd)
    const { values } = this.series
    if (type === StatType.gauge && sign === 0) values[slot] = value
    else values[slot] = sign === 0x2d ? values[slot]! - value : values[slot]! + value
    return values[slot]!
  }
}

/** What the original prints for such a line. */
export function malformedLineText(datagram: Buffer, start: number, end: number): string {
  const line = datagram.toString('utf8', start, end)
  return `Error parsing stat line "${line}": input line '${line}' was not a valid statsd line`
}
