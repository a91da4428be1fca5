import { type Batch, Cursor } from '../../plugin.ts'
import { Level } from '../../telemetry/level.ts'

/** The spans of one trace that came so far. */
export interface Trace {
  /** The sixteen bytes of its id, one character each. */
  readonly id: string
  readonly parts: Batch[]
  spans: number
  /** Bytes of the parts. */
  bytes: number
  /** What it costs to hold. */
  cost: number
  /** When it is decided, on the monotonic clock. */
  readonly dueMs: number
}

const cursor = new Cursor()

/** Whether any of its spans passes the test, which must not look at other traces meanwhile. */
export function someSpan({ parts }: Trace, test: (cursor: Cursor) => boolean): boolean {
  for (const part of parts) {
    cursor.over(part)
    for (let i = 0; i < part.count; i++) if (test(cursor.at(part.rowAt(i)))) return true
  }
  return false
}

/** Whether any of the resources that its spans came from passes the test. */
export function someResource({ parts }: Trace, test: (cursor: Cursor) => boolean): boolean {
  for (const part of parts) {
    cursor.over(part)
    let last = -1
    for (let i = 0; i < part.count; i++) {
      const group = cursor.at(part.rowAt(i)).around(Level.resource)
      if (group === last) continue
      last = group
      if (test(cursor)) return true
    }
  }
  return false
}
