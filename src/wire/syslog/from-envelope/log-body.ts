import { Reader } from '../../protobuf.ts'
import { hasZero } from '../byte-words.ts'
import type { EnvelopeFields } from './envelope-fields.ts'

const reader = new Reader()

/** The message of a log as it becomes MSG: NUL bytes are left out, and a newline ends it. Reused for every record. */
export class LogBody {
  /** 0 out, 1 err. */
  type = 0
  /** Bytes that `write` writes. */
  size = 0
  private bytes: Buffer = Buffer.alloc(0)
  private start = 0
  private end = 0
  private hasNul = false
  private addsNewline = false

  /** False when the bytes do not parse. */
  read(envelope: EnvelopeFields): boolean {
    const { bytes, bodyStart, bodyEnd } = envelope
    this.bytes = bytes
    this.type = this.start = this.end = 0
    if (!this.readUsual(bodyStart, bodyEnd) && !this.readAny(bodyStart, bodyEnd)) return false
    this.measure()
    return true
  }

  /** Payload and type as they are written by all clients: {0a len payload [10 type]}. False when it is not that. */
  private readUsual(start: number, end: number): boolean {
    const { bytes } = this
    if (end - start < 3 || bytes[start] !== 0x0a) return false
    const first = bytes[start + 1]!
    const second = bytes[start + 2]!
    if (first >= 0x80 && second >= 0x80) return false
    const payload = first < 0x80 ? start + 2 : start + 3
    const stop = payload + (first < 0x80 ? first : (first & 0x7f) | (second << 7))
    const isTyped = stop + 2 === end && bytes[stop] === 0x10 && bytes[stop + 1]! < 0x80
    if (stop !== end && !isTyped) return false
    if (isTyped) this.type = bytes[stop + 1]!
    this.start = payload
    this.end = stop
    return true
  }

  private readAny(start: number, end: number): boolean {
    reader.reset(this.bytes, start, end)
    while (reader.next()) {
      if (reader.field === 2 && reader.wire === 0) this.type = reader.varint32()
      else {
        if (!reader.skip()) return false
        if (reader.field !== 1 || reader.wire !== 2) continue
        this.start = reader.start
        this.end = reader.stop
      }
    }
    return reader.ok
  }

  /** Writes it at `pos`, where there is room; answers the position behind it. */
  write(out: Buffer, pos: number): number {
    const { bytes, start, end } = this
    if (this.hasNul) {
      for (let i = start; i < end; i++) if (bytes[i] !== 0) out[pos++] = bytes[i]!
    } else pos += bytes.copy(out, pos, start, end)
    if (this.addsNewline) out[pos++] = 0x0a
    return pos
  }

  private measure(): void {
    const { bytes, start, end } = this
    this.size = end - start
    let last = end - 1
    this.hasNul = hasZero(bytes, start, end)
    if (this.hasNul) {
      for (let i = start; i < end; i++) if (bytes[i] === 0) this.size--
      while (last >= start && bytes[last] === 0) last--
    }
    this.addsNewline = last < start || bytes[last] !== 0x0a
    if (this.addsNewline) this.size++
  }
}
