import { readEntry, entry as textEntry } from '../wire/convert/map-entry.ts'
import { BackwardWriter, Reader } from '../wire/protobuf.ts'
import type { Batch } from './batch.ts'
import { Cursor } from './cursor.ts'
import { container, type Edits } from './edits.ts'
import type { Format } from './format.ts'
import { Group, groupSize } from './record-index.ts'
import { sameBytes } from './value.ts'

/** The text to set on the record under the cursor; undefined leaves the record as it is. */
export type TextOf = (cursor: Cursor) => string | undefined

/**
 * Sets the attribute `key` (the tag, of envelopes) on records of one format; one that is there is replaced. Answers the
 * batch itself when nothing was set. For texts that are made per record; fixed ones for all are cheaper by
 * `envelope_tags`.
 */
export function attributeSetter(format: Format, key: string): (batch: Batch, textOf: TextOf) => Batch {
  const cursor = new Cursor()
  const keyBytes = Buffer.from(key)
  return (batch, textOf) => {
    const edits = batch.edit()
    const enclosing = newEnclosing(cursor, edits)
    cursor.over(batch)
    for (let i = 0; i < batch.count; i++) {
      const text = textOf(cursor.at(batch.rowAt(i)))
      if (text === undefined) continue
      const field = attributesField(cursor, format)
      const record = edits.within(cursor.start, cursor.end, enclosing(format))
      removeEntries(cursor, field, keyBytes, edits, record)
      if (format === 'envelopes') removeEntries(cursor, deprecatedTags, keyBytes, edits, record)
      edits.replace(cursor.end, cursor.end, newEntry(field, key, text, format), record)
    }
    return batch.with(edits)
  }
}

const deprecatedTags = 3
const fieldOf = { envelopes: 9, dropsonde: 17, logs: 6, traces: 9 } as const
/** Attributes of a data point, by the field of the metric's data it stands in: gauge, sum, histograms, summary. */
const fieldOfPoint: Readonly<Record<number, number>> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 }

function attributesField(cursor: Cursor, format: Format): number {
  if (format !== 'metrics') return fieldOf[format]
  return fieldOfPoint[cursor.buf[cursor.groups[cursor.parent(0) + Group.frame]!]! >>> 3] ?? 7
}

/** Declares the messages around a record to the edits, each once; answers the number of the innermost. */
function newEnclosing(cursor: Cursor, edits: Edits): (format: Format) => number {
  const numbers = new Map<number, number>()
  const declare = (at: number, levels: number): number => {
    const known = numbers.get(at)
    if (known !== undefined) return known
    const { groups } = cursor
    const around = levels > 0 ? declare(groups[at + Group.parent]! * groupSize, levels - 1) : container
    const number = edits.within(groups[at + Group.start]!, groups[at + Group.end]!, around)
    numbers.set(at, number)
    return number
  }
  return (format) => {
    if (format === 'envelopes' || format === 'dropsonde') return container
    return declare(cursor.parent(0), format === 'metrics' ? 3 : 1)
  }
}

const reader = new Reader()

function removeEntries(cursor: Cursor, field: number, key: Uint8Array, edits: Edits, record: number): void {
  const { buf, start, end } = cursor
  reader.reset(buf, start, end)
  for (let frame = start; reader.next() && reader.skip(); frame = reader.pos) {
    if (reader.field !== field || reader.wire !== 2 || !readEntry(buf, reader.start, reader.stop)) continue
    if (sameBytes(buf, textEntry.keyStart, textEntry.keyEnd, key, 0, key.length))
      edits.replace(frame, reader.pos, nothing, record)
  }
}

const nothing = new Uint8Array(0)

/** `{1 key, 2 text}`, or of OTLP `{1 key, 2 {1 text}}`. */
function newEntry(field: number, key: string, text: string, format: Format): Buffer {
  const out = new BackwardWriter(key.length + text.length + 16)
  if (format === 'envelopes' || format === 'dropsonde') out.textField(2, text)
  else {
    out.textField(1, text)
    out.message(2, 0)
  }
  out.textField(1, key)
  out.message(field, 0)
  return out.finish()
}
