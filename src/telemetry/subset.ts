import { Edits, type Rebuilt } from './edits.ts'
import { Group, groupSize, noGroup, RecordIndex, Row, rowSize } from './record-index.ts'
import { claim } from './slab.ts'
import { copySpan } from './value.ts'

/** The frames of `rows` (at least one) side by side in new bytes, with their index. For formats without groups. */
export function packRows(source: Buffer, rows: Uint32Array, index: RecordIndex): Rebuilt & { index: RecordIndex } {
  const from = index.rows
  let size = 0
  for (const row of rows) size += from[index.base + row * rowSize + Row.end]! - from[index.base + row * rowSize]!
  const { buffer, start } = claim(size)
  const packed = new RecordIndex()
  let pos = start
  for (const row of rows) {
    const at = index.base + row * rowSize
    const by = pos - from[at]!
    const end = from[at + Row.end]!
    const { sourceStart, sourceEnd } = Row
    packed.add(
      pos,
      from[at + Row.start]! + by,
      end + by,
      from[at + Row.info]!,
      from[at + sourceStart]! + by,
      from[at + sourceEnd]! + by,
    )
    pos = copySpan(buffer, pos, source, from[at]!, end)
  }
  packed.close()
  return { buffer, start, end: pos, index: packed }
}
const nothing = new Uint8Array(0)

/** Edits that remove every record but `rows`, and the enclosing messages that would hold none afterwards. */
export function cutAllBut(rows: Uint32Array, index: RecordIndex): Edits {
  const { groups, groupCount } = index
  const alive = new Uint8Array(groupCount)
  const kept = new Uint8Array(index.count)
  for (const row of rows) {
    kept[row] = 1
    let group = groupCount > 0 ? index.rows[index.base + row * rowSize + Row.info]! : noGroup
    for (; group !== noGroup && !alive[group]; group = groups[group * groupSize + Group.parent]!) alive[group] = 1
  }
  const edits = new Edits()
  // Every living group may change, in document order: message numbers follow group numbers.
  const numbers = new Int32Array(groupCount).fill(-1)
  const cut = (frame: number, end: number, parent: number) =>
    edits.replace(frame, end, nothing, parent === noGroup ? -1 : numbers[parent]!)
  let group = 0
  const groupsUpTo = (position: number) => {
    for (; group < groupCount && groups[group * groupSize]! < position; group++) {
      const at = group * groupSize
      const parent = groups[at + Group.parent]!
      if (alive[group]) {
        const around = parent === noGroup ? -1 : numbers[parent]!
        numbers[group] = edits.within(groups[at + Group.start]!, groups[at + Group.end]!, around)
      } else if (parent === noGroup || alive[parent]) cut(groups[at]!, groups[at + Group.end]!, parent)
    }
  }
  for (let row = 0; row < index.count; row++) {
    const at = index.base + row * rowSize
    groupsUpTo(index.rows[at]!)
    const parent = groupCount > 0 ? index.rows[at + Row.info]! : noGroup
    if (!kept[row] && (parent === noGroup || alive[parent])) cut(index.rows[at]!, index.rows[at + Row.end]!, parent)
  }
  groupsUpTo(noGroup)
  return edits
}
