const QUOTE = 0x22
const BACKSLASH = 0x5c
const TWO32 = 4294967296
const hex = Buffer.from('0123456789abcdef')

/** Writes JSON as bytes into a buffer that grows. */
export class JsonWriter {
  buf = Buffer.allocUnsafeSlow(8192)
  pos = 0

  reserve(bytes: number): void {
    const need = this.pos + bytes
    if (need <= this.buf.length) return
    const next = Buffer.allocUnsafeSlow(Math.max(this.buf.length * 2, need))
    this.buf.copy(next, 0, 0, this.pos)
    this.buf = next
  }

  byte(code: number): void {
    this.reserve(1)
    this.buf[this.pos++] = code
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    for (let i = 0; i < bytes.length; i++) this.buf[this.pos++] = bytes[i]!
  }

  ascii(text: string): void {
    this.reserve(text.length)
    this.pos += this.buf.write(text, this.pos, 'latin1')
  }

  /** UTF-8 bytes as a string in quotes (RFC 8259, section 7). */
  string(from: Uint8Array, start: number, end: number): void {
    // Escapes take six bytes at most.
    this.reserve((end - start) * 6 + 2)
    const { buf } = this
    let to = this.pos
    buf[to++] = QUOTE
    for (let at = start; at < end; at++) {
      const code = from[at]!
      if (code >= 0x20 && code !== QUOTE && code !== BACKSLASH) {
        buf[to++] = code
        continue
      }
      buf[to++] = BACKSLASH
      const short = shorts[code]
      if (short) buf[to++] = short
      else {
        to += buf.write('u00', to, 'latin1')
        buf[to++] = hex[code >> 4]!
        buf[to++] = hex[code & 15]!
      }
    }
    buf[to++] = QUOTE
    this.pos = to
  }

  hex(from: Uint8Array, start: number, end: number): void {
    this.reserve((end - start) * 2 + 2)
    const { buf } = this
    buf[this.pos++] = QUOTE
    for (let at = start; at < end; at++) {
      buf[this.pos++] = hex[from[at]! >> 4]!
      buf[this.pos++] = hex[from[at]! & 15]!
    }
    buf[this.pos++] = QUOTE
  }

  /** 64 bits as decimal text in quotes. */
  decimal(lo: number, hi: number, signed: boolean): void {
    const negative = signed && hi >= 0x80000000
    const low = negative ? (~lo + 1) >>> 0 : lo
    const high = negative ? (~hi + (low === 0 ? 1 : 0)) >>> 0 : hi
    // In two parts, each an exact double: a BigInt costs ten times as much.
    const rest = (high % 1e6) * TWO32 + low
    const front = Math.floor(high / 1e6) * TWO32 + Math.floor(rest / 1e6)
    this.reserve(24)
    this.buf[this.pos++] = QUOTE
    if (negative) this.buf[this.pos++] = 0x2d
    if (front === 0) this.ascii(String(rest))
    else {
      this.ascii(String(front))
      let back = rest % 1e6
      for (let i = 5; i >= 0; i--) {
        this.buf[this.pos + i] = 0x30 + (back % 10)
        back = Math.floor(back / 10)
      }
      this.pos += 6
    }
    this.buf[this.pos++] = QUOTE
  }

  double(value: number): void {
    if (Number.isFinite(value)) this.ascii(Object.is(value, -0) ? '-0' : String(value))
    else this.ascii(Number.isNaN(value) ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"')
  }
}

const shorts: Record<number, number | undefined> = {
  [QUOTE]: QUOTE,
  [BACKSLASH]: BACKSLASH,
  8: 0x62,
  9: 0x74,
  10: 0x6e,
  12: 0x66,
  13: 0x72,
}
