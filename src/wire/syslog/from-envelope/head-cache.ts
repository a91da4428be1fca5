import { isWord } from '../../byte-runs.ts'
import { entry } from '../../convert/map-entry.ts'
import { ForwardWriter } from '../../forward-writer.ts'
import { wordsOf } from '../byte-words.ts'
import { type EnvelopeFields, readTag } from './envelope-fields.ts'
import { FieldNumbers, maxNumbers } from './field-numbers.ts'
import { HeadFlag, rendered, renderHead } from './head-rendering.ts'

/** Bounds: heads, bytes of all their texts, fields of one. Beyond them everything is forgotten at once: apps come and go. */
const maxHeads = 8192
const maxText = 4 << 20
const maxFields = 64
const maxHeadBytes = 1 << 16
/** One huge envelope must not leave a huge buffer behind. */
const maxBuffer = maxText * 2
const slots = maxHeads * 4
const maxProbes = 8
/** Heads that cannot be kept are rendered as this one, which is good for one envelope. */
const loose = 0
const maxLogType = 256
/** Tells logs from all else in the sum of a head. */
const logWeight = 0x5bd1e995

/** Numbers kept per head. `idsStart` is the end of the host name, `tagsStart` that of ` APP-NAME PROCID - `. */
export const Part = { hostStart: 0, idsStart: 1, tagsStart: 2, tagsEnd: 3, flags: 4 } as const
export const partSize = 10
const Own = { members: 5, memberCount: 6, sum: 7, isLog: 8 } as const

/**
 * The parts of a message that depend only on source id, instance id and tags, rendered once for each combination of them,
 * in whatever order they come.
 */
export class HeadCache {
  /** The numbers of head `n` begin at `n * partSize`. */
  readonly parts = new Int32Array((maxHeads + 1) * partSize)
  /** The texts they point to. */
  readonly text = new ForwardWriter(1 << 14)
  private count = 1
  private readonly fields = new FieldNumbers()
  /** Number plus one, 0 where nobody is. */
  private readonly table = new Int32Array(slots)
  /** Numbers of the fields of all heads, one head behind the other. */
  private members = new Int32Array(1 << 12)
  private memberTotal = 0
  private readonly logTypes: (string | undefined)[] = []
  /** Fields of the envelope in question. */
  private readonly numbers = new Int32Array(maxFields)
  private numberCount = 0
  /** Per field the round in which it was last found in a head under comparison. */
  private readonly marks = new Int32Array(maxNumbers)
  private round = 0

  /** The head of the envelope, or -1 when its tags do not parse. Valid until the next call. */
  find(envelope: EnvelopeFields): number {
    const { bytes, extents, tagCount } = envelope
    if (this.fields.full) this.clear(true)
    if (this.text.buf.length > maxBuffer) this.shrink()
    if (tagCount > maxFields - 2) return this.renderLoose(envelope)
    const { fields } = this
    this.numberCount = fields.take(wordsOf(bytes), bytes, extents, tagCount + 2, this.numbers)
    if (this.numberCount < 0) return this.renderLoose(envelope)
    return this.findHead(envelope, envelope.kind === 1 ? fields.sum ^ logWeight : fields.sum)
  }

  /** Upper case of the tag `source_type` of this envelope, which has this head, up to the first `/`. */
  logType(head: number, envelope: EnvelopeFields): string {
    this.logTypes[head] ??= readLogType(envelope)
    return this.logTypes[head]
  }

  private findHead(envelope: EnvelopeFields, sum: number): number {
    const { table, parts } = this
    let slot = sum & (slots - 1)
    for (let probe = 0; probe < maxProbes; probe++, slot = (slot + 1) & (slots - 1)) {
      const head = table[slot]!
      if (head === 0) return this.add(envelope, sum, slot)
      if (parts[head * partSize + Own.sum] === sum && this.isSame(head, envelope.kind === 1 ? 1 : 0)) return head
    }
    return this.renderLoose(envelope)
  }

  /** Whether the head has exactly the fields in `numbers`. */
  private isSame(head: number, isLog: number): boolean {
    const at = head * partSize
    const count = this.numberCount
    if (this.parts[at + Own.memberCount] !== count || this.parts[at + Own.isLog] !== isLog) return false
    const { marks, members, numbers } = this
    if (++this.round === 0x7fffffff) {
      marks.fill(0)
      this.round = 1
    }
    const { round } = this
    const first = this.parts[at + Own.members]!
    for (let i = first; i < first + count; i++) marks[members[i]!] = round
    for (let i = 0; i < count; i++) {
      const number = numbers[i]!
      if (marks[number] !== round) return false
      // A field that comes twice must not stand for another one.
      marks[number] = 0
    }
    return true
  }

  private add(envelope: EnvelopeFields, sum: number, slot: number): number {
    if (this.count > maxHeads || this.text.pos > maxText) this.clear(false)
    const mark = this.text.pos
    const head = this.count
    if (!this.render(envelope, head)) return -1
    const at = head * partSize
    if (this.parts[at + Part.flags]! & HeadFlag.repeated || this.text.pos - mark > maxHeadBytes) {
      this.text.pos = mark
      return this.renderLoose(envelope)
    }
    const count = this.numberCount
    if (this.memberTotal + count > this.members.length) this.growMembers()
    this.members.set(this.numbers.subarray(0, count), this.memberTotal)
    this.parts[at + Own.members] = this.memberTotal
    this.parts[at + Own.memberCount] = count
    this.parts[at + Own.sum] = sum
    this.parts[at + Own.isLog] = envelope.kind === 1 ? 1 : 0
    this.memberTotal += count
    this.table[slot] = head
    this.count++
    return head
  }

  /** Renders a head that is not kept: what it leaves in `text` is overwritten by the next one. */
  private renderLoose(envelope: EnvelopeFields): number {
    const mark = this.text.pos
    const sound = this.render(envelope, loose)
    this.text.pos = mark
    return sound ? loose : -1
  }

  private render(envelope: EnvelopeFields, head: number): boolean {
    const { parts, text } = this
    const at = head * partSize
    const mark = text.pos
    this.logTypes[head] = undefined
    if (!renderHead(envelope, text)) {
      text.pos = mark
      return false
    }
    parts[at + Part.hostStart] = mark
    parts[at + Part.idsStart] = rendered.hostEnd
    parts[at + Part.tagsStart] = rendered.idsEnd
    parts[at + Part.tagsEnd] = text.pos
    parts[at + Part.flags] = rendered.flags
    return true
  }

  private clear(fields: boolean): void {
    this.count = 1
    this.memberTotal = 0
    this.text.reset()
    this.table.fill(0)
    this.logTypes.length = 0
    if (fields) this.fields.clear()
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

function readLogType(envelope: EnvelopeFields): string {
  const { bytes } = envelope
  for (let i = envelope.tagCount - 1; i >= 0; i--) {
    if (!readTag(envelope, i) || !isWord(bytes, entry.keyStart, entry.keyEnd, 'source_type')) continue
    const stop = Math.min(entry.valueEnd, entry.valueStart + maxLogType)
    let end = entry.valueStart
    while (end < stop && bytes[end] !== 0x2f) end++
    return bytes.toString('utf8', entry.valueStart, end).toUpperCase()
  }
  return ''
}
