/** Writes gauge and counter envelopes of one page for one target. */
import { copyBytes, sameBytes } from '../byte-runs.ts'
import type { ForwardWriter } from '../forward-writer.ts'
import { varintSize, varintSize64, writeVarint, writeVarint64 } from '../protobuf.ts'
import type { Page } from './page.ts'
import type { Target } from './target.ts'
import { total } from './totals.ts'

/** Tags of the fields: element of a batch; timestamp, source_id, counter, gauge and tags of an Envelope. */
const ELEMENT = 0x0a
const TIMESTAMP = 0x08
const SOURCE = 0x12
const COUNTER = 0x2a
const GAUGE = 0x32
const TAGS = 0x4a

export const NONE: Buffer = Buffer.alloc(0)
const SOURCE_ID = Buffer.from('source_id')
const UNIT = Buffer.from('unit')

/** Longest a field's tag and length can be, twice nested, with room for numbers: asked for beside the texts. */
const SLACK = 128

export class EnvelopeWriter {
  /** Envelopes written. */
  count = 0
  private readonly page: Page
  private readonly target: Target
  private readonly out: ForwardWriter
  private readonly timeLo: number
  private readonly timeHi: number
  private readonly timeSize: number
  /** By label name id: 1 `source_id`, 2 `unit`, 0 any other. */
  private readonly special: Uint8Array
  /** By label name id: index of the target's label of that name, or -1. */
  private readonly overrides: Int32Array
  /** By the target's labels: the `stamp` of the last metric that replaced it. */
  private readonly replaced: Int32Array
  private stamp = 0
  /** Encoded tags of the current metric. */
  private tags: Buffer = Buffer.allocUnsafeSlow(1024)
  private tagsEnd = 0
  private source: Uint8Array = NONE
  private sourceStart = 0
  private sourceEnd = 0
  private unit: Uint8Array = NONE
  private unitStart = 0
  private unitEnd = 0
  private nameStart = 0
  private nameEnd = 0

  constructor(page: Page, target: Target, timeLo: number, timeHi: number, out: ForwardWriter) {
    this.page = page
    this.target = target
    this.out = out
    this.timeLo = timeLo
    this.timeHi = timeHi
    this.timeSize = varintSize64(timeLo, timeHi)
    this.replaced = new Int32Array(target.labelNames.length)
    const { count, start, end } = page.labelNames
    this.special = new Uint8Array(count)
    this.overrides = new Int32Array(count).fill(-1)
    for (let id = 0; id < count; id++) this.classify(id, start[id]!, end[id]!)
  }

  private classify(id: number, start: number, end: number): void {
    const is = (name: Buffer) => sameBytes(this.page.text, start, end, name, 0, name.length)
    this.special[id] = is(SOURCE_ID) ? 1 : is(UNIT) ? 2 : 0
    // A source id in the page becomes the envelope's own, so it replaces no tag.
    if (this.special[id] !== 1) this.overrides[id] = this.target.labelNameBytes.findIndex(is)
  }

  /** Chooses the family whose name the next envelopes carry. */
  family(family: number): void {
    this.nameStart = this.page.familyNameStart[family]!
    this.nameEnd = this.page.familyNameEnd[family]!
  }

  /**
   * Prepares tags, source id and unit of a metric for the next envelopes: the target's labels, then the metric's, then the
   * pair `key`, `value` unless the key is empty. `takeUnit` makes the tag `unit` the gauge's unit.
   */
  tagsOf(metric: number, takeUnit: boolean, key: Buffer, value: Buffer): void {
    const { page, target, special, overrides, replaced } = this
    const { text, labelName, labelStart, labelEnd } = page
    const { start: nameStart, end: nameEnd } = page.labelNames
    const from = page.metricLabelFrom[metric]!
    const to = from + page.metricLabelCount[metric]!
    const stamp = ++this.stamp
    this.source = target.source
    this.sourceStart = 0
    this.sourceEnd = target.source.length
    this.setUnit(NONE, 0, 0)
    this.tagsEnd = 0
    for (let i = from; i < to; i++) {
      const name = labelName[i]!
      const start = labelStart[i]!
      const end = labelEnd[i]!
      if (overrides[name]! >= 0) replaced[overrides[name]!] = stamp
      if (special[name] === 1) {
        this.source = text
        this.sourceStart = start
        this.sourceEnd = end
      } else if (takeUnit && special[name] === 2) this.setUnit(text, start, end)
      else this.addTag(text, nameStart[name]!, nameEnd[name]!, text, start, end)
    }
    if (this.sourceStart === this.sourceEnd) this.useDefaultSource()
    if (target.labelNames.length > 0) this.addTargetTags(takeUnit, key)
    if (key.length > 0) this.addTag(key, 0, key.length, value, 0, value.length)
  }

  private useDefaultSource(): void {
    this.source = this.target.defaultSource
    this.sourceStart = 0
    this.sourceEnd = this.source.length
  }

  private setUnit(source: Uint8Array, start: number, end: number): void {
    this.unit = source
    this.unitStart = start
    this.unitEnd = end
  }

  private addTargetTags(takeUnit: boolean, key: Buffer): void {
    const { target, replaced, stamp } = this
    for (let i = 0; i < target.labelNames.length; i++) {
      const name = target.labelNameBytes[i]!
      if (replaced[i] === stamp || (key.length > 0 && name.equals(key))) continue
      if (takeUnit && i === target.unitIndex) this.setUnit(target.unit!, 0, target.unit!.length)
      else {
        const field = target.labelFields[i]!
        this.reserveTags(field.length)
        this.tagsEnd = copyBytes(this.tags, this.tagsEnd, field, 0, field.length)
      }
    }
  }

  private addTag(a: Uint8Array, aStart: number, aEnd: number, b: Uint8Array, bStart: number, bEnd: number): void {
    const key = aEnd - aStart
    const value = bEnd - bStart
    this.reserveTags(key + value + SLACK)
    const { tags } = this
    const entry = 2 + varintSize(key) + key + varintSize(value) + value
    let pos = this.tagsEnd
    tags[pos++] = TAGS
    pos = writeVarint(tags, pos, entry)
    tags[pos++] = 0x0a
    pos = writeVarint(tags, pos, key)
    pos = copyBytes(tags, pos, a, aStart, aEnd)
    tags[pos++] = 0x12
    pos = writeVarint(tags, pos, value)
    this.tagsEnd = copyBytes(tags, pos, b, bStart, bEnd)
  }

  private reserveTags(bytes: number): void {
    if (this.tagsEnd + bytes <= this.tags.length) return
    const next = Buffer.allocUnsafeSlow(Math.max(this.tags.length * 2, this.tagsEnd + bytes))
    this.tags.copy(next, 0, 0, this.tagsEnd)
    this.tags = next
  }

  /** A gauge named as the family plus `suffix`, with the unit that `tagsOf` found. */
  gauge(suffix: Buffer, value: number): void {
    const { unit, unitStart, unitEnd } = this
    const name = this.nameEnd - this.nameStart + suffix.length
    const unitSize = unitEnd - unitStart
    const gaugeValue = 9 + (unitSize === 0 ? 0 : 1 + varintSize(unitSize) + unitSize)
    const entry = 2 + varintSize(name) + name + varintSize(gaugeValue) + gaugeValue
    const body = 1 + varintSize(entry) + entry
    let pos = this.begin(1 + varintSize(body) + body)
    const { buf } = this.out
    buf[pos++] = GAUGE
    pos = writeVarint(buf, pos, body)
    buf[pos++] = 0x0a
    pos = writeVarint(buf, pos, entry)
    pos = this.writeName(buf, pos, name, suffix)
    buf[pos++] = 0x12
    pos = writeVarint(buf, pos, gaugeValue)
    if (unitSize > 0) {
      buf[pos++] = 0x0a
      pos = writeVarint(buf, pos, unitSize)
      pos = copyBytes(buf, pos, unit, unitStart, unitEnd)
    }
    buf[pos++] = 0x11
    this.out.pos = buf.writeDoubleLE(value, pos)
  }

  /** A counter named as the family plus `suffix`; its total is in `total`. */
  counter(suffix: Buffer): void {
    const { lo, hi } = total
    const name = this.nameEnd - this.nameStart + suffix.length
    const body = 1 + varintSize(name) + name + 1 + varintSize64(lo, hi)
    let pos = this.begin(1 + varintSize(body) + body)
    const { buf } = this.out
    buf[pos++] = COUNTER
    pos = writeVarint(buf, pos, body)
    pos = this.writeName(buf, pos, name, suffix)
    buf[pos++] = 0x18
    this.out.pos = writeVarint64(buf, pos, lo, hi)
  }

  /** Field 1 with the metric's name: stands first in a counter and in a gauge's entry alike. */
  private writeName(buf: Buffer, start: number, size: number, suffix: Buffer): number {
    let pos = start
    buf[pos++] = 0x0a
    pos = writeVarint(buf, pos, size)
    pos = copyBytes(buf, pos, this.page.text, this.nameStart, this.nameEnd)
    return copyBytes(buf, pos, suffix, 0, suffix.length)
  }

  /** Writes all of an envelope but its message of `bodySize` bytes; returns where that goes. */
  private begin(bodySize: number): number {
    const { out, target, tags, tagsEnd, sourceStart, sourceEnd } = this
    const source = sourceEnd - sourceStart
    const sourceField = source === 0 ? 0 : 1 + varintSize(source) + source
    const size = 1 + this.timeSize + sourceField + target.instanceField.length + tagsEnd + bodySize
    out.reserve(size + SLACK)
    const { buf } = out
    let pos = out.pos
    buf[pos++] = ELEMENT
    pos = writeVarint(buf, pos, size)
    buf[pos++] = TIMESTAMP
    pos = writeVarint64(buf, pos, this.timeLo, this.timeHi)
    if (source > 0) {
      buf[pos++] = SOURCE
      pos = writeVarint(buf, pos, source)
      pos = copyBytes(buf, pos, this.source, sourceStart, sourceEnd)
    }
    pos = copyBytes(buf, pos, target.instanceField, 0, target.instanceField.length)
    this.count++
    return copyBytes(buf, pos, tags, 0, tagsEnd)
  }
}
