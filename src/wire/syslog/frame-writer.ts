import { ForwardWriter } from '../forward-writer.ts'
import { writeUint32 } from './decimal.ts'
import { EnvelopeFields } from './envelope-fields.ts'
import { type FrameForm, newFrameForm } from './frame-form.ts'
import { type FrameSink, GrowingSink } from './frame-sink.ts'
import { LogBody } from './log-body.ts'
import { copyRun, MessageHead } from './message-head.ts'
import { metrics, readGauge, writeElement, writeMetric } from './metric-elements.ts'
import { TagsFlag } from './tag-rendering.ts'
import { Part, partSize, TagSets } from './tag-sets.ts'

/** A gauge repeats its tags in every message: an envelope that makes more than this is refused. */
const maxEnvelopeBytes = 16 << 20
const unknown = -2

/**
 * loggregator.v2 envelopes to octet-counted RFC 5424 messages (RFC 6587, 3.4.1), bytes to bytes. One writer serves all
 * drains of a process: `look` once per envelope that some drain may want, then `write` once per drain that does.
 *
 *     const { rows } = batch.index()                     // applies pending edits: only then read batch.buffer
 *     for (let i = 0; i < batch.count; i++) {
 *       const row = batch.rowAt(i)
 *       writer.look(batch.buffer, rows[row + Row.start]!, rows[row + Row.end]!)
 *       for (const drain of drainsOf(row)) if (drain.wants(writer)) writer.write(drain.form, drain.chunks)
 *     }
 */
export class FrameWriter {
  /** Property that made the last `write` answer -1: `Hostname`, `AppName`, `ProcessID`, `StructuredData/Name` ... */
  fault = ''
  private readonly envelope = new EnvelopeFields()
  private readonly sets = new TagSets()
  private readonly head = new MessageHead()
  private readonly log = new LogBody()
  /** SD-ELEMENT of what is no log. */
  private readonly element = new ForwardWriter(1024)
  /** Messages of one gauge: they go into a sink together. */
  private readonly gauge = new GrowingSink()
  /** What was written for this envelope, without and with tags. */
  private readonly bare = new Written()
  private readonly full = new Written()
  /** Tag set of the envelope, `unknown` before it is needed. */
  private set = unknown
  /** Tags element of the message in the texts of `sets`; empty when it has none. */
  private tagsStart = 0
  private tagsEnd = 0

  /** What the envelope holds: 1 log, 2 counter, 3 gauge, 4 timer, 5 event, 0 none of these; -1 for malformed bytes. */
  get kind(): number {
    return this.envelope.kind
  }

  /** Reads the envelope `bytes[start, end)`, which must stay as it is until the last `write` for it. Answers `kind`. */
  look(bytes: Buffer, start: number, end: number): number {
    this.set = unknown
    this.bare.count = this.full.count = 0
    return this.envelope.read(bytes, start, end)
  }

  /** Tag `source_type` up to its first `/`, in upper case; empty without one. Made once per set of tags. */
  logType(): string {
    const set = this.tagSet()
    return set < 0 ? '' : this.sets.logType(set, this.envelope)
  }

  /**
   * Appends the messages of the envelope to `out`, each as `LEN SP MESSAGE` with its final newline counted; `readFrame`
   * cuts them. Answers how many: 0 without a message or for a gauge without metrics. An envelope that cannot be encoded
   * answers -1: nothing was written, `fault` says why, and it never will be. The next drain of an equal form gets a copy.
   */
  write(form: FrameForm, out: FrameSink): number {
    const written = form.metadata ? this.full : this.bare
    if (written.serves(form)) return written.copyTo(out)
    const { envelope, sets } = this
    if (envelope.kind === 0) return 0
    if (envelope.kind < 0) return this.fail('Envelope')
    const set = this.tagSet()
    if (set < 0) return this.fail('Tags')
    const fault = this.head.read(envelope, sets, set, form) || this.readTags(form, set)
    if (fault !== '') return this.fail(fault)
    written.form = form
    written.anyHost = (sets.parts[set * partSize + Part.flags]! & TagsFlag.host) !== 0
    if (envelope.kind === 1) return this.writeLog(written, out)
    return envelope.kind === 3 ? this.writeGauge(written, out) : this.writeOther(written, out)
  }

  private tagSet(): number {
    if (this.set === unknown) this.set = this.sets.find(this.envelope)
    return this.set
  }

  private fail(property: string): -1 {
    this.fault = property
    return -1
  }

  private readTags(form: FrameForm, set: number): string {
    const { parts } = this.sets
    const at = set * partSize
    this.tagsStart = this.tagsEnd = 0
    if (!form.metadata) return ''
    const flags = parts[at + Part.flags]!
    if (flags & TagsFlag.badName) return 'StructuredData/Name'
    if (flags & TagsFlag.badValue) return 'StructuredData/Value'
    this.tagsStart = parts[at + Part.elementStart]!
    this.tagsEnd = parts[at + Part.elementEnd]!
    return ''
  }

  private writeLog(written: Written, out: FrameSink): number {
    const { log } = this
    if (!log.read(this.envelope)) return this.fail('Message')
    this.element.reset()
    const pos = this.open(out, log.size, log.type === 1)
    const start = out.end
    out.end = log.write(out.bytes, pos)
    return written.keep(out.bytes, start, out.end, 1)
  }

  private writeOther(written: Written, out: FrameSink): number {
    this.element.reset()
    const fault = writeElement(this.envelope, this.element)
    if (fault !== '') return this.fail(fault)
    const start = this.closeEmpty(out)
    return written.keep(out.bytes, start, out.end, 1)
  }

  private writeGauge(written: Written, out: FrameSink): number {
    const { element, gauge } = this
    if (!readGauge(this.envelope)) return this.fail('Message')
    gauge.end = 0
    let count = 0
    for (let i = 0; i < metrics.count; i++) {
      if (metrics.isDead(i)) continue
      element.reset()
      const fault = writeMetric(this.envelope.bytes, i, element)
      if (fault !== '') return this.fail(fault)
      this.closeEmpty(gauge)
      if (gauge.end > maxEnvelopeBytes) return this.fail('Size')
      count++
    }
    written.keep(gauge.bytes, 0, gauge.end, count)
    return count === 0 ? 0 : written.copyTo(out)
  }

  /** Writes a message without text; answers where it starts. */
  private closeEmpty(out: FrameSink): number {
    const pos = this.open(out, 1, false)
    const start = out.end
    out.bytes[pos] = 0x0a
    out.end = pos + 1
    return start
  }

  /** Writes all of a message up to its text of `textSize` bytes behind `out.end`; answers where the text goes. */
  private open(out: FrameSink, textSize: number, isError: boolean): number {
    const { head, element, tagsStart, tagsEnd } = this
    const data = element.pos + tagsEnd - tagsStart
    const size = head.size + (data === 0 ? 1 : data) + 1 + textSize
    out.reserve(size + 11)
    const { bytes } = out
    let pos = writeUint32(bytes, out.end, size)
    bytes[pos++] = 0x20
    pos = head.write(bytes, pos, isError)
    if (data === 0) bytes[pos++] = 0x2d
    else {
      if (element.pos > 0) pos = copyRun(bytes, pos, element.buf, 0, element.pos)
      pos = copyRun(bytes, pos, this.sets.text.buf, tagsStart, tagsEnd)
    }
    bytes[pos++] = 0x20
    return pos
  }
}

/** Where the messages of the envelope in question stand, for the next drain that wants the same ones. */
class Written {
  count = 0
  form: FrameForm = newFrameForm({ hostname: '', metadata: true })
  /** They do not depend on the drain's host name. */
  anyHost = false
  private bytes: Buffer = Buffer.alloc(0)
  private start = 0
  private end = 0

  serves(form: FrameForm): boolean {
    return this.count > 0 && (this.anyHost || this.form === form || this.form.hostname === form.hostname)
  }

  keep(bytes: Buffer, start: number, end: number, count: number): number {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.count = count
    return count
  }

  copyTo(out: FrameSink): number {
    const size = this.end - this.start
    out.reserve(size)
    out.end += this.bytes.copy(out.bytes, out.end, this.start, this.end)
    return this.count
  }
}
