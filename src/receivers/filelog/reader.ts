import { isUtf8 as isAllUtf8 } from 'node:buffer'
import { read, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { Budget } from '../../delivery/budget.ts'
import { isUtf8, textOf } from '../../wire/utf8.ts'
import { type Cutter, newCutter } from './cutter.ts'
import type { Mark } from './settlement.ts'
import type { Sink } from './sink.ts'
import { type Head, mostLap, type Tail } from './tail.ts'

/** Bytes that one turn reads; an entry may be longer. */
export const blockBytes = 256 << 10

/** What came of reading: `more` is there, it ended (`idle`), or the file is not the one it was (`changed`). */
export type Outcome = 'more' | 'idle' | 'changed'

export interface ReaderOptions {
  /** First bytes that tell which file it is. */
  headSize: number
  encoding: string
  multiline?: Parameters<typeof newCutter>[0]['multiline']
  maxEntry: number
  truncates: boolean
  keepsLeading: boolean
  keepsTrailing: boolean
}

export interface ReaderCounts {
  entries: number
  bytes: number
  repaired: number
  /** Entries that were longer than allowed. */
  cut: number
}

/** Reads files a block at a time into a sink. */
export class Reader {
  readonly counts: ReaderCounts = { entries: 0, bytes: 0, repaired: 0, cut: 0 }
  /** The first bytes of the file, if the last block began with them. */
  head: Head | undefined
  private readonly options: ReaderOptions
  private readonly cutter: Cutter
  private readonly isWide: boolean
  private readonly isPlain: boolean
  private readonly budget: Budget
  /** Lap, block, and one byte for the cutter. */
  private window: Buffer = none
  private soundEnd = 0
  /** Where in the window the entry begins that is read. */
  private entryAt = 0

  /** Its window is charged to `budget`. */
  constructor(options: ReaderOptions, budget: Budget = new Budget('reader')) {
    this.options = options
    this.budget = budget
    this.cutter = newCutter(options)
    this.isWide = options.encoding.startsWith('utf-16')
    this.isPlain = options.encoding === 'nop'
  }

  /** Reads one block of an open file, or as much as one entry needs. Rejects with what the system says. */
  async read(tail: Tail, sink: Sink): Promise<Outcome> {
    let want = blockBytes
    for (;;) {
      const from = tail.offset - tail.lapSize
      const got = await this.fill(tail, from, want + tail.lapSize)
      if (got < tail.lapSize || crc32(this.window.subarray(0, tail.lapSize)) !== tail.lapSum) return 'changed'
      tail.size = Math.max(tail.size, from + got)
      const isEnd = got < want + tail.lapSize
      const before = tail.offset
      this.cut(tail, sink, got, isEnd)
      this.counts.bytes += tail.offset - before
      if (isEnd) return 'idle'
      if (tail.offset > before) return 'more'
      // One entry is longer than the block.
      want = Math.min(want * 4, this.options.maxEntry + 4)
    }
  }

  /** Where the entry begins that goes into the sink: to be asked while it does. */
  placeOfEntry(tail: Tail): Mark {
    const { entryAt, window } = this
    const lapSize = Math.min(mostLap, entryAt)
    const lapSum = crc32(window.subarray(entryAt - lapSize, entryAt))
    return { offset: tail.offset + entryAt - tail.lapSize, lapSize, lapSum, skips: false }
  }

  /** Reads nothing more. */
  close(): void {
    this.take(none)
  }

  private take(window: Buffer): void {
    this.budget.give(this.window.length)
    this.budget.take(window.length)
    this.window = window
  }

  /**
   * Measured: read at once 120 to 130 µs CPU per MB whatever the block; through the thread pool 194 at 256 KiB, 359 at
   * 64 KiB, 795 at 16 KiB. So the end of a file, which was written just now and is in memory, is read at once; what may
   * have to come from a disk goes through the pool, in large blocks, and stops nobody.
   */
  private fill(tail: Tail, from: number, want: number): number | Promise<number> {
    if (this.window.length <= want) this.take(Buffer.allocUnsafeSlow(Math.max(want, mostLap + blockBytes) + 1))
    const { window } = this
    if (tail.size - tail.offset < blockBytes) return readSync(tail.fd, window, 0, want, from)
    return new Promise((resolve, reject) =>
      read(tail.fd, window, 0, want, from, (error, got) => (error ? reject(error) : resolve(got))),
    )
  }

  /** Cuts `window[lap, got)` and moves the tail behind what was cut. */
  private cut(tail: Tail, sink: Sink, got: number, isEnd: boolean): void {
    const { cutter, window } = this
    const { maxEntry, truncates } = this.options
    const start = tail.lapSize
    let pos = start
    // Read with the text itself: a moment later it may be another.
    const headSize = Math.min(this.options.headSize, got)
    this.head = tail.offset === 0 ? { size: headSize, sum: crc32(this.window.subarray(0, headSize)) } : undefined
    if (tail.offset === 0) pos += this.markSize(got)
    sink.expect(got - pos)
    cutter.begin(window, pos, got, isEnd)
    this.soundEnd = this.soundUpTo(pos, got)
    for (;;) {
      this.entryAt = pos
      if (cutter.next(pos)) {
        if (tail.skips) tail.skips = false
        else if (cutter.end - cutter.start <= maxEntry) this.entry(tail, sink, cutter.start, cutter.end)
        else this.longEntry(tail, sink, cutter.start, cutter.end)
        pos = cutter.behind
        continue
      }
      if (isEnd && tail.flushes && pos < got) {
        if (tail.skips) tail.skips = false
        else this.longEntry(tail, sink, pos, got)
        pos = got
      } else if (tail.skips) pos = this.isWide ? got - ((got - pos) & 1) : got
      else if (got - pos >= maxEntry) {
        const stop = this.boundary(pos, pos + maxEntry)
        this.counts.cut++
        this.entry(tail, sink, pos, stop)
        tail.skips = truncates
        pos = stop
        continue
      }
      break
    }
    this.advance(tail, start, pos)
  }

  /** Size of a byte order mark at the beginning of a file. */
  private markSize(got: number): number {
    const { window, isWide } = this
    if (isWide)
      return got >= 2 && ((window[0] === 0xff && window[1] === 0xfe) || (window[0] === 0xfe && window[1] === 0xff))
        ? 2
        : 0
    return !this.isPlain && got >= 3 && window[0] === 0xef && window[1] === 0xbb && window[2] === 0xbf ? 3 : 0
  }

  /** Up to where text is known to be UTF-8: one check of all whole lines is cheaper than one of each. */
  private soundUpTo(start: number, got: number): number {
    if (this.isPlain) return got
    if (this.options.encoding !== 'utf-8' || got === 0) return 0
    const end = this.window.lastIndexOf(0x0a, got - 1) + 1
    return end > start && isAllUtf8(this.window.subarray(start, end)) ? end : 0
  }

  /** An entry that may be longer than allowed. */
  private longEntry(tail: Tail, sink: Sink, start: number, end: number) {
    const { maxEntry, truncates } = this.options
    let pos = start
    for (; end - pos > maxEntry; ) {
      const stop = this.boundary(pos, pos + maxEntry)
      this.counts.cut++
      this.entry(tail, sink, pos, stop)
      this.entryAt = pos = stop
      if (truncates) return
    }
    this.entry(tail, sink, pos, end)
  }

  /** Not within a character. */
  private boundary(start: number, end: number): number {
    if (this.isWide) return end - ((end - start) & 1)
    if (this.isPlain) return end
    const { window } = this
    let lead = end - 1
    while (lead > end - 4 && lead > start && (window[lead]! & 0xc0) === 0x80) lead--
    const first = window[lead]!
    const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
    return lead > start && lead + size > end ? lead : end
  }

  private entry(tail: Tail, sink: Sink, from: number, to: number) {
    if (this.isWide) return this.wideEntry(tail, sink, from, to)
    const { window } = this
    let start = from
    let end = to
    if (!this.options.keepsTrailing) while (end > start && isSpace(window[end - 1]!)) end--
    else if (end > start && window[end - 1] === CR) end--
    if (!this.options.keepsLeading) while (start < end && isSpace(window[start]!)) start++
    if (start === end) return
    this.counts.entries++
    if (to <= this.soundEnd) return sink.add(window, start, end, tail.extra)
    if (this.options.encoding === 'ascii') return this.asciiEntry(tail, sink, start, end)
    if (isUtf8(window, start, end)) return sink.add(window, start, end, tail.extra)
    this.counts.repaired++
    const mended = Buffer.from(textOf(window, start, end))
    sink.add(mended, 0, mended.length, tail.extra)
  }

  private asciiEntry(tail: Tail, sink: Sink, start: number, end: number) {
    const { window } = this
    let bits = 0
    for (let i = start; i < end; i++) bits |= window[i]!
    if (bits < 0x80) return sink.add(window, start, end, tail.extra)
    this.counts.repaired++
    const mended = Buffer.from(window.toString('latin1', start, end).replace(/[\x80-\xff]/g, '\ufffd'))
    sink.add(mended, 0, mended.length, tail.extra)
  }

  private wideEntry(tail: Tail, sink: Sink, start: number, end: number) {
    const bytes = Buffer.from(this.window.subarray(start, end - ((end - start) & 1)))
    if (this.options.encoding === 'utf-16be') bytes.swap16()
    let text = bytes.toString('utf16le')
    text = this.options.keepsTrailing ? text.replace(/\r$/, '') : text.replace(/[ \t\r\n]+$/, '')
    if (!this.options.keepsLeading) text = text.replace(/^[ \t\r\n]+/, '')
    if (text === '') return
    this.counts.entries++
    if (!text.isWellFormed()) this.counts.repaired++
    const encoded = Buffer.from(text)
    sink.add(encoded, 0, encoded.length, tail.extra)
  }

  /** `window[start, pos)` was cut. */
  private advance(tail: Tail, start: number, pos: number): void {
    if (pos === start) return
    tail.offset += pos - start
    tail.lapSize = Math.min(mostLap, pos)
    tail.lapSum = crc32(this.window.subarray(pos - tail.lapSize, pos))
  }
}

const none = Buffer.alloc(0)
const CR = 0x0d
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === CR || byte === 0x09
