import { AnyKind } from '../../convert/any-value.ts'
import { ForwardWriter } from '../../forward-writer.ts'
import { SeenData } from '../seen-data.ts'
import { textIn } from './cell-values.ts'
import { type LogCells, restSize, slot } from './cells.ts'
import { writeParameter, writeStructuredData, writeText } from './structured-data.ts'

/** One huge record must not leave huge buffers behind. */
const maxScratchBytes = 1 << 20
const none = Buffer.alloc(0)

/** Structured data of a record: what was received with it, and an element of further attributes. */
export class RecordData {
  /** Where it stands, without the dash for none: `bytes[0, end)`. */
  bytes: Buffer = none
  end = 0
  private readonly cells: LogCells
  private readonly elementId: Buffer
  private readonly seen = new SeenData()
  private readonly scratch = new ForwardWriter(1024)

  /** `elementId`: SD-ID of the element of further attributes; empty: there is none. */
  constructor(cells: LogCells, elementId: Buffer) {
    this.cells = cells
    this.elementId = elementId
  }

  /** Finds that of the record whose attributes are in the cells. */
  find(b: Buffer): void {
    const { cells, seen, scratch } = this
    this.end = 0
    const cell = cells.find(slot.structuredData)
    if (cell >= 0 && cells.kinds[cell] === AnyKind.kvlist) {
      const start = cells.starts[cell]!
      const end = cells.ends[cell]!
      const app = cells.find(slot.appName)
      const isNamed = app >= 0 && cells.kinds[app] === AnyKind.string
      const found = seen.find(b, start, end, isNamed ? cells.starts[app]! : start, isNamed ? cells.ends[app]! : start)
      if (found) {
        this.bytes = found
        this.end = found.length
      } else {
        this.clearScratch()
        writeStructuredData(b, start, end, scratch)
        seen.put(b, start, end, scratch.buf, 0, scratch.pos)
        this.bytes = scratch.buf
        this.end = scratch.pos
      }
    }
    if (this.elementId.length > 0) this.addElement(b)
  }

  /** Adds the element of further attributes. */
  private addElement(b: Buffer): void {
    const { cells, scratch } = this
    if (this.bytes !== scratch.buf || this.end === 0) {
      this.clearScratch()
      scratch.raw(this.bytes, 0, this.end)
    }
    const before = scratch.pos
    scratch.byte(0x5b)
    scratch.raw(this.elementId)
    const empty = scratch.pos
    const { count, kinds, keys, starts, ends, rest, restCount } = cells
    for (let cell = cells.firstOf(slot.element); cell < cells.firstOf(slot.element + 1); cell++) {
      const from = kinds[cell] !== 0 ? cell : cell + count
      const key = keys[cell]!
      if (kinds[from] === AnyKind.string) {
        if (ends[from]! > starts[from]!) writeText(key, 0, key.length, b, starts[from]!, ends[from]!, scratch)
      } else if (kinds[from] !== 0) {
        const text = Buffer.from(textIn(b, cells, from))
        writeText(key, 0, key.length, text, 0, text.length, scratch)
      }
    }
    for (let i = 0; i < restCount * restSize; i += restSize)
      writeParameter(b, rest[i]!, rest[i + 1]!, rest[i + 2]!, rest[i + 3]!, scratch)
    if (scratch.pos === empty) scratch.pos = before
    else scratch.byte(0x5d)
    this.bytes = scratch.buf
    this.end = scratch.pos
  }

  private clearScratch(): void {
    this.scratch.reset()
    if (this.scratch.buf.length > maxScratchBytes) this.scratch.buf = Buffer.allocUnsafeSlow(1024)
  }
}
