import type { Batch } from '../../plugin.ts'
import { Cursor } from '../../telemetry/cursor.ts'
import { findNumber, found } from '../../telemetry/find-field.ts'
import { Group, groupSize, Row } from '../../telemetry/record-index.ts'
import { Data, Temporality } from '../../wire/prometheus/point-view.ts'

const cursor = new Cursor()

/** The points that are no deltas: Prometheus knows totals alone. */
export function withoutDeltas(batch: Batch): Batch {
  cursor.over(batch)
  const { rows, groups, buf } = cursor
  let last = -1
  let isKept = true
  return batch.where((row) => {
    const group = rows[row + Row.info]!
    if (group === last) return isKept
    last = group
    const at = group * groupSize
    const data = buf[groups[at + Group.frame]!]! >>> 3
    const hasTemporality = data === Data.sum || data === Data.histogram || data === Data.exponential
    isKept =
      !hasTemporality ||
      !findNumber(buf, groups[at + Group.start]!, groups[at + Group.end]!, 2) ||
      found.lo !== Temporality.delta
    return isKept
  })
}
