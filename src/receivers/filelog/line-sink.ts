import { Batch } from '../../telemetry/batch.ts'
import { GrowingClaim } from '../../telemetry/growing-claim.ts'
import type { Receipt } from '../../telemetry/receipt.ts'
import { noGroup, RecordIndex } from '../../telemetry/record-index.ts'
import { copyBytes } from '../../wire/byte-runs.ts'
import { varintSize, writeVarint } from '../../wire/protobuf.ts'
import { encodeAttributes } from '../../wire/syslog/to-otlp.ts'

/** Room for the lengths of ResourceLogs and ScopeLogs, which are known last. */
const mostPrefix = 12
const observedSize = 9

/**
 * Gathers lines as OTLP log records, written straight into slab space: one ResourceLogs with one ScopeLogs a batch.
 * This is the way from a line to a record: whatever parses lines stands in front of `add`.
 */
export class LineSink {
  /** Observed time of the records, as halves of nanoseconds. */
  timeLo = 0
  timeHi = 0
  private readonly resource: Buffer
  private readonly bodyTag: number
  private readonly reserved: number
  private readonly room = new GrowingClaim()
  private index = new RecordIndex()

  /** `isText`: bodies are strings, and every line must be UTF-8; else bytes. */
  constructor(resource: Readonly<Record<string, string>>, isText: boolean) {
    this.resource = encodeResource(resource)
    this.bodyTag = isText ? 0x0a : 0x3a
    this.reserved = mostPrefix + this.resource.length
  }

  get count(): number {
    return this.index.count
  }

  get bytes(): number {
    return this.room.used
  }

  /** Lines of so many bytes come: growing once is cheaper than often. */
  expect(bytes: number): void {
    this.room.ensure(this.reserved + bytes + (bytes >> 2), this.index)
    if (this.room.used === 0) this.room.used = this.reserved
  }

  /** The line `b[start, end)` as a record. `extra`: encoded attributes of its file. */
  add(b: Buffer, start: number, end: number, extra: Buffer): void {
    const { room, index } = this
    if (room.used === 0) this.expect(end - start)
    const size = end - start
    const body = 1 + varintSize(size) + size
    const record = 1 + varintSize(body) + body + extra.length + observedSize
    const frame = room.ensure(1 + varintSize(record) + record, index)
    const to = room.buffer
    to[frame] = 0x12
    const from = writeVarint(to, frame + 1, record)
    to[from] = 0x2a
    let at = writeVarint(to, from + 1, body)
    to[at] = this.bodyTag
    at = copyBytes(to, writeVarint(to, at + 1, size), b, start, end)
    at = copyBytes(to, at, extra, 0, extra.length)
    to[at] = 0x59
    to.writeUInt32LE(this.timeLo, at + 1)
    to.writeUInt32LE(this.timeHi, at + 5)
    at += observedSize
    index.add(frame, from, at, 1, 0, 0)
    room.used = at - room.start
  }

  /** What was gathered; undefined when there is nothing. */
  take(receipts: readonly Receipt[]): Batch | undefined {
    const { room, index, resource } = this
    if (index.count === 0) return undefined
    const { buffer } = room
    const records = room.start + this.reserved
    const end = room.close()
    // Backwards: `0a len resource 12 len records`.
    const scopeBody = end - records
    const scope = records - 1 - varintSize(scopeBody)
    buffer[scope] = 0x12
    writeVarint(buffer, scope + 1, scopeBody)
    const resourceStart = scope - resource.length
    resource.copy(buffer, resourceStart)
    const size = end - resourceStart
    const frame = resourceStart - 1 - varintSize(size)
    buffer[frame] = 0x0a
    writeVarint(buffer, frame + 1, size)
    index.addGroup(frame, resourceStart, end, noGroup)
    index.addGroup(scope, records, end, 0)
    index.close()
    this.index = new RecordIndex()
    return Batch.of('logs', buffer, { index, receipts, ownsHeadroom: true }, frame, end)
  }
}

/** The field `resource` of ResourceLogs: `{1 {1 attributes}}`; nothing without attributes. */
function encodeResource(attributes: Readonly<Record<string, string>>): Buffer {
  const encoded = Object.entries(attributes).map(([key, value]) => {
    const one = encodeAttributes({ [key]: value })
    // The attributes of a resource have field number 1, those of a log record 6.
    one[0] = 0x0a
    return one
  })
  const body = Buffer.concat(encoded)
  if (body.length === 0) return body
  const head = Buffer.alloc(1 + varintSize(body.length))
  head[0] = 0x0a
  writeVarint(head, 1, body.length)
  return Buffer.concat([head, body])
}
