import { digitsOf, writeUint32 } from './decimal.ts'
import type { FrameSink } from './frame-sink.ts'

/** How messages follow one another: with their length in front, each on a line, or one in a datagram. */
export type Framing = 'counted' | 'lines' | 'datagrams'

const LF = 0x0a
/** What a line feed inside a message becomes where lines are messages: as rsyslog writes it. */
const escaped = Buffer.from('#012')

/**
 * Puts the frame around messages that are written at the end of a sink (RFC 6587, 3.4; RFC 5426, 3.1). `begin`, write the
 * message, `end`.
 */
export class MessageFraming {
  /** Messages that were cut at the limit. */
  truncated = 0
  private readonly kind: Framing
  private readonly maxBytes: number
  private start = 0
  /** Room in front of a message: for the count of the one before. */
  private room: number

  /** `maxBytes` of a message; 0: no limit. */
  constructor(kind: Framing, maxBytes: number) {
    this.kind = kind
    this.maxBytes = maxBytes
    this.room = kind === 'counted' ? 4 : 0
  }

  begin(out: FrameSink): void {
    out.reserve(16)
    this.start = out.end
    out.end += this.room
  }

  end(out: FrameSink): void {
    const from = this.start + this.room
    if (this.kind !== 'counted') while (out.end > from && out.bytes[out.end - 1] === LF) out.end--
    if (this.maxBytes > 0 && out.end - from > this.maxBytes) this.cut(out, from + this.maxBytes)
    if (this.kind === 'counted') this.putCount(out, from)
    else if (this.kind === 'lines') this.putLineFeed(out, from)
  }

  private cut(out: FrameSink, limit: number): void {
    let end = limit
    // Not within a character.
    while (end > limit - 4 && (out.bytes[end]! & 0xc0) === 0x80) end--
    out.end = (out.bytes[end]! & 0xc0) === 0x80 ? limit : end
    this.truncated++
  }

  private putCount(out: FrameSink, from: number): void {
    const size = out.end - from
    const room = digitsOf(size) + 1
    if (room !== this.room) {
      out.reserve(room)
      out.bytes.copyWithin(this.start + room, from, out.end)
      out.end += room - this.room
      this.room = room
    }
    out.bytes[writeUint32(out.bytes, this.start, size)] = 0x20
  }

  private putLineFeed(out: FrameSink, from: number): void {
    out.reserve(1)
    out.bytes[out.end++] = LF
    const first = out.bytes.indexOf(LF, from)
    if (first < out.end - 1) escapeLineFeeds(out, first)
  }
}

/** Writes what stands from the first line feed on anew, but for the last byte. */
function escapeLineFeeds(out: FrameSink, first: number): void {
  const rest = Buffer.from(out.bytes.subarray(first, out.end - 1))
  out.end = first
  out.reserve(rest.length * escaped.length + 1)
  const { bytes } = out
  let at = first
  for (const byte of rest) {
    if (byte === LF) at += escaped.copy(bytes, at)
    else bytes[at++] = byte
  }
  bytes[at] = LF
  out.end = at + 1
}
