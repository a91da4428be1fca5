import { varintSize, writeVarint } from '../wire/protobuf.ts'
import { Batch } from './batch.ts'
import { GrowingClaim } from './growing-claim.ts'
import type { Origin } from './origin.ts'
import type { Receipt } from './receipt.ts'
import { noGroup, RecordIndex } from './record-index.ts'

/** Room for the lengths of ResourceLogs and ScopeLogs, which are known last. */
const mostPrefix = 12

/** Gathers OTLP log records that share their resource, in slab space: one ResourceLogs with one ScopeLogs a batch. */
export class LogGroup {
  private readonly resource: Buffer
  private readonly reserved: number
  private readonly room = new GrowingClaim()
  private index = new RecordIndex()

  /** `resource`: the encoded field, see `encodeResource`. */
  constructor(resource: Buffer) {
    this.resource = resource
    this.reserved = mostPrefix + resource.length
  }

  get count(): number {
    return this.index.count
  }

  get bytes(): number {
    return this.room.used
  }

  /** Where the records go: asked again after every `ensure`, which may move them. */
  get buffer(): Buffer {
    return this.room.buffer
  }

  /** Makes room for `bytes` more; answers where they go. */
  ensure(bytes: number): number {
    const { room } = this
    if (room.used > 0) return room.ensure(bytes, this.index)
    room.ensure(this.reserved + bytes, this.index)
    room.used = this.reserved
    return room.start + room.used
  }

  /** A record was written: its tag at `frame`, its body `[start, end)`. */
  add(frame: number, start: number, end: number): void {
    this.index.add(frame, start, end, 1, 0, 0)
    this.room.used = end - this.room.start
  }

  /** What was gathered; undefined when there is nothing. */
  take(more: { origin?: Origin | undefined; receipts?: readonly Receipt[] }): Batch | undefined {
    const { room, index, resource } = this
    if (index.count === 0) return undefined
    const { buffer } = room
    const records = room.start + this.reserved
    const end = room.close()
    // Backwards: `0a len resource 12 len records`.
    const scope = frameBefore(buffer, 0x12, records, end)
    const resourceStart = scope - resource.length
    resource.copy(buffer, resourceStart)
    const frame = frameBefore(buffer, 0x0a, resourceStart, end)
    index.addGroup(frame, resourceStart, end, noGroup)
    index.addGroup(scope, records, end, 0)
    index.close()
    this.index = new RecordIndex()
    return Batch.of('logs', buffer, { index, ...more, ownsHeadroom: true }, frame, end)
  }
}

/** Writes `tag` and the length of `[start, end)` before it; answers where they begin. */
function frameBefore(buffer: Buffer, tag: number, start: number, end: number): number {
  const frame = start - 1 - varintSize(end - start)
  buffer[frame] = tag
  writeVarint(buffer, frame + 1, end - start)
  return frame
}
