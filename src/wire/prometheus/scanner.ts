/** What both text formats share: the place in the page, the error, names, label sets and quoted text. */
import { isUtf8 } from 'node:buffer'
import { isWord } from '../byte-runs.ts'
import { read, readFloat } from '../number-text.ts'
import { Kind, type Page } from './page.ts'
import { quoteByte, quoteBytes } from './quote.ts'

export interface ParseError {
  /** Counted from 1. */
  line: number
  message: string
}

export const LF = 0x0a
const QUOTE = 0x22
const BACKSLASH = 0x5c
const MAX_QUOTED = 1000

/** 1: may start a label name; 2: also may follow; 4: a colon, which only metric names may hold. */
const NAME_CLASS = new Uint8Array(256)
for (let byte = 0; byte < 128; byte++) {
  const char = String.fromCharCode(byte)
  NAME_CLASS[byte] = /[a-zA-Z_]/.test(char) ? 1 : /[0-9]/.test(char) ? 2 : char === ':' ? 4 : 0
}

export class Scanner {
  protected readonly page: Page
  protected text: Buffer
  protected readonly size: number
  protected pos = 0
  protected line = 0
  error: ParseError | null = null
  /** Extent of the last name or quoted text, escapes resolved. */
  protected tokenStart = 0
  protected tokenEnd = 0
  /** `le` or `quantile` of the last label set, NaN when absent. */
  protected bound = Number.NaN
  /** Label set that last named each label (by name id): finds repeated names without comparing pairs. */
  private lastSet = new Int32Array(64)
  private set = 0
  /** OpenMetrics: no blanks between tokens, unknown escapes stay as they are. */
  private readonly strictBlanks: boolean

  constructor(page: Page, strictBlanks: boolean) {
    this.page = page
    this.text = page.text
    this.size = page.size
    this.strictBlanks = strictBlanks
  }

  /** Notes the first error. Whatever was expected, running into the end of the page is reported as such. */
  protected fail(message: string): false {
    const text = this.pos >= this.size ? 'unexpected end of input stream' : message
    this.error ??= { line: this.line, message: text }
    return false
  }

  /** The byte at `pos`; at the end of the page a newline. */
  protected peek(): number {
    return this.text[this.pos]!
  }

  protected skipBlanks(): number {
    if (this.strictBlanks) return this.text[this.pos]!
    let pos = this.pos
    while (this.text[pos] === 0x20 || this.text[pos] === 0x09) pos++
    this.pos = pos
    return this.text[pos]!
  }

  /** A span for an error text, cut when it is long: a page of one endless word must not fill the log. */
  protected quoted(start: number, end: number): string {
    if (end - start <= MAX_QUOTED) return quoteBytes(this.text.subarray(start, end))
    return `${quoteBytes(this.text.subarray(start, start + MAX_QUOTED))}...`
  }

  protected token(): string {
    return this.quoted(this.tokenStart, this.tokenEnd)
  }

  /** End of the run of bytes before the next blank, tab or newline. */
  protected wordEnd(): number {
    const { text } = this
    let pos = this.pos
    for (let byte = text[pos]!; byte !== LF && byte !== 0x20 && byte !== 0x09; byte = text[pos]!) pos++
    return pos
  }

  protected lineEnd(): number {
    const { text } = this
    let pos = this.pos
    while (text[pos] !== LF) pos++
    return pos
  }

  /** Reads `[a-zA-Z_:][a-zA-Z0-9_:]*` or, in quotes, any text. An empty token means: no name stands here. */
  protected metricName(): boolean {
    return this.peek() === QUOTE ? this.quotedText('metric name') : this.bareName(5, 7)
  }

  protected labelName(): boolean {
    return this.peek() === QUOTE ? this.quotedText('label name') : this.bareName(1, 3)
  }

  private bareName(first: number, rest: number): true {
    const { text } = this
    let pos = this.pos
    this.tokenStart = pos
    if ((NAME_CLASS[text[pos]!]! & first) !== 0) {
      pos++
      while ((NAME_CLASS[text[pos]!]! & rest) !== 0) pos++
    }
    this.tokenEnd = this.pos = pos
    return true
  }

  /** Whether the token is a legacy name; quoted ones may hold anything. */
  protected isLegacyName(first: number, rest: number): boolean {
    const { text, tokenStart, tokenEnd } = this
    if (tokenStart === tokenEnd || (NAME_CLASS[text[tokenStart]!]! & first) === 0) return false
    for (let i = tokenStart + 1; i < tokenEnd; i++) if ((NAME_CLASS[text[i]!]! & rest) === 0) return false
    return true
  }

  /** Reads quoted text at `pos` into the token and stands behind the closing quote. `what` is for the error. */
  protected quotedText(what: string): boolean {
    const { text } = this
    const start = this.pos + 1
    let pos = start
    let bits = 0
    for (let byte = text[pos]!; byte !== QUOTE; byte = text[++pos]!) {
      if (byte === BACKSLASH || byte === LF) return this.escapedText(what, start, pos)
      bits |= byte
    }
    this.tokenStart = start
    this.tokenEnd = pos
    this.pos = pos + 1
    return bits < 0x80 || this.checkUtf8(what)
  }

  private checkUtf8(what: string): boolean {
    if (isUtf8(this.text.subarray(this.tokenStart, this.tokenEnd))) return true
    this.pos--
    return this.fail(`invalid ${what} ${this.token()}`)
  }

  /** The rest of `quotedText` once a backslash or newline is met at `pos`: resolves into the text's tail. */
  private escapedText(what: string, start: number, pos: number): boolean {
    const end = this.resolve(start, pos, QUOTE)
    if (end < 0) return false
    this.pos = end
    if (this.text[end] === LF) return this.fail(`${what} ${this.token()} contains unescaped new-line`)
    this.pos = end + 1
    return this.checkUtf8(what)
  }

  /**
   * Copies `[start, ...)` up to `stop` or a newline behind what is used of the text, escapes resolved, as the token.
   * Returns where it stopped, or -1 after an escape that does not exist.
   */
  protected resolve(start: number, firstEscape: number, stop: number): number {
    this.page.reserveText(this.size - start)
    const text = this.page.text
    this.text = text
    let to = this.page.used
    this.tokenStart = to
    let pos = start
    for (; pos < this.size; pos++) {
      let byte = text[pos]!
      if (byte === stop || byte === LF) break
      if (byte === BACKSLASH && pos >= firstEscape) {
        byte = this.escape(text[++pos]!)
        if (byte < 0) {
          this.pos = pos
          this.fail(`invalid escape sequence '\\${String.fromCharCode(text[pos]!)}'`)
          return -1
        }
        if (byte === BACKSLASH && text[pos] !== BACKSLASH) pos--
      }
      text[to++] = byte
    }
    this.tokenEnd = this.page.used = to
    return Math.min(pos, this.size)
  }

  private escape(byte: number): number {
    if (byte === 0x6e) return LF
    if (byte === BACKSLASH || byte === QUOTE) return byte
    return this.strictBlanks ? BACKSLASH : -1
  }

  /**
   * Reads one label pair's name (already in the token) and value, from the `=` on, and adds it to the page. `kind` is
   * that of the family, if it is known: its bound label goes to `bound` instead.
   */
  protected labelPair(kind: Kind): boolean {
    const nameStart = this.tokenStart
    const nameEnd = this.tokenEnd
    const bound = isBoundLabel(this.text, nameStart, nameEnd, kind)
    const name = this.page.labelNames.intern(this.text, nameStart, nameEnd)
    if (!bound && this.isRepeated(name)) return this.repeated()
    this.pos++
    const byte = this.skipBlanks()
    if (byte !== QUOTE) return this.fail(`expected '"' at start of label value, found ${quoteByte(byte)}`)
    if (!this.quotedText('label value')) return false
    if (bound) return this.readBound(this.tokenStart, this.tokenEnd, kind)
    this.page.addLabel(name, this.tokenStart, this.tokenEnd)
    return true
  }

  protected readBound(start: number, end: number, kind: Kind): boolean {
    this.bound = readFloat(this.text, start, end)
    if (read.ok) return true
    this.pos--
    const label = kind === Kind.summary ? 'quantile' : 'le'
    return this.fail(`expected float as value for '${label}' label, got ${this.quoted(start, end)}`)
  }

  protected repeated(): boolean {
    return this.fail('duplicate label names')
  }

  protected beginLabels(): void {
    this.set++
    this.bound = Number.NaN
  }

  private isRepeated(name: number): boolean {
    if (name >= this.lastSet.length) {
      const next = new Int32Array(name * 2)
      next.set(this.lastSet)
      this.lastSet = next
    }
    if (this.lastSet[name] === this.set) return true
    this.lastSet[name] = this.set
    return false
  }
}

/** Whether the label holds a histogram's bucket bound (`le`) or a summary's `quantile`. */
export function isBoundLabel(text: Uint8Array, start: number, end: number, kind: Kind): boolean {
  if (kind === Kind.histogram || kind === Kind.gaugeHistogram) return isWord(text, start, end, 'le')
  return kind === Kind.summary && isWord(text, start, end, 'quantile')
}
