import { copyBytes } from '../../byte-runs.ts'
import { ForwardWriter } from '../../forward-writer.ts'
import { writeUint32 } from '../decimal.ts'
import { type FrameSink, GrowingSink } from '../frame-sink.ts'
import { Timestamp } from '../timestamp.ts'
import { EnvelopeFields } from './envelope-fields.ts'
import { type FrameForm, newFrameForm } from './frame-form.ts'
import { HeadCache, Part, partSize } from './head-cache.ts'
import { HeadFlag } from './head-rendering.ts'
import { LogBody } from './log-body.ts'
import { metrics, readGauge, writeElement, writeMetric } from './metric-elements.ts'

/** A gauge repeats its tags in every message: an envelope that makes more than this is refused. */
const maxEnvelopeBytes = 16 << 20
/** One huge envelope must not leave huge buffers behind. */
const maxScratchBytes = 1 << 20
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
  private readonly heads = new HeadCache()
  private readonly time = new Timestamp()
  private readonly log = new LogBody()
  /** SD-ELEMENT of what is no log. */
  private readonly element = new ForwardWriter(1024)
  /** Messages of one gauge: they go into a sink together. */
  private readonly gauge = new GrowingSink()
  /** What was written for this envelope, without and with tags. */
  private readonly bare = new Written()
  private readonly full = new Written()
  /** Head of the envelope in `heads`, `unknown` before it is needed. */
  private head = unknown

  /** What the envelope holds: 1 log, 2 counter, 3 gauge, 4 timer, 5 event, 0 none of these; -1 for malformed bytes. */
  get kind(): number {
    return this.envelope.kind
  }

  /** Reads the envelope `bytes[start, end)`, which must stay as it is until the last `write` for it. Answers `kind`. */
  look(bytes: Buffer, start: number, end: number): number {
    this.head = unknown
    this.bare.count = this.full.count = 0
    return this.envelope.read(bytes, start, end)
  }

  /** Tag `source_type` up to its first `/`, in upper case; empty without one. Made once per set of tags. */
  logType(): string {
    const head = this.findHead()
    return head < 0 ? '' : this.heads.logType(head, this.envelope)
  }

  /**
   * Appends the messages of the envelope to `out`, each as `LEN SP MESSAGE` with its final newline counted; `readFrame`
   * cuts them. Answers how many: 0 without a message or for a gauge without metrics. An envelope that cannot be encoded
   * answers -1: nothing was written, `fault` says why, and it never will be. The next drain of an equal form gets a copy.
   */
  write(form: FrameForm, out: FrameSink): number {
    const written = form.metadata ? this.full : this.bare
    if (written.serves(form)) return written.copyTo(out)
    const { envelope } = this
    if (envelope.kind === 0) return 0
    if (envelope.kind < 0) return this.fail('Envelope')
    const head = this.findHead()
    if (head < 0) return this.fail('Tags')
    const flags = this.heads.parts[head * partSize + Part.flags]!
    const fault = faultOf(flags, form)
    if (fault !== '') return this.fail(fault)
    this.time.set(envelope.timestampLo, envelope.timestampHi)
    written.form = form
    written.anyHost = (flags & HeadFlag.host) !== 0
    if (envelope.kind === 1) return this.writeLog(written, out)
    return envelope.kind === 3 ? this.writeGauge(written, out) : this.writeOther(written, out)
  }

  private findHead(): number {
    if (this.head === unknown) this.head = this.heads.find(this.envelope)
    return this.head
  }

  private fail(property: string): -1 {
    this.fault = property
    return -1
  }

  private writeLog(written: Written, out: FrameSink): number {
    const { log } = this
    if (!log.read(this.envelope)) return this.fail('Message')
    this.element.reset()
    const pos = this.open(written.form, out, log.size, log.type === 1)
    const start = out.end
    out.end = log.write(out.bytes, pos)
    return written.keep(out.bytes, start, out.end, 1)
  }

  private writeOther(written: Written, out: FrameSink): number {
    this.element.reset()
    if (this.element.buf.length > maxScratchBytes) this.element.buf = Buffer.allocUnsafeSlow(1024)
    const fault = writeElement(this.envelope, this.element)
    if (fault !== '') return this.fail(fault)
    const start = this.closeEmpty(written.form, out)
    return written.keep(out.bytes, start, out.end, 1)
  }

  private writeGauge(written: Written, out: FrameSink): number {
    const { element, gauge } = this
    if (!readGauge(this.envelope)) return this.fail('Message')
    gauge.end = 0
    if (gauge.bytes.length > maxScratchBytes) gauge.bytes = Buffer.allocUnsafeSlow(4096)
    let count = 0
    for (let i = 0; i < metrics.count; i++) {
      if (metrics.isDead(i)) continue
      element.reset()
      const fault = writeMetric(this.envelope.bytes, i, element)
      if (fault !== '') return this.fail(fault)
      this.closeEmpty(written.form, gauge)
      if (gauge.end > maxEnvelopeBytes) return this.fail('Size')
      count++
    }
    written.keep(gauge.bytes, 0, gauge.end, count)
    return count === 0 ? 0 : written.copyTo(out)
  }

  /** Writes a message without text; answers where it starts. */
  private closeEmpty(form: FrameForm, out: FrameSink): number {
    const pos = this.open(form, out, 1, false)
    const start = out.end
    out.bytes[pos] = 0x0a
    out.end = pos + 1
    return start
  }

  /** Writes all of a message up to its text of `textSize` bytes behind `out.end`; answers where the text goes. */
  private open(form: FrameForm, out: FrameSink, textSize: number, isError: boolean): number {
    const { heads, element, time } = this
    const { parts } = heads
    const text = heads.text.buf
    const at = this.head * partSize
    const hasHost = (parts[at + Part.flags]! & HeadFlag.host) !== 0
    const start = parts[at + Part.hostStart]!
    const middle = parts[at + Part.tagsStart]!
    const end = form.metadata ? parts[at + Part.tagsEnd]! : middle
    const noData = end === middle && element.pos === 0
    // `<14>1 `, a blank behind the time, a dash for no data, a blank in front of the text.
    const size =
      time.size + (hasHost ? 0 : form.host.length) + (end - start) + element.pos + (noData ? 9 : 8) + textSize
    out.reserve(size + 11)
    const { bytes } = out
    let pos = writeUint32(bytes, out.end, size)
    bytes[pos] = 0x20
    pos = this.time.write(bytes, writePriority(bytes, pos + 1, isError))
    bytes[pos++] = 0x20
    if (!hasHost) pos = copyRun(bytes, pos, form.host, 0, form.host.length)
    if (element.pos === 0) pos += text.copy(bytes, pos, start, end)
    else {
      pos += text.copy(bytes, pos, start, middle)
      pos = copyRun(bytes, pos, element.buf, 0, element.pos)
      pos = copyRun(bytes, pos, text, middle, end)
    }
    if (noData) bytes[pos++] = 0x2d
    bytes[pos++] = 0x20
    return pos
  }
}

/** PRI and VERSION: user facility (1), severity error (3) or informational (6). */
function writePriority(bytes: Buffer, pos: number, isError: boolean): number {
  bytes[pos] = 0x3c
  bytes[pos + 1] = 0x31
  bytes[pos + 2] = isError ? 0x31 : 0x34
  bytes[pos + 3] = 0x3e
  bytes[pos + 4] = 0x31
  bytes[pos + 5] = 0x20
  return pos + 6
}

/** The first part that cannot be written, or an empty text. */
function faultOf(flags: number, form: FrameForm): string {
  if (!(flags & HeadFlag.host) && !form.isValid) return 'Hostname'
  if (flags & HeadFlag.badApp) return 'AppName'
  if (flags & HeadFlag.badProcess) return 'ProcessID'
  if (!form.metadata) return ''
  if (flags & HeadFlag.badName) return 'StructuredData/Name'
  return flags & HeadFlag.badValue ? 'StructuredData/Value' : ''
}

/** Copies a run; a call into the runtime costs more than a short loop. */
function copyRun(target: Buffer, pos: number, source: Buffer, start: number, end: number): number {
  if (end - start < 24) return copyBytes(target, pos, source, start, end)
  return pos + source.copy(target, pos, start, end)
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
