import { BackwardWriter, Reader } from '../protobuf.ts'
import { AnyKind, AnyView, anyText } from './any-value.ts'
import { Key, keyBytes, keyMask } from './known-keys.ts'
import { entry, readEntry } from './map-entry.ts'
import { fitsOutput } from './rows.ts'
import { TagTable } from './tag-table.ts'
import { writeText } from './text.ts'
import { V2Tags } from './v2-tags.ts'

/** What became of the records of a request; each record is in `converted`, `notRepresentable`, `tooLarge` or `malformed`. */
export interface OtlpToEnvelopesCounts {
  /** Envelopes written; a histogram or summary point makes several. */
  made: number
  converted: number
  /** Of the converted ones: exponential histograms, of which only sum and count have a form. */
  withoutBuckets: number
  /** Points without a value, and counters whose value is no unsigned integer. */
  notRepresentable: number
  /** Records whose envelopes, each with all attributes of the resource, would not fit into one output. */
  tooLarge: number
  /** Records, or groups of them, that do not parse. */
  malformed: number
  /** Strings that were no UTF-8 and got U+FFFD. */
  repaired: number
}

export const newOtlpCounts = (): OtlpToEnvelopesCounts => ({
  made: 0,
  converted: 0,
  withoutBuckets: 0,
  notRepresentable: 0,
  tooLarge: 0,
  malformed: 0,
  repaired: 0,
})

const reader = new Reader()
const any = new AnyView()
const idKeys = keyMask(Key.source_id, Key.instance_id)

/** Writes envelopes from OTLP records: knows the attributes of the resource and of the record, makes ids and tags of them. */
export class OtlpContext {
  bytes: Uint8Array = new Uint8Array(0)
  out = new BackwardWriter(0)
  counts = newOtlpCounts()
  readonly tags = new V2Tags()
  readonly record = new TagTable()
  private readonly resource = new TagTable()
  private group = -1
  private resourceSize = 0

  begin(bytes: Uint8Array, out: BackwardWriter): OtlpToEnvelopesCounts {
    this.bytes = bytes
    this.out = out
    this.group = -1
    this.counts = newOtlpCounts()
    this.tags.begin(out, true)
    return this.counts
  }

  finish(): OtlpToEnvelopesCounts {
    this.counts.repaired += this.tags.repaired
    return this.counts
  }

  /** Reads the resource of a group: field 1, whose field 1 are the attributes. Does nothing for the group read last. */
  enter(start: number, end: number): void {
    if (this.group === start) return
    this.group = start
    this.resource.reset(this.bytes)
    this.resourceSize = 0
    const outer = new Reader(this.bytes, start, end)
    while (outer.next() && outer.skip()) {
      if (outer.field !== 1 || outer.wire !== 2) continue
      this.addAttributes(this.resource, outer.start, outer.stop, 1)
      this.resourceSize += outer.stop - outer.start
    }
  }

  /** Reads the attributes of a record, which are field `field` of `[start, end)`. False when they do not parse. */
  readRecord(start: number, end: number, field: number): boolean {
    this.record.reset(this.bytes)
    return this.addAttributes(this.record, start, end, field)
  }

  private addAttributes(table: TagTable, start: number, end: number, field: number): boolean {
    const { bytes } = this
    reader.reset(bytes, start, end)
    while (reader.next()) {
      if (!reader.skip()) return false
      if (reader.field !== field || reader.wire !== 2) continue
      if (!readEntry(bytes, reader.start, reader.stop)) return false
      const { keyStart, keyEnd } = entry
      if (!any.read(bytes, entry.valueStart, entry.valueEnd)) return false
      if (any.kind === AnyKind.string || any.kind === AnyKind.none) table.add(keyStart, keyEnd, any.start, any.end)
      else table.addRendered(keyStart, keyEnd, anyText(bytes, any))
    }
    return reader.ok
  }

  /** Whether `copies` envelopes of a record of `size` bytes still fit; if not, the record is counted as too large. */
  fits(copies: number, size: number): boolean {
    if (fitsOutput(this.out.length, copies, size + this.resourceSize)) return true
    this.counts.tooLarge++
    return false
  }

  /** Whether the record or its resource has an attribute with this key. */
  has(key: number): boolean {
    return this.record.find(key) >= 0 || this.resource.find(key) >= 0
  }

  /**
   * Ends an envelope of which the message (and tags of its own) was written since `mark`: tags but those of the mask
   * `taken`, ids and timestamp, then its frame.
   */
  close(mark: number, timeLo: number, timeHi: number, taken: number): void {
    const { out, record, resource } = this
    const source = this.idFrom(Key.source_id, Key['service.name'])
    const instance = this.idFrom(Key.instance_id, Key['service.instance.id'])
    let without = taken | idKeys
    if (source === Key['service.name']) without |= keyMask(source)
    if (instance === Key['service.instance.id']) without |= keyMask(instance)
    for (let i = record.count - 1; i >= 0; i--) this.writeTag(record, i, taken | idKeys)
    for (let i = resource.count - 1; i >= 0; i--) {
      const { bytes } = this
      const hidden = record.findKey(bytes, resource.keyStart(i), resource.keyEnd(i), resource.code(i)) >= 0
      if (!hidden) this.writeTag(resource, i, without)
    }
    this.writeId(8, Key.instance_id, instance)
    this.writeId(2, Key.source_id, source)
    if (timeLo !== 0 || timeHi !== 0) {
      out.varint64(timeLo, timeHi)
      out.tag(1, 0)
    }
    out.message(1, mark)
    this.counts.made++
  }

  private writeTag(table: TagTable, i: number, without: number): void {
    if (table.isDead(i) || (without >>> table.code(i)) & 1) return
    const values = table.valueSource(i)
    this.tags.add(this.bytes, table.keyStart(i), table.keyEnd(i), values, table.valueStart(i), table.valueEnd(i))
  }

  /** The key of the attribute an id comes from: 0 none, `own` of the record or the resource, or `other` of the resource. */
  private idFrom(own: number, other: number): number {
    if (isSet(this.record, own) || isSet(this.resource, own)) return own
    return isSet(this.resource, other) ? other : 0
  }

  private writeId(field: number, own: number, key: number): void {
    if (key === 0) return
    const table = key === own && isSet(this.record, own) ? this.record : this.resource
    const tag = table.find(key)
    const bytes = table.valueSource(tag)
    this.counts.repaired += writeText(this.out, field, bytes, table.valueStart(tag), table.valueEnd(tag))
  }

  /** Writes a tag whose key is known, with a value of ours. */
  addTag(key: number, value: Uint8Array): void {
    const name = keyBytes[key]!
    this.tags.add(name, 0, name.length, value, 0, value.length)
  }
}

function isSet(table: TagTable, key: number): boolean {
  const tag = table.find(key)
  return tag >= 0 && table.valueStart(tag) !== table.valueEnd(tag)
}
