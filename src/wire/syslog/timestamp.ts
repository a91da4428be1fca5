const nanosPerSecond = 1_000_000_000
const zone = Buffer.from('+00:00')

/** One moment as RFC 5424 TIMESTAMP in UTC: `2017-07-14T02:40:00.12+00:00`, microseconds at most. */
export class Timestamp {
  /** Bytes of the text. */
  size = 0
  private micros = 0
  private digits = 0
  private second = Number.NaN
  /** `2017-07-14T02:40:00` of `second`: most envelopes share it with the one before. */
  private readonly text = Buffer.alloc(19, '0000-00-00T00:00:00')

  /** Takes signed nanoseconds since 1970 as halves. Cut to microseconds downwards, so -1 ns is 23:59:59.999999. */
  set(lo: number, hi: number): void {
    let second = Math.floor(((hi | 0) * 4294967296 + lo) / nanosPerSecond)
    // The division may be off by one; what remains is exact modulo 2^32.
    let nanos = (lo - Math.imul(second | 0, nanosPerSecond)) | 0
    if (nanos < 0) {
      nanos += nanosPerSecond
      second--
    } else if (nanos >= nanosPerSecond) {
      nanos -= nanosPerSecond
      second++
    }
    if (second !== this.second) this.setSecond(second)
    this.setMicros((nanos / 1000) | 0)
  }

  /** Writes the text at `pos`; answers the position behind it. */
  write(buf: Uint8Array, pos: number): number {
    const { text } = this
    for (let i = 0; i < 19; i++) buf[pos + i] = text[i]!
    pos += 19
    if (this.digits > 0) {
      buf[pos] = 0x2e
      let rest = this.micros
      for (let i = this.digits; i > 0; i--) {
        const tenth = (rest / 10) | 0
        buf[pos + i] = 0x30 + rest - tenth * 10
        rest = tenth
      }
      pos += this.digits + 1
    }
    for (let i = 0; i < 6; i++) buf[pos + i] = zone[i]!
    return pos + 6
  }

  private setMicros(micros: number): void {
    let rest = micros
    let digits = 6
    if (rest === 0) digits = 0
    else {
      for (let tenth = (rest / 10) | 0; tenth * 10 === rest; tenth = (rest / 10) | 0) {
        rest = tenth
        digits--
      }
    }
    this.micros = rest
    this.digits = digits
    this.size = 25 + (digits > 0 ? digits + 1 : 0)
  }

  private setSecond(second: number): void {
    this.second = second
    const day = Math.floor(second / 86400)
    const rest = second - day * 86400
    this.put(11, (rest / 3600) | 0)
    this.put(14, ((rest / 60) | 0) % 60)
    this.put(17, rest % 60)
    // Days to a date of the Gregorian calendar whose years begin in March; 64 bits of nanoseconds stay within 1677 to 2262.
    const era = day + 719468
    const cycle = Math.floor(era / 146097)
    const inCycle = era - cycle * 146097
    const year = ((inCycle - ((inCycle / 1460) | 0) + ((inCycle / 36524) | 0) - ((inCycle / 146096) | 0)) / 365) | 0
    const inYear = inCycle - (365 * year + (year >> 2) - ((year / 100) | 0))
    const month = ((5 * inYear + 2) / 153) | 0
    const full = cycle * 400 + year + (month > 9 ? 1 : 0)
    this.put(0, (full / 100) | 0)
    this.put(2, full % 100)
    this.put(5, month > 9 ? month - 9 : month + 3)
    this.put(8, inYear - (((153 * month + 2) / 5) | 0) + 1)
  }

  private put(at: number, value: number): void {
    this.text[at] = 0x30 + ((value / 10) | 0)
    this.text[at + 1] = 0x30 + (value % 10)
  }
}
