import { compilePattern } from './pattern.ts'

/** Finds entries in a window of a file. One for all files: it keeps nothing between windows. */
export interface Cutter {
  /** What `next` found: `[start, end)` is the entry, the one after it begins at `behind`. */
  start: number
  end: number
  behind: number
  /** `b[from, to)` is looked at now. `b[to]` may be written to. `isEnd`: the file ends there for now. */
  begin(b: Buffer, from: number, to: number, isEnd: boolean): void
  /** False: no whole entry at `pos`. */
  next(pos: number): boolean
}

export interface CutterOptions {
  encoding: string
  multiline?:
    | { line_start_pattern?: string | undefined; line_end_pattern?: string | undefined; omit_pattern: boolean }
    | undefined
}

export function newCutter({ encoding, multiline }: CutterOptions): Cutter {
  if (multiline?.line_start_pattern !== undefined)
    return new StartCutter(compilePattern(multiline.line_start_pattern), multiline.omit_pattern)
  if (multiline?.line_end_pattern !== undefined)
    return new EndCutter(compilePattern(multiline.line_end_pattern), multiline.omit_pattern)
  if (encoding === 'utf-16le') return new WideCutter(0)
  if (encoding === 'utf-16be') return new WideCutter(1)
  return new LineCutter()
}

const LF = 0x0a

/** Lines that end with LF. */
class LineCutter implements Cutter {
  start = 0
  end = 0
  behind = 0
  private b: Buffer = none
  private to = 0

  begin(b: Buffer, _from: number, to: number): void {
    this.b = b
    this.to = to
    // So that the search stops where the window does.
    b[to] = LF
  }

  next(pos: number): boolean {
    const stop = this.b.indexOf(LF, pos)
    if (stop >= this.to) return false
    this.start = pos
    this.end = stop
    this.behind = stop + 1
    return true
  }
}

/** Lines of UTF-16: LF is two bytes, at an even distance from where the text begins. */
class WideCutter implements Cutter {
  start = 0
  end = 0
  behind = 0
  private b: Buffer = none
  private to = 0
  /** Which of the two bytes of LF is 0x0a. */
  private readonly place: number

  constructor(place: number) {
    this.place = place
  }

  begin(b: Buffer, _from: number, to: number): void {
    this.b = b
    this.to = to
  }

  next(pos: number): boolean {
    const { b, to, place } = this
    for (let at = b.indexOf(LF, pos); at >= 0 && at < to; at = b.indexOf(LF, at + 1)) {
      if (((at - pos) & 1) !== place) continue
      const low = at - place
      if (low + 1 >= to) return false
      if (b[low + 1 - place] !== 0) continue
      this.start = pos
      this.end = low
      this.behind = low + 2
      return true
    }
    return false
  }
}

/** Entries that begin with a pattern: each ends where the next one begins. */
class StartCutter implements Cutter {
  start = 0
  end = 0
  behind = 0
  private readonly pattern: RegExp
  private readonly omit: boolean
  private text = ''
  private from = 0

  constructor(pattern: RegExp, omit: boolean) {
    this.pattern = pattern
    this.omit = omit
  }

  begin(b: Buffer, from: number, to: number): void {
    this.text = b.toString('latin1', from, to)
    this.from = from
  }

  next(pos: number): boolean {
    const { pattern, text, from } = this
    const at = pos - from
    pattern.lastIndex = at
    let found = pattern.exec(text)
    if (!found) return false
    this.start = pos
    if (found.index === at) {
      const behind = at + found[0].length
      if (this.omit) this.start = from + behind
      pattern.lastIndex = Math.max(behind, at + 1)
      found = pattern.exec(text)
      if (!found) return false
    }
    this.end = this.behind = from + found.index
    return true
  }
}

/** Entries that end with a pattern. */
class EndCutter implements Cutter {
  start = 0
  end = 0
  behind = 0
  private readonly pattern: RegExp
  private readonly omit: boolean
  private text = ''
  private from = 0
  private isEnd = false

  constructor(pattern: RegExp, omit: boolean) {
    this.pattern = pattern
    this.omit = omit
  }

  begin(b: Buffer, from: number, to: number, isEnd: boolean): void {
    this.text = b.toString('latin1', from, to)
    this.from = from
    this.isEnd = isEnd
  }

  next(pos: number): boolean {
    const { pattern, text, from } = this
    pattern.lastIndex = pos - from
    const found = pattern.exec(text)
    if (!found) return false
    const behind = found.index + found[0].length
    // What comes may belong to the match.
    if (behind === text.length && !this.isEnd) return false
    this.start = pos
    this.behind = from + behind
    this.end = this.omit ? from + found.index : this.behind
    return this.behind > pos
  }
}

const none = Buffer.alloc(0)
