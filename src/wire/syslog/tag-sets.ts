import { isWord } from '../byte-runs.ts'
import { entry, readEntry } from '../convert/map-entry.ts'
import { ForwardWriter } from '../forward-writer.ts'
import { wordsOf } from './byte-words.ts'
import type { EnvelopeFields } from './envelope-fields.ts'
import { TagEntries } from './tag-entries.ts'
import { rendered, renderTags, TagsFlag } from './tag-rendering.ts'

/** Bounds: sets, bytes of all their texts, tags of one. Beyond them everything is forgotten at once, as apps come and go. */
const maxSets = 4096
const maxText = 4 << 20
const maxTags = 64
/** One huge envelope must not leave a huge buffer behind. */
const maxBuffer = maxText * 2
const slots = maxSets * 4
const maxProbes = 8
/** Sets that cannot be kept are rendered into this one, which is good for one envelope. */
const loose = 0
const maxLogType = 256

/** Numbers kept per set. `typeStart` is the end of the host name, `elementStart` that of the type. */
export const Part = { hostStart: 0, typeStart: 1, elementStart: 2, elementEnd: 3, flags: 4 } as const
export const partSize = 8
const Own = { tags: 5, tagCount: 6, sum: 7 } as const

/** What depends only on the tags of an envelope, rendered once per set of tags, in whatever order they come. */
export class TagSets {
  /** The numbers of set `n` begin at `n * partSize`. */
  readonly parts = new Int32Array((maxSets + 1) * partSize)
  /** The texts they point to. */
  readonly text = new ForwardWriter(1 << 14)
  private count = 1
  private readonly entries = new TagEntries()
  private readonly table = new Int32Array(slots).fill(-1)
  /** Numbers of the entries of all sets, one set behind the other. */
  private members = new Int32Array(1 << 12)
  private memberCount = 0
  private readonly logTypes: (string | undefined)[] = []
  /** Entries of the envelope in question. */
  private readonly numbers = new Int32Array(maxTags)
  /** Per entry the round in which it was last found in a set under comparison. */
  private readonly marks = new Int32Array(this.entries.weights.length)
  private round = 0

  /** The set of the envelope's tags, or -1 when they do not parse. Valid until the next call. */
  find(envelope: EnvelopeFields): number {
    const { bytes, entries: extents, tagCount } = envelope
    if (this.entries.full) this.clear(true)
    if (this.text.buf.length > maxBuffer) this.shrink()
    if (tagCount > maxTags) return this.renderLoose(envelope)
    const { entries, numbers } = this
    const view = wordsOf(bytes)
    let sum = 0
    let number = -1
    for (let i = 0; i < tagCount; i++) {
      number = entries.numberOf(view, bytes, extents[i * 2]!, extents[i * 2 + 1]!, number)
      if (number < 0) return this.renderLoose(envelope)
      numbers[i] = number
      sum = (sum + entries.weights[number]!) | 0
    }
    return this.findSet(envelope, sum)
  }

  /** Upper case of the tag `source_type` of this envelope, which has this set, up to the first `/`. */
  logType(set: number, envelope: EnvelopeFields): string {
    this.logTypes[set] ??= readLogType(envelope)
    return this.logTypes[set]
  }

  private findSet(envelope: EnvelopeFields, sum: number): number {
    const { table, parts } = this
    let slot = sum & (slots - 1)
    for (let probe = 0; probe < maxProbes; probe++, slot = (slot + 1) & (slots - 1)) {
      const set = table[slot]!
      if (set < 0) return this.add(envelope, sum, slot)
      if (parts[set * partSize + Own.sum] === sum && this.isSame(set, envelope.tagCount)) return set
    }
    return this.renderLoose(envelope)
  }

  /** Whether the set has exactly the entries in `numbers`. */
  private isSame(set: number, count: number): boolean {
    const at = set * partSize
    if (this.parts[at + Own.tagCount] !== count) return false
    const { marks, members, numbers } = this
    if (++this.round === 0x7fffffff) {
      marks.fill(0)
      this.round = 1
    }
    const { round } = this
    const first = this.parts[at + Own.tags]!
    for (let i = first; i < first + count; i++) marks[members[i]!] = round
    for (let i = 0; i < count; i++) {
      const number = numbers[i]!
      if (marks[number] !== round) return false
      // An entry that comes twice must not stand for another one.
      marks[number] = 0
    }
    return true
  }

  private add(envelope: EnvelopeFields, sum: number, slot: number): number {
    if (this.count > maxSets || this.text.pos > maxText) {
      this.clear(false)
      slot = sum & (slots - 1)
    }
    const mark = this.text.pos
    const set = this.count
    if (!this.render(envelope, set)) return -1
    const at = set * partSize
    if (this.parts[at + Part.flags]! & TagsFlag.repeated || this.text.pos - mark > 1 << 16) {
      this.text.pos = mark
      return this.renderLoose(envelope)
    }
    const { tagCount } = envelope
    if (this.memberCount + tagCount > this.members.length) this.growMembers()
    this.members.set(this.numbers.subarray(0, tagCount), this.memberCount)
    this.parts[at + Own.tags] = this.memberCount
    this.parts[at + Own.tagCount] = tagCount
    this.parts[at + Own.sum] = sum
    this.memberCount += tagCount
    this.table[slot] = set
    this.count++
    return set
  }

  /** Renders tags that are not kept: what they left in `text` is overwritten by the next ones. */
  private renderLoose(envelope: EnvelopeFields): number {
    const mark = this.text.pos
    const sound = this.render(envelope, loose)
    this.text.pos = mark
    return sound ? loose : -1
  }

  private render(envelope: EnvelopeFields, set: number): boolean {
    const { parts, text } = this
    const at = set * partSize
    const mark = text.pos
    this.logTypes[set] = undefined
    if (!renderTags(envelope, text)) {
      text.pos = mark
      return false
    }
    parts[at + Part.hostStart] = mark
    parts[at + Part.typeStart] = rendered.hostEnd
    parts[at + Part.elementStart] = rendered.typeEnd
    parts[at + Part.elementEnd] = text.pos
    parts[at + Part.flags] = rendered.flags
    return true
  }

  private clear(entries: boolean): void {
    this.count = 1
    this.memberCount = 0
    this.text.reset()
    this.table.fill(-1)
    this.logTypes.length = 0
    if (entries) this.entries.clear()
  }

  private shrink(): void {
    this.clear(false)
    this.text.buf = Buffer.allocUnsafeSlow(1 << 14)
  }

  private growMembers(): void {
    const wider = new Int32Array(this.members.length * 2)
    wider.set(this.members)
    this.members = wider
  }
}

function readLogType({ bytes, entries, tagCount }: EnvelopeFields): string {
  for (let i = tagCount - 1; i >= 0; i--) {
    if (!readEntry(bytes, entries[i * 2]!, entries[i * 2 + 1]!)) continue
    if (!isWord(bytes, entry.keyStart, entry.keyEnd, 'source_type')) continue
    const stop = Math.min(entry.valueEnd, entry.valueStart + maxLogType)
    let end = entry.valueStart
    while (end < stop && bytes[end] !== 0x2f) end++
    return bytes.toString('utf8', entry.valueStart, end).toUpperCase()
  }
  return ''
}
