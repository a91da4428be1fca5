import { readEntry, entry as textEntry } from '../wire/convert/map-entry.ts'
import { Reader } from '../wire/protobuf.ts'
import type { Edits } from './edits.ts'
import { sameBytes } from './value.ts'

/**
 * Numbers per field: its tag (0 when removed), frame in the source, key and value or body (numbers begin at `start`),
 * and of a key its size, first and last byte: most keys that are not the one differ in these.
 */
const Cell = { tag: 0, from: 1, to: 2, keyStart: 3, keyEnd: 4, start: 5, end: 6, key: 7 } as const
const cellSize = 8

const reader = new Reader()
const nothing = new Uint8Array(0)

/**
 * The fields of one message, as places in its bytes, with changes: what later statements read is what earlier ones
 * wrote. One draft serves message after message. Nothing is copied until `flush` or `bytes`.
 */
export class Draft {
  /** Fields, removed and added ones included: ask `tagOf` for 0. */
  count = 0
  changed = false
  private source: Uint8Array = nothing
  private cells: Int32Array = new Int32Array(32 * cellSize)
  /** Per field: its frame, when it is not the source's. */
  private readonly texts: (Uint8Array | undefined)[] = []
  private hasTexts = false
  /** How many of the fields are the source's, and whether any of them changed. */
  private original = 0
  private touched = false
  private end = 0
  /** Where reading stopped: the end, unless the message is broken. */
  private readTo = 0
  private entries = 0
  /** A bit for each key there is or was, several keys sharing one: most keys that are looked for are not there. */
  private keys = 0
  /** The frames that were added last, how many of them `joined` is, and `joined`. */
  private readonly run: Uint8Array[] = []
  private runParts = 0
  private joined: Uint8Array | undefined

  /** Reads the message `[start, end)`; bit n of `entries` says that field n has map entries `{1 key, 2 value}`. */
  load(source: Uint8Array, start: number, end: number, entries: number): void {
    this.source = source
    this.end = end
    this.entries = entries
    if (this.hasTexts) this.forgetTexts()
    this.changed = this.touched = false
    this.keys = 0
    let { cells } = this
    let at = 0
    let pos = start
    while (pos < end) {
      if (at + cellSize > cells.length) cells = this.widen()
      const tag = source[pos]!
      const body = pos + 2
      const size = body <= end ? source[pos + 1]! : 0x80
      const stop = body + size
      if (tag < 0x80 && (tag & 7) === 2 && size < 0x80 && stop <= end) {
        // Most fields are such: a tag and a length of one byte each.
        cells[at] = tag
        cells[at + 1] = pos
        cells[at + 2] = stop
        if ((entries >>> (tag >>> 3)) & 1) this.readEntry(at, source, body, stop)
        else {
          cells[at + 5] = body
          cells[at + 6] = stop
          cells[at + 7] = 0
        }
        pos = stop
      } else {
        const next = this.read(at / cellSize, source, pos, end)
        if (next < 0) break
        pos = next
      }
      at += cellSize
    }
    this.count = this.original = at / cellSize
    this.readTo = pos
    while (this.texts.length < this.count) this.texts.push(undefined)
  }

  tagOf(i: number): number {
    return this.cells[i * cellSize]!
  }

  fieldOf(i: number): number {
    return this.cells[i * cellSize]! >>> 3
  }

  /** The bytes that the places of field `i` are in. */
  bufOf(i: number): Uint8Array {
    return this.texts[i] ?? this.source
  }

  keyStart(i: number): number {
    return this.cells[i * cellSize + Cell.keyStart]!
  }

  keyEnd(i: number): number {
    return this.cells[i * cellSize + Cell.keyEnd]!
  }

  /** Where the value of an entry, the body of another length-delimited field, or a number begins. */
  startOf(i: number): number {
    return this.cells[i * cellSize + Cell.start]!
  }

  endOf(i: number): number {
    return this.cells[i * cellSize + Cell.end]!
  }

  /** The last field `field`, or -1. */
  find(field: number): number {
    const { cells } = this
    for (let i = this.count - 1; i >= 0; i--) if (cells[i * cellSize]! >>> 3 === field) return i
    return -1
  }

  /** The last entry of `field` with `key`, before entry `before`; or -1. */
  findKey(field: number, key: Uint8Array, before = this.count): number {
    const { cells } = this
    const tag = (field << 3) | 2
    const size = key.length
    const mark = markOf(key, 0, size)
    if ((this.keys & bitOf(mark)) === 0) return -1
    for (let at = (before - 1) * cellSize; at >= 0; at -= cellSize) {
      if (cells[at + 7] !== mark || cells[at] !== tag) continue
      const start = cells[at + 3]!
      const i = at / cellSize
      const buf = this.hasTexts ? this.bufOf(i) : this.source
      if (cells[at + 4]! - start === size && sameBytes(buf, start, start + size, key, 0, size)) return i
    }
    return -1
  }

  remove(i: number): void {
    this.cells[i * cellSize] = 0
    this.changed = this.touched = true
  }

  /** Removes all fields `field`, or of them all entries with `key`. */
  removeAll(field: number, key?: Uint8Array): void {
    if (key) for (let i = this.findKey(field, key); i >= 0; i = this.findKey(field, key, i)) this.remove(i)
    else for (let i = 0; i < this.count; i++) if (this.fieldOf(i) === field) this.remove(i)
  }

  /** Puts another frame in the place of field `i`. It is not copied. */
  replace(i: number, frame: Uint8Array): void {
    this.read(i, frame, 0, frame.length, true)
    this.texts[i] = frame
    this.hasTexts = true
    this.changed = this.touched = true
  }

  /** Adds a frame behind all others. It is not copied. */
  append(frame: Uint8Array): void {
    const i = this.count
    if ((i + 1) * cellSize > this.cells.length) this.widen()
    const at = i * cellSize
    this.cells[at + Cell.from] = this.cells[at + Cell.to] = this.end
    if (this.read(i, frame, 0, frame.length, true) < 0) return
    this.texts[i] = frame
    this.hasTexts = true
    this.count++
    this.changed = true
  }

  /** Puts a frame in the place of the last field of its number, or adds it; more of the number are removed. */
  put(field: number, frame: Uint8Array): void {
    const at = this.find(field)
    if (at < 0) this.append(frame)
    else this.replace(at, frame)
    for (let i = 0; i < at; i++) if (this.fieldOf(i) === field) this.remove(i)
  }

  /** Records what changed. `message` is the number that the message has there. */
  flush(edits: Edits, message: number): void {
    if (!this.changed) return
    this.changed = false
    const { cells, texts, original } = this
    for (let i = 0; this.touched && i < original; i++) {
      const at = i * cellSize
      const text = texts[i]
      if (cells[at] === 0) edits.replace(cells[at + Cell.from]!, cells[at + Cell.to]!, nothing, message)
      else if (text) edits.replace(cells[at + Cell.from]!, cells[at + Cell.to]!, text, message)
    }
    const added = this.added()
    if (added) edits.replace(this.end, this.end, added, message)
  }

  /** The message with its changes. */
  bytes(): Buffer {
    const parts: Uint8Array[] = []
    for (let i = 0; i < this.count; i++) {
      if (i === this.original) parts.push(this.source.subarray(this.readTo, this.end))
      const at = i * cellSize
      if (this.cells[at] === 0) continue
      parts.push(this.texts[i] ?? this.source.subarray(this.cells[at + Cell.from]!, this.cells[at + Cell.to]!))
    }
    return Buffer.concat(parts)
  }

  /** What was added, as one run: mostly the same constants for record after record, joined once. */
  private added(): Uint8Array | undefined {
    const { cells, texts, original, count, run } = this
    let parts = 0
    let same = true
    for (let i = original; i < count; i++) {
      if (cells[i * cellSize] === 0) continue
      const text = texts[i]!
      if (run[parts] !== text) same = false
      run[parts++] = text
    }
    if (parts < 2) return parts === 1 ? run[0] : undefined
    if (!same || run.length !== parts || this.runParts !== parts) {
      run.length = parts
      this.runParts = parts
      this.joined = Buffer.concat(run)
    }
    return this.joined
  }

  /** Notes the field at `pos` as field `i`; answers the position behind it, or -1. */
  private read(i: number, buf: Uint8Array, pos: number, end: number, keepsPlace = false): number {
    if (keepsPlace && this.readShort(i, buf)) return end
    reader.reset(buf, pos, end)
    if (!reader.next()) return -1
    const { field, wire } = reader
    let start = reader.pos
    if (!reader.skip()) return -1
    const stop = reader.pos
    if (wire === 2) start = reader.start
    const { cells } = this
    const at = i * cellSize
    cells[at] = (field << 3) | wire
    if (!keepsPlace) {
      cells[at + Cell.from] = pos
      cells[at + Cell.to] = stop
    }
    if (wire === 2 && field < 32 && (this.entries >>> field) & 1) this.readEntry(at, buf, start, stop)
    else {
      cells[at + Cell.start] = start
      cells[at + Cell.end] = stop
      cells[at + Cell.key] = 0
    }
    return stop
  }

  /** The same for a frame whose tag and length have one byte each, as most have: false for others. */
  private readShort(i: number, frame: Uint8Array): boolean {
    const tag = frame[0]!
    if (tag >= 0x80 || (tag & 7) !== 2 || frame[1]! !== frame.length - 2 || frame.length >= 0x82) return false
    const { cells } = this
    const at = i * cellSize
    cells[at] = tag
    if ((this.entries >>> (tag >>> 3)) & 1) this.readEntry(at, frame, 2, frame.length)
    else {
      cells[at + 5] = 2
      cells[at + 6] = frame.length
      cells[at + 7] = 0
    }
    return true
  }

  /** Notes key and value of the entry `[start, stop)`. */
  private readEntry(at: number, buf: Uint8Array, start: number, stop: number): void {
    const { cells } = this
    const keyStart = start + 2
    // {0a len key 12 len value}, and nothing behind it: the shape that encoders write.
    if (stop - start >= 4 && buf[start] === 0x0a) {
      const keySize = buf[start + 1]!
      const mid = keyStart + keySize
      if (keySize < 0x80 && mid + 2 <= stop && buf[mid] === 0x12) {
        const valueSize = buf[mid + 1]!
        if (valueSize < 0x80 && mid + 2 + valueSize === stop) {
          cells[at + 3] = keyStart
          cells[at + 4] = mid
          cells[at + 5] = mid + 2
          cells[at + 6] = stop
          const mark = keySize === 0 ? 0 : (keySize << 16) | (buf[keyStart]! << 8) | buf[mid - 1]!
          cells[at + 7] = mark
          this.keys |= bitOf(mark)
          return
        }
      }
    }
    // An entry that does not parse has a key no one asks for.
    const parses = readEntry(buf, start, stop)
    const { keyEnd, valueStart, valueEnd } = textEntry
    cells[at + Cell.keyStart] = parses ? textEntry.keyStart : 0
    cells[at + Cell.keyEnd] = parses ? keyEnd : -1
    cells[at + Cell.start] = parses ? valueStart : start
    cells[at + Cell.end] = parses ? valueEnd : start
    const mark = parses ? markOf(buf, textEntry.keyStart, keyEnd) : -1
    cells[at + Cell.key] = mark
    this.keys |= bitOf(mark)
  }

  private forgetTexts(): void {
    this.hasTexts = false
    const { texts, count } = this
    for (let i = 0; i < count; i++) texts[i] = undefined
  }

  private widen(): Int32Array {
    const wider = new Int32Array(this.cells.length * 2)
    wider.set(this.cells)
    this.cells = wider
    return wider
  }
}

/** Size, first and last byte of a key; 0 for the empty one. */
const markOf = (buf: Uint8Array, start: number, end: number): number =>
  end === start ? 0 : ((end - start) << 16) | (buf[start]! << 8) | buf[end - 1]!

const bitOf = (mark: number): number => 1 << (mark ^ (mark >> 5) ^ (mark >> 12) ^ (mark >> 16))
