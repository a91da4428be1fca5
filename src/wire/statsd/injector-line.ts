/**
 * The line grammar of the original StatsD injector:
 *
 *     origin "." name ":" [sign] value "|" type [ "|@" rate ] [ "|#" tags ]
 *
 * It is searched for, not anchored: the leftmost place where it fits counts, and what stands before or behind is ignored.
 */

export const StatType = { none: 0, milliseconds: 1, gauge: 2, counter: 3 } as const

const DOT = 0x2e
const COLON = 0x3a
const PIPE = 0x7c

/** 1 for the bytes a tag list may hold: letters, digits, `_`, `:` and `,`. */
const IN_TAGS = new Uint8Array(256)
for (const char of '_:,ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789') IN_TAGS[char.charCodeAt(0)] = 1

/** The parts of the last line that matched, as spans of the bytes it was read from. Reused for every line. */
export class InjectorLine {
  /** Origin `[originStart, dot)`, name `[dot + 1, colon)`. */
  originStart = 0
  dot = 0
  colon = 0
  /** The sign's byte, 0 for none. */
  sign = 0
  valueStart = 0
  valueEnd = 0
  type = 0
  /** Empty when there is no rate. */
  rateStart = 0
  rateEnd = 0
  tagsStart = 0
  tagsEnd = 0

  /** Searches `bytes[start, end)`; false when the grammar fits nowhere. Every byte is visited a few times at most. */
  match(bytes: Uint8Array, start: number, end: number): boolean {
    let from = start
    for (;;) {
      let dot = from
      while (dot < end && bytes[dot] !== DOT) dot++
      if (dot + 1 >= end) return false
      if (dot === from || bytes[dot + 1] === COLON) {
        from = dot + 1
        continue
      }
      let colon = dot + 1
      let lastDot = dot
      for (; colon < end && bytes[colon] !== COLON; colon++) if (bytes[colon] === DOT) lastDot = colon
      if (colon >= end) return false
      if (this.matchRest(bytes, colon + 1, end)) {
        this.originStart = from
        this.dot = dot
        this.colon = colon
        return true
      }
      // Any other dot before this colon would lead to the same rest.
      from = lastDot + 1
    }
  }

  private matchRest(bytes: Uint8Array, start: number, end: number): boolean {
    let pos = start
    const first = pos < end ? bytes[pos]! : 0
    this.sign = first === 0x2b || first === 0x2d ? first : 0
    if (this.sign !== 0) pos++
    this.valueStart = pos
    pos = numberEnd(bytes, pos, end)
    if (pos === this.valueStart || pos + 1 >= end || bytes[pos] !== PIPE) return false
    this.valueEnd = pos
    const letter = bytes[pos + 1]!
    if (letter === 0x67) this.type = StatType.gauge
    else if (letter === 0x63) this.type = StatType.counter
    else if (letter === 0x6d && pos + 2 < end && bytes[pos + 2] === 0x73) this.type = StatType.milliseconds
    else return false
    this.matchOptions(bytes, pos + (this.type === StatType.milliseconds ? 3 : 2), end)
    return true
  }

  private matchOptions(bytes: Uint8Array, start: number, end: number): void {
    let pos = start
    this.rateStart = this.rateEnd = this.tagsStart = this.tagsEnd = 0
    if (pos + 2 < end && bytes[pos] === PIPE && bytes[pos + 1] === 0x40) {
      const rateEnd = numberEnd(bytes, pos + 2, end)
      if (rateEnd > pos + 2) {
        this.rateStart = pos + 2
        this.rateEnd = pos = rateEnd
      }
    }
    if (pos + 2 >= end || bytes[pos] !== PIPE || bytes[pos + 1] !== 0x23) return
    this.tagsStart = pos + 2
    let tagsEnd = pos + 2
    while (tagsEnd < end && IN_TAGS[bytes[tagsEnd]!] === 1) tagsEnd++
    this.tagsEnd = tagsEnd
  }
}

/** End of `digits [ "." digits ]` at `start`; `start` itself when no digit stands there. */
function numberEnd(bytes: Uint8Array, start: number, end: number): number {
  const whole = digitsEnd(bytes, start, end)
  if (whole === start || whole >= end || bytes[whole] !== DOT) return whole
  const fraction = digitsEnd(bytes, whole + 1, end)
  return fraction === whole + 1 ? whole : fraction
}

function digitsEnd(bytes: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && bytes[pos]! >= 0x30 && bytes[pos]! <= 0x39) pos++
  return pos
}
