import { copyBytes } from '../byte-runs.ts'
import type { EnvelopeFields } from './envelope-fields.ts'
import type { FrameForm } from './frame-form.ts'
import { TagsFlag } from './tag-rendering.ts'
import { Part, partSize, type TagSets } from './tag-sets.ts'
import { Timestamp } from './timestamp.ts'

/** RFC 5424, 6.2.5 and 6.2.6. */
const maxAppName = 48
const maxProcessId = 128
/** Source type of a log with an instance: `[`, `/` and `]` take the rest. */
const maxType = maxProcessId - 3
/** What stays of an instance behind a source type longer than that: instance ids of Diego are UUIDs. */
const instanceOfLongType = 36

/** HEADER of RFC 5424: `<14>1 2017-07-14T02:40:00.12+00:00 org.space.app 6d1a…  [APP/PROC/WEB/0] - `. Reused for every record. */
export class MessageHead {
  /** Bytes that `write` writes. */
  size = 0
  private readonly time = new Timestamp()
  private bytes: Buffer = Buffer.alloc(0)
  private host: Buffer = this.bytes
  private hostStart = 0
  private hostEnd = 0
  private appStart = 0
  private appEnd = 0
  private text: Buffer = this.bytes
  /** The PROCID: `[` and source type in `text`, slash or none, instance, `]` or none. */
  private typeStart = 0
  private typeEnd = 0
  private slash = false
  private instanceStart = 0
  private instanceEnd = 0
  private closes = true

  /** Takes the parts of one message; answers the name of a property that cannot be written, or an empty text. */
  read(envelope: EnvelopeFields, sets: TagSets, set: number, form: FrameForm): string {
    this.bytes = envelope.bytes
    this.text = sets.text.buf
    this.time.set(envelope.timestampLo, envelope.timestampHi)
    if (!this.readHost(sets.parts, set, form)) return 'Hostname'
    if (!this.readApp(envelope)) return 'AppName'
    const at = set * partSize
    if (envelope.kind === 1)
      this.readLogProcess(envelope, sets.parts[at + Part.typeStart]!, sets.parts[at + Part.elementStart]!)
    else this.readProcess(envelope, sets.parts[at + Part.typeStart]!)
    if (!isVisibleText(this.bytes, this.instanceStart, this.instanceEnd)) return 'ProcessID'
    this.size =
      this.time.size +
      (this.hostEnd - this.hostStart) +
      (this.appEnd === this.appStart ? 1 : this.appEnd - this.appStart) +
      (this.typeEnd - this.typeStart) +
      (this.instanceEnd - this.instanceStart) +
      (this.slash ? 1 : 0) +
      (this.closes ? 1 : 0) +
      12
    return ''
  }

  /** Writes it at `pos`, where there is room; answers the position behind it. `isError`: PRI 11, else 14. */
  write(out: Buffer, pos: number, isError: boolean): number {
    out[pos++] = 0x3c
    out[pos++] = 0x31
    out[pos++] = isError ? 0x31 : 0x34
    out[pos++] = 0x3e
    out[pos++] = 0x31
    out[pos++] = 0x20
    pos = this.time.write(out, pos)
    out[pos++] = 0x20
    pos = copyRun(out, pos, this.host, this.hostStart, this.hostEnd)
    out[pos++] = 0x20
    if (this.appEnd === this.appStart) out[pos++] = 0x2d
    else pos = copyRun(out, pos, this.bytes, this.appStart, this.appEnd)
    out[pos++] = 0x20
    pos = copyRun(out, pos, this.text, this.typeStart, this.typeEnd)
    if (this.slash) out[pos++] = 0x2f
    pos = copyRun(out, pos, this.bytes, this.instanceStart, this.instanceEnd)
    if (this.closes) out[pos++] = 0x5d
    out[pos++] = 0x20
    out[pos++] = 0x2d
    out[pos++] = 0x20
    return pos
  }

  private readHost(parts: Int32Array, set: number, form: FrameForm): boolean {
    const at = set * partSize
    if (parts[at + Part.flags]! & TagsFlag.host) {
      this.host = this.text
      this.hostStart = parts[at + Part.hostStart]!
      this.hostEnd = parts[at + Part.typeStart]!
      return true
    }
    this.host = form.host
    this.hostStart = 0
    this.hostEnd = form.host.length
    return form.isValid
  }

  private readApp({ sourceStart, sourceEnd }: EnvelopeFields): boolean {
    this.appStart = sourceStart
    this.appEnd = sourceEnd - sourceStart > maxAppName ? sourceStart + maxAppName : sourceEnd
    return isVisibleText(this.bytes, sourceStart, this.appEnd)
  }

  /** `[APP/PROC/WEB/0]`, or `[APP/PROC/WEB]` without an instance. `start`: where `[` stands in the texts. */
  private readLogProcess({ instanceStart, instanceEnd }: EnvelopeFields, start: number, end: number): void {
    const typeSize = end - start - 1
    const size = instanceEnd - instanceStart
    this.typeStart = start
    this.typeEnd = end
    this.instanceStart = instanceStart
    this.slash = size > 0
    this.closes = size > 0 || typeSize + 2 <= maxProcessId
    if (size === 0) {
      this.instanceEnd = instanceStart
      if (typeSize + 1 > maxProcessId) this.typeEnd = start + maxProcessId
    } else if (typeSize <= maxType) this.instanceEnd = instanceStart + Math.min(size, maxType - typeSize)
    else {
      // The original cuts the instance by a negative length here, and ends.
      this.instanceEnd = instanceStart + Math.min(size, instanceOfLongType)
      this.typeEnd = start + 1 + maxType - (this.instanceEnd - instanceStart)
    }
  }

  /** `[0]`. */
  private readProcess({ instanceStart, instanceEnd }: EnvelopeFields, start: number): void {
    const size = instanceEnd - instanceStart
    this.typeStart = start
    this.typeEnd = start + 1
    this.slash = false
    this.instanceStart = instanceStart
    this.instanceEnd = instanceStart + Math.min(size, maxProcessId - 1)
    this.closes = size + 2 <= maxProcessId
  }
}

/** Whether all bytes are PRINTUSASCII (RFC 5424). */
function isVisibleText(bytes: Uint8Array, start: number, end: number): boolean {
  let outside = 0
  for (let i = start; i < end; i++) outside |= (bytes[i]! - 0x21) | (0x7e - bytes[i]!)
  return outside >= 0
}

/** As `copyBytes`, without the view that a `Uint8Array` needs: measured break-even near 24 bytes. */
export function copyRun(target: Buffer, pos: number, source: Buffer, start: number, end: number): number {
  if (end - start < 24) return copyBytes(target, pos, source, start, end)
  return pos + source.copy(target, pos, start, end)
}
