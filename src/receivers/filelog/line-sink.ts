import type { Batch } from '../../telemetry/batch.ts'
import { LogGroup } from '../../telemetry/log-group.ts'
import type { Receipt } from '../../telemetry/receipt.ts'
import { copyBytes } from '../../wire/byte-runs.ts'
import { encodeResource } from '../../wire/otlp/log-attributes.ts'
import { varintSize, writeVarint } from '../../wire/protobuf.ts'
import type { Mark } from './settlement.ts'
import type { Sink } from './sink.ts'
import type { Tail } from './tail.ts'

const observedSize = 9
const nothingWaits: ReadonlyMap<Tail, Mark> = new Map()

/**
 * Gathers lines as OTLP log records, written straight into slab space: the way from a line to a record where there are no
 * operators.
 */
export class LineSink implements Sink {
  timeLo = 0
  timeHi = 0
  private readonly bodyTag: number
  private readonly group: LogGroup

  /** `isText`: bodies are strings, and every line must be UTF-8; else bytes. */
  constructor(resource: Readonly<Record<string, string>>, isText: boolean) {
    this.bodyTag = isText ? 0x0a : 0x3a
    this.group = new LogGroup(encodeResource(resource))
  }

  get count(): number {
    return this.group.count
  }

  get bytes(): number {
    return this.group.bytes
  }

  expect(bytes: number): void {
    this.group.ensure(bytes + (bytes >> 2))
  }

  add(b: Buffer, start: number, end: number, extra: Buffer): void {
    const { group } = this
    const size = end - start
    const body = 1 + varintSize(size) + size
    const record = 1 + varintSize(body) + body + extra.length + observedSize
    const frame = group.ensure(1 + varintSize(record) + record)
    const to = group.buffer
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
    group.add(frame, from, at + observedSize)
  }

  places(): ReadonlyMap<Tail, Mark> {
    return nothingWaits
  }

  release(): boolean {
    return false
  }

  close(): void {}

  take(receipts: readonly Receipt[]): Batch | undefined {
    return this.group.take({ receipts })
  }
}
