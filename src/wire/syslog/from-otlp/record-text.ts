import { AnyKind, AnyView, anyText } from '../../convert/any-value.ts'
import { readPriority, SyslogMessage } from '../parse/message.ts'
import { parseLoose } from '../parse/parse-loose.ts'
import { newZone } from '../parse/time-zone.ts'
import { textIn } from './cell-values.ts'
import { type LogCells, slot } from './cells.ts'
import type { HeadMemo } from './heads.ts'

/** The body of a record: extent of its text, or of its AnyValue where it is none. */
export interface Body {
  /** `AnyKind`; none: there is no body. */
  kind: number
  start: number
  end: number
}

/** Text of a record's message: the attribute for it, else the body. */
export class RecordText {
  source: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  /** There is no text, but the blank in front of it. */
  endsInBlank = false
  private readonly cells: LogCells
  private readonly heads: HeadMemo
  private readonly any = new AnyView()
  private readonly parsed = new SyslogMessage()

  constructor(cells: LogCells, heads: HeadMemo) {
    this.cells = cells
    this.heads = heads
  }

  /** Finds it. `isOriginal`: the body is a message as it came; `hasHead`: attributes were not read, their message is known. */
  find(b: Buffer, body: Body, isOriginal: boolean, hasHead: boolean): void {
    const { cells, heads, any } = this
    const cell = hasHead ? -1 : cells.find(slot.message)
    this.source = b
    this.endsInBlank = false
    if (hasHead && heads.textEnd >= 0) {
      this.start = heads.textStart
      this.end = heads.textEnd
    } else if (cell >= 0 && cells.kinds[cell] === AnyKind.string) {
      this.start = cells.starts[cell]!
      this.end = cells.ends[cell]!
    } else if (cell >= 0) this.takeText(textIn(b, cells, cell))
    else if (body.kind === AnyKind.string) {
      this.start = body.start
      this.end = body.end
      // A message without text has no attribute for it, and its body is all of it: its last blank stays.
      if ((hasHead || cells.find(slot.priority) >= 0) && this.isWithoutText(b, body)) {
        this.start = body.end
        this.endsInBlank = isOriginal && b[body.end - 1] === 0x20
      }
    } else {
      any.kind = AnyKind.none
      if (body.kind !== AnyKind.none) any.read(b, body.start, body.end)
      this.takeText(anyText(b, any))
    }
  }

  private takeText(text: string): void {
    this.source = Buffer.from(text)
    this.start = 0
    this.end = this.source.length
  }

  /** Whether the body is a message as it came, and has none. */
  private isWithoutText(b: Buffer, { start, end }: Body): boolean {
    const { parsed } = this
    parsed.reset(start, end)
    if (readPriority(b, start, end, parsed) < 0) return false
    parseLoose(b, start, end, parsed, 'auto', unused)
    parsed.shrink()
    return parsed.textStart === parsed.textEnd
  }
}

const unused = { zone: newZone('UTC'), nowSeconds: 0, noHost: false }
