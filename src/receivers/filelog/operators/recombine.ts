import type { Mark } from '../settlement.ts'
import type { Tail } from '../tail.ts'
import { type Entry, OperatorFault } from './entry.ts'
import { type EntryField, getField, setField } from './entry-field.ts'
import type { EntryCondition } from './expression.ts'
import type { Held, Holder, Place } from './operator.ts'

export interface RecombineOptions {
  /** Whether an entry begins one, or ends it. */
  readonly isFirst?: EntryCondition | undefined
  readonly isLast?: EntryCondition | undefined
  /** What is joined, and what stands between. */
  readonly field: EntryField
  readonly between: string
  /** Which entry the others are joined to. */
  readonly base: 'oldest' | 'newest'
  /** Entries of one source belong together. */
  readonly source: (entry: Entry, tail: Tail) => unknown
  /** Bounds of what is joined; 0: none but those of this file. */
  readonly maxEntries: number
  /** The same while neither a first nor a last entry was seen. */
  readonly maxUnmatched: number
  readonly maxBytes: number
  readonly maxSources: number
  readonly flushMs: number
  /** Monotonic. */
  readonly now: () => number
}

/** What is joined, and all that wait, go on once they take more than these. */
const mostBytes = 16 << 20
const mostWaiting = 64 << 20
/** What an entry takes beside its text. */
const entryBytes = 64

/** Entries of one source that wait to be one. */
interface Waiting {
  entry: Entry
  readonly texts: string[]
  /** Of the joined text. */
  bytes: number
  isMatched: boolean
  readonly since: number
  /** The file of its first line, and by file where its first line there begins. */
  readonly tail: Tail
  readonly marks: Map<Tail, Mark>
}

/** Joins entries that follow each other in a source. */
export class Recombiner implements Holder {
  bytes = 0
  private readonly options: RecombineOptions
  private readonly sources = new Map<unknown, Waiting>()

  constructor(options: RecombineOptions) {
    this.options = options
  }

  addTo(marks: Map<Tail, Mark>): void {
    for (const waiting of this.sources.values()) addEarlier(marks, waiting.marks)
  }

  take(entry: Entry, place: Place): readonly Held[] {
    const { isFirst, isLast, field, source, maxSources } = this.options
    const text = getField(entry, field)
    if (typeof text !== 'string') throw new OperatorFault(`the entry has no text in ${field.text} to join`)
    const matches = (isFirst ?? isLast)!(entry)
    const key = source(entry, place.tail)
    if (matches && isLast && !this.sources.has(key)) return [{ entry, place }]
    const done: Held[] = []
    if (matches && isFirst) done.push(...this.complete(key))
    let waiting = this.sources.get(key)
    if (!waiting) {
      if (this.sources.size >= maxSources) done.push(...this.release(true))
      waiting = this.begin(key, entry, place.tail)
    } else if (this.options.base === 'newest') waiting.entry = entry
    this.join(waiting, text)
    place.addTo(waiting.marks)
    waiting.isMatched ||= matches
    if ((matches && isLast) || this.isFull(waiting)) done.push(...this.complete(key))
    if (this.bytes > mostWaiting) done.push(...this.release(true))
    return done
  }

  release(all: boolean): readonly Held[] {
    const { flushMs, now } = this.options
    if (this.sources.size === 0) return []
    const before = all ? Number.POSITIVE_INFINITY : now() - flushMs
    const done: Held[] = []
    for (const [key, { since, marks }] of this.sources) {
      if (since <= before || isAnyOver(marks)) done.push(...this.complete(key))
    }
    return done
  }

  private begin(key: unknown, entry: Entry, tail: Tail): Waiting {
    const waiting: Waiting = {
      entry,
      texts: [],
      bytes: 0,
      isMatched: false,
      since: this.options.now(),
      tail,
      marks: new Map(),
    }
    this.sources.set(key, waiting)
    return waiting
  }

  private join(waiting: Waiting, text: string): void {
    const bytes = Buffer.byteLength(text) + (waiting.texts.length > 0 ? this.options.between.length : 0)
    waiting.texts.push(text)
    waiting.bytes += bytes
    this.bytes += bytes + entryBytes
  }

  private isFull(waiting: Waiting): boolean {
    const { bytes, texts, isMatched } = waiting
    const { maxBytes, maxEntries, maxUnmatched } = this.options
    const entries = texts.length
    return (
      (maxBytes > 0 && bytes > maxBytes) ||
      chargeOf(waiting) > mostBytes ||
      (maxEntries > 0 && entries >= maxEntries) ||
      (!isMatched && maxUnmatched > 0 && entries >= maxUnmatched)
    )
  }

  private complete(key: unknown): Held[] {
    const waiting = this.sources.get(key)
    if (!waiting) return []
    this.sources.delete(key)
    this.bytes -= chargeOf(waiting)
    const { field, between } = this.options
    const { entry, texts, tail, marks } = waiting
    setField(entry, field, texts.join(between))
    return [{ entry, place: { tail, addTo: (into) => addEarlier(into, marks) } }]
  }
}

const chargeOf = ({ bytes, texts }: Waiting): number => bytes + texts.length * entryBytes

function isAnyOver(marks: ReadonlyMap<Tail, Mark>): boolean {
  for (const { isOver } of marks.keys()) if (isOver) return true
  return false
}

function addEarlier(into: Map<Tail, Mark>, marks: ReadonlyMap<Tail, Mark>): void {
  for (const [tail, mark] of marks) {
    const known = into.get(tail)
    if (!known || mark.offset < known.offset) into.set(tail, mark)
  }
}
