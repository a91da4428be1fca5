import { isAscii } from 'node:buffer'

export type FramingKind = 'counted' | 'lines' | 'auto'

export interface FramingOptions {
  /** `counted`: octet counting; `lines`: a message ends with the trailer; `auto`: each message says for itself. */
  kind: FramingKind
  /**
   * To the letter of RFC 6587, as Log Cache: a wrong count ends the connection, lines are joined until the next that
   * begins with `<`. Else what can be read is read: `counted` takes lines too, and line by line it is.
   */
  strict: boolean
  /** Byte that ends a line: LF or NUL. */
  trailer: number
  maxBytes: number
}

export interface FrameSink {
  /** One message, on loan. `isAscii` and `isCut` (too long, or its end did not come). False: read no more. */
  frame(bytes: Buffer, start: number, end: number, isAscii: boolean, isCut: boolean): boolean
  /** Bytes that are no message were left out; with `ends` the connection cannot go on. */
  fault(text: string, ends: boolean): void
  /** Bytes held for messages that are not complete changed by so many. */
  held(bytes: number): void
}

const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const LESS = 0x3c

/** Longest message that is skipped by its count; beyond, the count is taken for noise. */
const longestSkip = 1 << 26
const mostDigits = 20
const none = Buffer.alloc(0)

/** What chunks are joined in when they are large: calls do not nest, so one is enough. */
let scratch = none

/** Cuts a stream of bytes into messages, whatever pieces they come in. One for each connection. */
export class Framer {
  /** A complete message waits for the next line, which may belong to it: call `flush` when none comes. */
  waits = false
  private readonly options: FramingOptions
  private readonly sink: FrameSink
  /** What is left of earlier chunks: `carry[0, size)`. */
  private carry: Buffer = none
  private size = 0
  private carryIsAscii = true
  /** Bytes of the first message that were searched for its end. */
  private searched = 0
  /** The next message is complete with so many bytes. */
  private need = 0
  /** Bytes of a long message still to leave out. */
  private skip = 0
  private skipsLine = false
  private afterFrame = false
  private isClosed = false
  /** What `readCount` found. */
  private count = 0

  constructor(options: FramingOptions, sink: FrameSink) {
    this.options = options
    this.sink = sink
  }

  /** Takes the next bytes, on loan. False: the connection must end. */
  feed(chunk: Buffer): boolean {
    if (this.isClosed || chunk.length === 0) return !this.isClosed
    const ascii = isAscii(chunk)
    if (this.size === 0) return this.cutAll(chunk, chunk.length, ascii)
    const all = this.size + chunk.length
    const bothAscii = ascii && this.carryIsAscii
    if (chunk.length < 4096 || all < this.need) {
      this.append(chunk, all)
      this.carryIsAscii = bothAscii
      return all < this.need || this.cutAll(this.carry, all, bothAscii)
    }
    if (scratch.length < all) scratch = Buffer.allocUnsafeSlow(Math.max(all, 128 << 10))
    this.carry.copy(scratch, 0, 0, this.size)
    chunk.copy(scratch, this.size)
    return this.cutAll(scratch, all, bothAscii)
  }

  /** No more bytes will come. */
  end(): void {
    const { size, carry, options } = this
    if (this.isClosed) return
    this.isClosed = true
    if (this.waits) this.sink.frame(carry, 0, size - 1, this.carryIsAscii, false)
    else if (size > 0 && options.strict) this.sink.fault('the connection ended within a message', false)
    else if (size > 0) this.endLoose()
    this.keep(none, 0, 0, true)
  }

  /** Hands on the message that waits. False: the connection must end. */
  flush(): boolean {
    if (!this.waits || this.isClosed) return !this.isClosed
    this.waits = false
    const { carry, size, carryIsAscii } = this
    const goesOn = this.sink.frame(carry, 0, size - 1, carryIsAscii, false)
    this.keep(none, 0, 0, true)
    this.searched = 0
    return goesOn
  }

  /** Gives up what it holds; nothing more is taken. */
  forget(): void {
    this.isClosed = true
    this.keep(none, 0, 0, true)
  }

  private append(chunk: Buffer, all: number): void {
    if (this.carry.length < all) {
      const next = Buffer.allocUnsafeSlow(Math.max(all, this.carry.length * 2))
      this.carry.copy(next, 0, 0, this.size)
      this.sink.held(next.length - this.carry.length)
      this.carry = next
    }
    chunk.copy(this.carry, this.size)
    this.size = all
  }

  private cutAll(bytes: Buffer, end: number, ascii: boolean): boolean {
    this.need = 0
    this.waits = false
    const { strict, kind } = this.options
    const pos = !strict
      ? this.cutLoose(bytes, end, ascii)
      : kind === 'lines'
        ? this.cutStrictLines(bytes, end, ascii)
        : this.cutCounted(bytes, end, ascii)
    if (pos < 0) {
      this.isClosed = true
      this.keep(none, 0, 0, true)
      return false
    }
    this.keep(bytes, pos, end, ascii)
    return true
  }

  /** Remembers `bytes[start, end)` until more comes. */
  private keep(bytes: Buffer, start: number, end: number, ascii: boolean): void {
    const size = end - start
    this.size = size
    this.carryIsAscii = ascii
    if (bytes === this.carry && size > 0) {
      if (start > 0) bytes.copyWithin(0, start, end)
      return
    }
    const before = this.carry.length
    // A carry that fits is used again; a long message's does not stay.
    if (size === 0) this.carry = none
    else if (before < size || before > 4 * size + 4096) this.carry = Buffer.allocUnsafeSlow(size < 512 ? 512 : size)
    bytes.copy(this.carry, 0, start, end)
    if (this.carry.length !== before) this.sink.held(this.carry.length - before)
  }

  private broken(text: string): number {
    this.sink.fault(text, true)
    return -1
  }

  /** `MSGLEN SP MSG [LF]` (RFC 6587, 3.4.1). */
  private cutCounted(b: Buffer, end: number, ascii: boolean): number {
    const { maxBytes } = this.options
    let pos = 0
    while (pos < end) {
      const first = b[pos]!
      if (this.afterFrame) {
        // A NUL reads as the end of the stream.
        if (first === 0) return -1
        this.afterFrame = false
        if (first === LF) {
          pos++
          continue
        }
      }
      if (first < 0x31 || first > 0x39) return this.broken('expecting the length of a message')
      let at = pos
      let size = 0
      while (at < end && b[at]! >= 0x30 && b[at]! <= 0x39) size = size * 10 + b[at++]! - 0x30
      if (at - pos > mostDigits) return this.broken('expecting the length of a message')
      if (at === end) return pos
      if (b[at] !== SP) return this.broken('expecting a space behind the length of a message')
      if (size > maxBytes) return this.broken(`message length (${size}) exceeds maximum length (${maxBytes})`)
      at++
      if (at < end && b[at] !== LESS) return this.broken('expecting a message that begins with <')
      if (at + size > end) {
        this.need = at + size - pos
        return pos
      }
      if (!this.sink.frame(b, at, at + size, ascii, false)) return -1
      pos = at + size
      this.afterFrame = true
    }
    return pos
  }

  /** Lines that begin with `<`; others belong to the one before. */
  private cutStrictLines(b: Buffer, end: number, ascii: boolean): number {
    const { trailer, maxBytes } = this.options
    let pos = 0
    while (pos < end) {
      if (this.skipsLine || b[pos] !== LESS) {
        if (!this.skipsLine) this.sink.fault('expecting a message that begins with <', false)
        this.skipsLine = true
        const stop = b.subarray(0, end).indexOf(trailer, pos)
        if (stop < 0) return end
        this.skipsLine = false
        pos = stop + 1
        continue
      }
      const stop = b.subarray(0, end).indexOf(trailer, pos + this.searched)
      const length = (stop < 0 ? end : stop) - pos
      if (length > maxBytes) {
        this.sink.fault(`a message is longer than the maximum length (${maxBytes})`, false)
        this.searched = 0
        this.skipsLine = true
        continue
      }
      if (stop < 0 || stop + 1 === end) {
        // A line feed at the end is looked at again, with what follows it.
        this.searched = length
        this.waits = stop >= 0
        return pos
      }
      this.searched = stop + 1 - pos
      if (b[stop + 1] !== LESS) continue
      this.searched = 0
      if (!this.sink.frame(b, pos, stop, ascii, false)) return -1
      pos = stop + 1
    }
    return pos
  }

  /** Each message with its count or with its trailer, whichever it has. */
  private cutLoose(b: Buffer, end: number, ascii: boolean): number {
    const mayCount = this.options.kind !== 'lines'
    let pos = 0
    while (pos < end) {
      if (this.skip > 0) {
        const skipped = Math.min(this.skip, end - pos)
        this.skip -= skipped
        pos += skipped
        continue
      }
      if (!this.skipsLine && this.searched === 0) {
        const first = b[pos]!
        if (first === LF || first === CR || first === 0) {
          pos++
          continue
        }
        if (mayCount && first >= 0x31 && first <= 0x39) {
          const behind = this.readCount(b, pos, end)
          if (behind === pos) return pos
          if (behind > 0) {
            pos = this.cutByCount(b, behind, end, pos, ascii)
            if (this.need > 0 || pos < 0) return pos
            continue
          }
        }
      }
      const next = this.cutLine(b, pos, end, ascii)
      if (next === pos || next < 0) return next
      pos = next
    }
    return pos
  }

  /** Reads `123 <`: position of the `<`; `pos` when more bytes are needed to tell; -1 when it is no count. */
  private readCount(b: Buffer, pos: number, end: number): number {
    let at = pos
    let size = 0
    while (at < end && at - pos < 9 && b[at]! >= 0x30 && b[at]! <= 0x39) size = size * 10 + b[at++]! - 0x30
    if (size > longestSkip) return -1
    if (at === end) return pos
    if (b[at] !== SP) return -1
    if (at + 1 === end) return pos
    if (b[at + 1] !== LESS) return -1
    this.count = size
    return at + 1
  }

  private cutByCount(b: Buffer, start: number, end: number, from: number, ascii: boolean): number {
    const { count } = this
    const size = Math.min(count, this.options.maxBytes)
    if (start + size > end) {
      this.need = start + size - from
      return from
    }
    this.skip = count - size
    return this.sink.frame(b, start, start + size, ascii, count > size) ? start + size : -1
  }

  /** Position behind the line at `pos`; `pos` when its end has not come. */
  private cutLine(b: Buffer, pos: number, end: number, ascii: boolean): number {
    const { trailer, maxBytes } = this.options
    const found = b.indexOf(trailer, pos + this.searched)
    const stop = found < 0 || found >= end ? -1 : found
    if (this.skipsLine) {
      this.skipsLine = stop < 0
      return stop < 0 ? end : stop + 1
    }
    const length = (stop < 0 ? end : stop) - pos
    if (stop < 0 && length <= maxBytes) {
      this.searched = length
      return pos
    }
    this.searched = 0
    // Too long already: what came counts, the rest of the line does not.
    if (stop < 0) this.skipsLine = true
    let last = pos + Math.min(length, maxBytes)
    if (length <= maxBytes && last > pos && b[last - 1] === CR) last--
    if (!this.sink.frame(b, pos, last, ascii, length > maxBytes)) return -1
    return stop < 0 ? end : stop + 1
  }

  /** The last message of a connection that was cut: what came of it. */
  private endLoose(): void {
    const { carry, size, options } = this
    if (this.skipsLine || this.skip > 0) return
    const first = carry[0]!
    const behind = options.kind !== 'lines' && first >= 0x31 && first <= 0x39 ? this.readCount(carry, 0, size) : -1
    const end = carry[size - 1] === CR ? size - 1 : size
    if (behind > 0) this.sink.frame(carry, behind, end, this.carryIsAscii, true)
    else this.sink.frame(carry, 0, end, this.carryIsAscii, false)
  }
}
