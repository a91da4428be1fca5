import { AnyKind, AnyView, anyText } from '../../convert/any-value.ts'
import type { LogCells } from './cells.ts'

/** Lives for one call at a time. */
const any = new AnyView()

/** What a cell holds as text, whatever it is. */
export function textIn(b: Buffer, cells: LogCells, cell: number): string {
  const { kinds, starts, ends } = cells
  if (kinds[cell] === AnyKind.string) return b.toString('utf8', starts[cell], ends[cell])
  any.kind = kinds[cell]!
  any.start = starts[cell]!
  any.end = ends[cell]!
  if (any.kind >= AnyKind.bool && any.kind <= AnyKind.double) any.read(b, starts[cell]!, ends[cell]!)
  return anyText(b, any)
}

/** A whole number in a cell, or in its text; -1 when there is none. */
export function numberIn(b: Buffer, cells: LogCells, cell: number): number {
  if (cell < 0) return -1
  const { kinds, starts, ends } = cells
  const start = starts[cell]!
  if (kinds[cell] === AnyKind.int) {
    const small = b[start + 1]!
    // `18 n`
    if (ends[cell]! - start === 2 && small < 0x80) return small
    return any.read(b, start, ends[cell]!) && any.hi === 0 ? any.lo : -1
  }
  const text = textIn(b, cells, cell)
  return /^\d{1,9}$/.test(text) ? Number(text) : -1
}
