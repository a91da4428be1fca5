import { varintSize, varintSize64, writeVarint, writeVarint64 } from '../../varint.ts'
import { Item, type SyslogMessage } from '../parse/message.ts'
import { float, integer, readGoFloat, readInt64, readUint64 } from '../parse/numbers.ts'
import { findParameter, putValue, startsWith, valueSize } from './parameters.ts'

/** Kinds of envelopes, as in telemetry/envelope-scan.ts. */
export const Kind = { log: 1, counter: 2, gauge: 3, timer: 4, event: 5 } as const

const metricIds = [
  { kind: Kind.counter, id: Buffer.from('counter') },
  { kind: Kind.gauge, id: Buffer.from('gauge') },
  { kind: Kind.timer, id: Buffer.from('timer') },
  { kind: Kind.event, id: Buffer.from('event') },
] as const

const names = {
  name: Buffer.from('name'),
  delta: Buffer.from('delta'),
  total: Buffer.from('total'),
  value: Buffer.from('value'),
  unit: Buffer.from('unit'),
  start: Buffer.from('start'),
  stop: Buffer.from('stop'),
  title: Buffer.from('title'),
  body: Buffer.from('body'),
}

/** Kind by the start of an SD-ID; -1: none of them. */
export function metricKind(b: Uint8Array, start: number, end: number): number {
  for (const { kind, id } of metricIds) if (startsWith(b, start, end, id)) return kind
  return -1
}

/** The counter, gauge, timer or event that an element of structured data is: measured, then written where there is room. */
export class MetricElement {
  /** Why the last `measure` answered -1. */
  fault = ''
  private kind = 0
  private bodySize = 0
  /** Delta or start. */
  private loLo = 0
  private loHi = 0
  /** Total or stop. */
  private hiLo = 0
  private hiHi = 0
  private number = 0
  /** Places of the name or title, and of the unit or body; -1: there is none. */
  private nameItem = -1
  private unitItem = -1

  /**
   * Size of the message that the element of `message` with items `[from, to)` is, or -1 with `fault`: then what was measured
   * before stays.
   */
  measure(b: Buffer, { items }: SyslogMessage, from: number, to: number, kind: number): number {
    if (!this.read(b, items, from, to, kind)) return -1
    this.kind = kind
    return this.bodySize
  }

  /** Writes what was measured last at `pos`; answers the position behind it. */
  write(b: Buffer, { items }: SyslogMessage, to: Buffer, pos: number): number {
    let at = pos
    if (this.kind === Kind.gauge) {
      to[at] = 0x0a
      at = writeVarint(to, at + 1, this.gaugeEntrySize(items))
      if (this.nameItem >= 0) at = putValue(to, at, 0x0a, b, items, this.nameItem)
      else {
        to[at++] = 0x0a
        to[at++] = 0
      }
      to[at] = 0x12
      at = writeVarint(to, at + 1, this.gaugeValueSize(items))
      if (valueSize(items, this.unitItem) > 0) at = putValue(to, at, 0x0a, b, items, this.unitItem)
      to[at] = 0x11
      return to.writeDoubleLE(this.number, at + 1)
    }
    if (this.nameItem >= 0) at = putValue(to, at, 0x0a, b, items, this.nameItem)
    if (this.kind === Kind.event) return this.unitItem < 0 ? at : putValue(to, at, 0x12, b, items, this.unitItem)
    if ((this.loLo | this.loHi) !== 0) {
      to[at] = 0x10
      at = writeVarint64(to, at + 1, this.loLo, this.loHi)
    }
    if ((this.hiLo | this.hiHi) !== 0) {
      to[at] = 0x18
      at = writeVarint64(to, at + 1, this.hiLo, this.hiHi)
    }
    return at
  }

  /** Whether all that the kind needs is there and sound; only then is anything of it kept. */
  private read(b: Buffer, items: Int32Array, from: number, to: number, kind: number): boolean {
    if (kind === Kind.event) return this.measureEvent(b, items, from, to)
    const name = findParameter(b, items, from, to, names.name)
    const nameSize = name < 0 ? 0 : valueSize(items, name)
    let size = nameSize > 0 ? 1 + varintSize(nameSize) + nameSize : 0
    if (kind === Kind.gauge) return this.measureGauge(b, items, from, to, name)
    const isCounter = kind === Kind.counter
    const first = findParameter(b, items, from, to, isCounter ? names.delta : names.start)
    const second = findParameter(b, items, from, to, isCounter ? names.total : names.stop)
    if (!this.readInteger(b, items, first, isCounter))
      return this.refuse(isCounter ? 'expected a delta in counter' : 'expected a start in timer')
    const { lo, hi } = integer
    // Nothing is touched before all is sound: an earlier element may be the one that counts.
    if (!this.readInteger(b, items, second, isCounter))
      return this.refuse(isCounter ? 'expected a total in counter' : 'expected a stop in timer')
    this.loLo = lo
    this.loHi = hi
    this.hiLo = integer.lo
    this.hiHi = integer.hi
    if ((this.loLo | this.loHi) !== 0) size += 1 + varintSize64(this.loLo, this.loHi)
    if ((this.hiLo | this.hiHi) !== 0) size += 1 + varintSize64(this.hiLo, this.hiHi)
    this.nameItem = nameSize > 0 ? name : -1
    this.bodySize = size
    return true
  }

  private readInteger(b: Buffer, items: Int32Array, at: number, isUnsigned: boolean): boolean {
    if (at < 0) return false
    const start = items[at + Item.valueStart]!
    const end = items[at + Item.valueEnd]!
    return isUnsigned ? readUint64(b, start, end) : readInt64(b, start, end)
  }

  private measureGauge(b: Buffer, items: Int32Array, from: number, to: number, name: number): boolean {
    const unit = findParameter(b, items, from, to, names.unit)
    const value = findParameter(b, items, from, to, names.value)
    if (unit < 0) return this.refuse('expected unit not found in gauge')
    if (value < 0 || !readGoFloat(b, items[value + Item.valueStart]!, items[value + Item.valueEnd]!))
      return this.refuse('expected a value in gauge')
    this.number = float.value
    this.nameItem = name
    this.unitItem = unit
    const entry = this.gaugeEntrySize(items)
    this.bodySize = 1 + varintSize(entry) + entry
    return true
  }

  /** `{1 key, 2 {1 unit, 2 value}}` */
  private gaugeEntrySize(items: Int32Array): number {
    const nameSize = this.nameItem < 0 ? 0 : valueSize(items, this.nameItem)
    const inner = this.gaugeValueSize(items)
    return 1 + varintSize(nameSize) + nameSize + 1 + varintSize(inner) + inner
  }

  private gaugeValueSize(items: Int32Array): number {
    const unitSize = valueSize(items, this.unitItem)
    return (unitSize === 0 ? 0 : 1 + varintSize(unitSize) + unitSize) + 9
  }

  private measureEvent(b: Buffer, items: Int32Array, from: number, to: number): boolean {
    const title = findParameter(b, items, from, to, names.title)
    const body = findParameter(b, items, from, to, names.body)
    const titleSize = title < 0 ? 0 : valueSize(items, title)
    const textSize = body < 0 ? 0 : valueSize(items, body)
    this.nameItem = title
    this.unitItem = body
    this.bodySize =
      (title < 0 ? 0 : 1 + varintSize(titleSize) + titleSize) + (body < 0 ? 0 : 1 + varintSize(textSize) + textSize)
    return true
  }

  private refuse(fault: string): false {
    this.fault = fault
    return false
  }
}
