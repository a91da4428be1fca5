import type { FieldShape, MessageShape } from './shapes.ts'

/** The text is not what was expected. Caught where decoding began; never leaves this folder. */
export class JsonFault extends Error {
  /** Byte of the text. */
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

/** Brackets that a value nobody reads may open. */
const mostDepth = 1000
const TWO32 = 4294967296
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Steps over JSON (RFC 8259) in bytes. Every step throws `JsonFault` where the text is not what it wants. */
export class JsonReader {
  buf: Buffer = Buffer.alloc(0)
  pos = 0
  private end = 0
  /** Extent of the last string (between its quotes) or number. */
  start = 0
  stop = 0
  /** The last string has escapes. */
  escaped = false
  /** The last number stood in quotes. */
  quoted = false
  /** Magnitude and sign of the last integer. */
  lo = 0
  hi = 0
  negative = false

  reset(buf: Buffer, start: number, end: number): void {
    this.buf = buf
    this.pos = start
    this.end = end
  }

  fail(text: string, at = this.pos): never {
    throw new JsonFault(text, at)
  }

  /** The next byte that is no white space, or -1 at the end. */
  peek(): number {
    const { buf, end } = this
    let pos = this.pos
    while (pos < end) {
      const code = buf[pos]!
      if (code > 0x20 || (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09)) break
      pos++
    }
    this.pos = pos
    return pos < end ? buf[pos]! : -1
  }

  take(code: number): boolean {
    if (this.peek() !== code) return false
    this.pos++
    return true
  }

  expect(code: number, wanted: string): void {
    if (!this.take(code)) this.fail(this.pos >= this.end ? `expected ${wanted}, the text ends` : `expected ${wanted}`)
  }

  /** Nothing but white space may follow. */
  finish(): void {
    if (this.peek() >= 0) this.fail('expected the end')
  }

  takeNull(): boolean {
    return this.peek() === 0x6e && this.word('null')
  }

  bool(): boolean {
    const code = this.peek()
    if (code === 0x74 && this.word('true')) return true
    if (code === 0x66 && this.word('false')) return false
    return this.fail('expected true or false')
  }

  /** The next key with its colon: the field of that name, undefined when there is none. */
  key(shape: MessageShape): FieldShape | undefined {
    this.string()
    const { buf, start, stop } = this
    const keys = shape.keys[stop - start]
    this.expect(0x3a, ':')
    if (!keys) return undefined
    for (let i = 0; i < keys.length; i++) {
      const { text, field } = keys[i]!
      let at = 0
      while (at < text.length && text[at] === buf[start + at]) at++
      if (at === text.length) return field
    }
    return undefined
  }

  /** A string: its extent without the quotes. */
  string(): void {
    if (this.peek() !== QUOTE) this.fail('expected a string')
    const { buf, end } = this
    let pos = ++this.pos
    this.start = pos
    this.escaped = false
    while (pos < end) {
      const code = buf[pos]!
      if (code === QUOTE) {
        this.stop = pos
        this.pos = pos + 1
        return
      }
      if (code === BACKSLASH) {
        this.escaped = true
        pos++
      } else if (code < 0x20) this.fail('a control character must be escaped', pos)
      pos++
    }
    this.fail('the text ends inside a string', end)
  }

  /** The last string as text. */
  text(): string {
    if (!this.escaped) return this.buf.toString('utf8', this.start, this.stop)
    const out = Buffer.allocUnsafe(this.stop - this.start)
    return out.toString('utf8', 0, this.unescape(out, 0))
  }

  /** Writes the last string without its escapes, which never takes more room; answers the position behind it. */
  unescape(out: Buffer, at: number): number {
    const { buf, stop } = this
    let pos = this.start
    let to = at
    while (pos < stop) {
      const code = buf[pos++]!
      if (code !== BACKSLASH) {
        out[to++] = code
        continue
      }
      const letter = buf[pos++]!
      if (letter === 0x75) {
        const first = this.hex4(pos)
        pos += 4
        let point = first
        if (first >= 0xd800 && first < 0xdc00 && buf[pos] === BACKSLASH && buf[pos + 1] === 0x75 && pos + 6 <= stop) {
          const second = this.hex4(pos + 2)
          if (second >= 0xdc00 && second < 0xe000) {
            point = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            pos += 6
          }
        }
        to = writePoint(out, to, point >= 0xd800 && point < 0xe000 ? 0xfffd : point)
      } else {
        const plain = escapes[letter]
        if (!plain) this.fail('no such escape', pos - 2)
        out[to++] = plain
      }
    }
    return to
  }

  isDigit(at: number): boolean {
    const code = at < this.end ? this.buf[at]! : 0
    return (code >= 0x30 && code <= 0x39) || code === 0x2d
  }

  /** A number, or one in quotes: its extent. */
  number(): void {
    const code = this.peek()
    this.quoted = code === QUOTE
    if (this.quoted) {
      this.string()
      return
    }
    if (!this.isDigit(this.pos)) this.fail('expected a number')
    const { buf, end } = this
    let pos = this.pos
    this.start = pos
    while (pos < end && isNumeral(buf[pos]!)) pos++
    this.stop = this.pos = pos
  }

  /** A whole number of up to 64 bits, in quotes or without, into `lo`, `hi` and `negative`. */
  integer(): void {
    this.number()
    const { buf, start, stop } = this
    this.negative = buf[start] === 0x2d && stop > start
    let pos = this.negative ? start + 1 : start
    let lo = 0
    let hi = 0
    if (pos >= stop) this.fail('expected a whole number', start)
    for (; pos < stop; pos++) {
      const digit = buf[pos]! - 0x30
      if (digit < 0 || digit > 9) {
        this.scientific()
        return
      }
      const low = lo * 10 + digit
      lo = low % TWO32
      hi = hi * 10 + (low - lo) / TWO32
      if (hi >= TWO32) this.fail('does not fit 64 bits', start)
    }
    this.lo = lo
    this.hi = hi
  }

  /** `1e3` and `5.0` are whole numbers too. */
  private scientific(): void {
    const word = this.buf.toString('latin1', this.start, this.stop)
    const value = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(word) ? Number(word) : Number.NaN
    if (!Number.isSafeInteger(value)) this.fail('expected a whole number', this.start)
    const size = Math.abs(value)
    this.lo = size % TWO32
    this.hi = Math.floor(size / TWO32)
  }

  /** Steps over any value. */
  skipValue(): void {
    let depth = 0
    do {
      const code = this.peek()
      if (code === QUOTE) this.string()
      else if (code === 0x7b || code === 0x5b) {
        if (++depth > mostDepth) this.fail(`nested more than ${mostDepth} deep`)
        this.pos++
        if (!this.take(code + 2)) {
          if (code === 0x7b) this.skipKey()
          this.closers[depth] = code + 2
          continue
        }
        depth--
      } else if (code === 0x74 || code === 0x66) this.bool()
      else if (code !== 0x6e || !this.word('null')) this.number()
      while (depth > 0) {
        const closer = this.closers[depth]!
        if (this.take(0x2c)) {
          if (closer === 0x7d) this.skipKey()
          break
        }
        this.expect(closer, closer === 0x7d ? '} or ,' : '] or ,')
        depth--
      }
    } while (depth > 0)
  }

  private readonly closers: number[] = []

  private skipKey(): void {
    this.string()
    this.expect(0x3a, ':')
  }

  private word(word: string): boolean {
    const { buf, pos } = this
    if (pos + word.length > this.end) return false
    for (let i = 0; i < word.length; i++) if (buf[pos + i] !== word.charCodeAt(i)) return false
    this.pos = pos + word.length
    return true
  }

  private hex4(at: number): number {
    const value = at + 4 <= this.stop ? Number(`0x${this.buf.toString('latin1', at, at + 4)}`) : Number.NaN
    // Number() also takes blanks and signs.
    if (!(value >= 0) || /[^\da-f]/i.test(this.buf.toString('latin1', at, at + 4)))
      this.fail('expected \\uXXXX', at - 2)
    return value
  }
}

const isNumeral = (code: number) =>
  (code >= 0x30 && code <= 0x39) || code === 0x2e || code === 0x2d || code === 0x2b || (code | 0x20) === 0x65

const escapes: Record<number, number | undefined> = {
  34: 0x22,
  92: 0x5c,
  47: 0x2f,
  98: 0x08,
  102: 0x0c,
  110: 0x0a,
  114: 0x0d,
  116: 0x09,
}

/** Writes a code point as UTF-8. */
function writePoint(out: Buffer, at: number, point: number): number {
  let to = at
  if (point < 0x80) out[to++] = point
  else if (point < 0x800) {
    out[to++] = 0xc0 | (point >> 6)
    out[to++] = 0x80 | (point & 0x3f)
  } else if (point < 0x10000) {
    out[to++] = 0xe0 | (point >> 12)
    out[to++] = 0x80 | ((point >> 6) & 0x3f)
    out[to++] = 0x80 | (point & 0x3f)
  } else {
    out[to++] = 0xf0 | (point >> 18)
    out[to++] = 0x80 | ((point >> 12) & 0x3f)
    out[to++] = 0x80 | ((point >> 6) & 0x3f)
    out[to++] = 0x80 | (point & 0x3f)
  }
  return to
}
