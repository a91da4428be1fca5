import { OwnMemory } from '../../delivery/own-memory.ts'
import { Batch, Cursor } from '../../plugin.ts'
import { found } from '../../telemetry/find-field.ts'
import { Level } from '../../telemetry/level.ts'
import { Group, groupSize, noGroup, Row } from '../../telemetry/record-index.ts'
import { sameBytes } from '../../telemetry/value.ts'
import { BackwardWriter, Reader } from '../../wire/protobuf.ts'

const traceIdField = 1
/** The field of resources and scopes that holds what is in them: scopes, spans. */
const children = 2

/** Told of the spans of a batch that belong to one trace: a copy in memory that nothing else is in. */
export type OnPart = (id: string, part: Batch) => void

/** Cuts batches into one part for each trace; resources and scopes are repeated in each. */
export class Splitter {
  private readonly cursor = new Cursor()
  private readonly reader = new Reader()
  private readonly out = new BackwardWriter(1 << 14)
  private readonly memory = new OwnMemory()
  private readonly numbers = new Map<string, number>()
  private readonly ids: string[] = []
  /** Per span: the number of its trace. Then per trace: where its spans begin in `order`. */
  private traceOf = new Uint32Array(256)
  private starts = new Uint32Array(256)
  private order = new Uint32Array(256)
  /** Per group: its fields but for what is in it. */
  private readonly heads: (Buffer | undefined)[] = []

  split(batch: Batch, onPart: OnPart): void {
    const { count, receipts, origin } = batch
    this.number(batch)
    const { ids, starts } = this
    for (const receipt of receipts) receipt.fork(ids.length)
    if (ids.length === 1) {
      onPart(ids[0]!, this.memory.copy(batch, 0, count))
      return
    }
    this.sort(count)
    this.heads.length = 0
    for (let trace = 0; trace < ids.length; trace++) {
      const bytes = this.write(batch, starts[trace]!, starts[trace + 1]!)
      const spans = starts[trace + 1]! - starts[trace]!
      const part = Batch.of('traces', bytes, { count: spans, origin, receipts })
      onPart(ids[trace]!, this.memory.copy(part, 0, spans))
    }
  }

  /** Notes for every span which trace it belongs to, numbered in the order in which they come. */
  private number(batch: Batch): void {
    const { cursor, numbers, ids } = this
    const { count } = batch
    if (count > this.traceOf.length) {
      this.traceOf = new Uint32Array(count * 2)
      this.order = new Uint32Array(count * 2)
      this.starts = new Uint32Array(count * 2)
    }
    numbers.clear()
    ids.length = 0
    cursor.over(batch)
    const { buf } = cursor
    let [lastStart, lastEnd, last] = [0, -1, 0]
    for (let i = 0; i < count; i++) {
      const has = cursor.at(batch.rowAt(i)).findSpan(Level.record, traceIdField)
      const start = has ? found.start : 0
      const end = has ? found.end : 0
      // Spans of one trace mostly stand next to each other.
      if (lastEnd < 0 || !sameBytes(buf, start, end, buf, lastStart, lastEnd)) {
        const id = buf.toString('latin1', start, end)
        let number = numbers.get(id)
        if (number === undefined) {
          number = ids.length
          numbers.set(id, number)
          ids.push(id)
        }
        last = number
        lastStart = start
        lastEnd = end
      }
      this.traceOf[i] = last
    }
  }

  /** Brings the spans into the order of their traces; those of one stay as they came. */
  private sort(count: number): void {
    const { traceOf, order, ids } = this
    if (ids.length + 1 > this.starts.length) this.starts = new Uint32Array(ids.length * 2)
    const { starts } = this
    starts.fill(0, 0, ids.length + 1)
    for (let i = 0; i < count; i++) starts[traceOf[i]! + 1]!++
    for (let trace = 0; trace < ids.length; trace++) starts[trace + 1]! += starts[trace]!
    for (let i = count - 1; i >= 0; i--) {
      const trace = traceOf[i]!
      // Filled from its end: what is taken away here is given back below.
      order[--starts[trace + 1]!] = i
    }
    // Every start but the first was moved down to where its own trace begins: put them in their places again.
    for (let trace = 0; trace < ids.length; trace++) starts[trace] = starts[trace + 1]!
    starts[ids.length] = count
  }

  /** An export request with the spans `order[from, to)`, in the bytes of the writer. */
  private write(batch: Batch, from: number, to: number): Buffer {
    const { out, order } = this
    const { rows, groups } = batch.index()
    const { buffer } = batch
    out.reset()
    let [scope, resource, scopeMark, resourceMark] = [-1, -1, 0, 0]
    const close = (nextScope: number, nextResource: number) => {
      if (scope >= 0) {
        out.raw(this.head(batch, scope))
        out.message(children, scopeMark)
      }
      if (resource >= 0 && resource !== nextResource) {
        out.raw(this.head(batch, resource))
        out.message(1, resourceMark)
      }
      scopeMark = out.length
      if (resource !== nextResource) resourceMark = out.length
      scope = nextScope
      resource = nextResource
    }
    for (let i = to - 1; i >= from; i--) {
      const row = batch.rowAt(order[i]!)
      const group = rows[row + Row.info]!
      if (group !== scope) close(group, groups[group * groupSize + Group.parent]!)
      out.raw(buffer, rows[row + Row.frame]!, rows[row + Row.end]!)
    }
    close(-1, -1)
    return out.finish()
  }

  /** The fields of a group but for what is in it. */
  private head(batch: Batch, group: number): Buffer {
    if (group === noGroup) return nothing
    const known = this.heads[group]
    if (known) return known
    const { reader } = this
    const { buffer } = batch
    const { groups } = batch.index()
    const parts: Buffer[] = []
    const at = group * groupSize
    reader.reset(buffer, groups[at + Group.start]!, groups[at + Group.end]!)
    let pos = reader.pos
    for (; reader.next() && reader.skip(); pos = reader.pos) {
      if (reader.field !== children || reader.wire !== 2) parts.push(buffer.subarray(pos, reader.pos))
    }
    const head = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    this.heads[group] = head
    return head
  }
}

const nothing = Buffer.alloc(0)
