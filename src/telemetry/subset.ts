import { container, Edits, type Rebuilt } from './edits.ts'
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

/**
 * Cuts out of the container `[from, to)` every record but `rows` (at least one), and the enclosing messages that would
 * hold none afterwards; without groups whatever is not one of these records.
 */
export function cutAllBut(rows: Uint32Array, index: RecordIndex, from: number, to: number, edits = new Edits()): Edits {
  if (index.groupCount > 0) cutGrouped(rows, index, edits)
  else {
    let end = from
    for (const row of rows) {
      const at = index.base + row * rowSize
      if (index.rows[at]! > end) edits.cut(end, index.rows[at]!, container)
      end = index.rows[at + Row.end]!
    }
    if (end < to) edits.cut(end, to, container)
  }
  return edits
}

function cutGrouped(kept: Uint32Array, index: RecordIndex, edits: Edits): void {
  const { groups, groupCount, rows, base } = index
  const alive = new Uint8Array(groupCount)
  for (const row of kept) {
    let group = rows[base + row * rowSize + Row.info]!
    for (; group !== noGroup && !alive[group]; group = groups[group * groupSize + Group.parent]!) alive[group] = 1
  }
  let group = 0
  const groupsUpTo = (position: number) => {
    for (; group < groupCount && groups[group * groupSize]! < position; group++) {
      const at = group * groupSize
      const parent = groups[at + Group.parent]!
      if (alive[group] || (parent !== noGroup && !alive[parent])) continue
      edits.cut(groups[at]!, groups[at + Group.end]!, edits.ofGroup(groups, parent))
    }
  }
  let next = 0
  for (let row = 0; row < index.count; row++) {
    if (next < kept.length && kept[next] === row) {
      next++
      continue
    }
    const at = base + row * rowSize
    const parent = rows[at + Row.info]!
    if (!alive[parent]) continue
    groupsUpTo(rows[at]!)
    edits.cut(rows[at]!, rows[at + Row.end]!, edits.ofGroup(groups, parent))
  }
  groupsUpTo(noGroup)
}
