import { Batch, type LogSeries } from '../../../plugin.ts'
import { LogGroup } from '../../../telemetry/log-group.ts'
import type { Receipt } from '../../../telemetry/receipt.ts'
import { copyBytes } from '../../../wire/byte-runs.ts'
import { encodeResource } from '../../../wire/otlp/log-attributes.ts'
import { BackwardWriter, Reader, splitBigInt, varintSize, writeVarint } from '../../../wire/protobuf.ts'
import type { Sink } from '../sink.ts'
import { writeAny, writeAttributes } from './encode.ts'
import { type Entry, type EntryMap, type EntryValue, OperatorFault } from './entry.ts'
import type { Operator } from './operator.ts'

export interface EntrySinkOptions {
  readonly operators: readonly Operator[]
  readonly resource: Readonly<Record<string, string>>
  /** Bodies are strings, and every line is UTF-8; else bytes. */
  readonly isText: boolean
  readonly series: LogSeries
  /** Told of every entry that operators left out. */
  readonly dropped: () => void
  /** Told of every failure of an operator. */
  readonly failed: () => void
}

/** Lines become entries, go through operators, and are written as OTLP log records: one ResourceLogs a resource. */
export class EntrySink implements Sink {
  timeLo = 0
  timeHi = 0
  count = 0
  private readonly options: EntrySinkOptions
  private readonly resource: EntryMap
  private readonly group: LogGroup
  /** Groups of resources that operators made, by their encoding. */
  private readonly groups = new Map<string, LogGroup>()
  private readonly files = new WeakMap<Buffer, EntryMap>()
  private readonly out = new BackwardWriter(1 << 12)

  constructor(options: EntrySinkOptions) {
    this.options = options
    this.resource = { ...options.resource }
    this.group = new LogGroup(encodeResource(options.resource))
  }

  get bytes(): number {
    let sum = this.group.bytes
    for (const group of this.groups.values()) sum += group.bytes
    return sum
  }

  expect(bytes: number): void {
    this.group.ensure(bytes)
  }

  add(b: Buffer, start: number, end: number, extra: Buffer): void {
    const entry: Entry = {
      body: this.options.isText ? b.toString('utf8', start, end) : Buffer.from(b.subarray(start, end)),
      attributes: { ...this.attributesOf(extra) },
      resource: this.resource,
      time: 0n,
      severity: 0,
      severityText: '',
    }
    if (this.keeps(entry)) this.write(entry)
    else this.options.dropped()
  }

  take(receipts: readonly Receipt[]): Batch | undefined {
    this.count = 0
    if (this.groups.size === 0) return this.group.take({ receipts })
    const batches = [this.group, ...this.groups.values()].flatMap((group) => group.take({}) ?? [])
    this.groups.clear()
    return batches.length === 0 ? undefined : Batch.join(batches).withReceipts(receipts)
  }

  /** Runs the operators; false when one left the entry out. */
  private keeps(entry: Entry): boolean {
    const { operators } = this.options
    for (let i = 0; i < operators.length; i++) {
      const operator = operators[i]!
      try {
        if (operator.condition && !operator.condition(entry)) continue
        if (!operator.run(entry)) return false
      } catch (error) {
        this.note(operator, error)
        if (operator.onError === 'drop' || operator.onError === 'drop_quiet') return false
      }
    }
    return true
  }

  private note({ id, onError }: Operator, error: unknown): void {
    this.options.failed()
    // Whatever a line does to an operator, others must not suffer from it.
    const what = error instanceof OperatorFault ? error.message : String((error as Error)?.stack ?? error)
    if (onError.endsWith('quiet')) return
    const then = onError === 'drop' ? 'left out' : 'went on without it'
    this.options.series.note(
      `operator ${id}`,
      `operator ${id}: ${what}; the entry ${then}`.replace('entry left', 'entry was left'),
    )
  }

  private write(entry: Entry): void {
    const { out } = this
    out.reset()
    out.fixed64(this.timeLo, this.timeHi)
    out.tag(11, 1)
    writeAttributes(out, 6, entry.attributes)
    const body = out.length
    writeAny(out, entry.body)
    out.message(5, body)
    if (entry.severityText !== '') out.textField(3, entry.severityText)
    if (entry.severity !== 0) {
      out.varint(entry.severity)
      out.tag(2, 0)
    }
    if (entry.time !== 0n) {
      out.fixed64(...splitBigInt(entry.time))
      out.tag(1, 1)
    }
    const record = out.finish()
    const group = entry.resource === this.resource ? this.group : this.groupOf(entry.resource)
    const size = record.length
    const frame = group.ensure(1 + varintSize(size) + size)
    const to = group.buffer
    to[frame] = 0x12
    const from = writeVarint(to, frame + 1, size)
    group.add(frame, from, copyBytes(to, from, record, 0, size))
    this.count++
  }

  private groupOf(resource: EntryMap): LogGroup {
    const out = new BackwardWriter(256)
    writeAttributes(out, 1, resource)
    out.message(1, 0)
    const encoded = out.take()
    const key = encoded.toString('latin1')
    const group = this.groups.get(key) ?? new LogGroup(encoded)
    this.groups.set(key, group)
    return group
  }

  /** The attributes of a file, read back from their encoding once. */
  private attributesOf(extra: Buffer): EntryMap {
    let found = this.files.get(extra)
    if (!found) {
      found = textAttributes(extra)
      this.files.set(extra, found)
    }
    return found
  }
}

/** `{6 {1 key, 2 {1 text}}}` as a map. */
function textAttributes(encoded: Buffer): EntryMap {
  const found: EntryMap = {}
  const reader = new Reader(encoded)
  while (reader.next() && reader.skip()) {
    const entry = new Reader(encoded, reader.start, reader.stop)
    let key = ''
    let value: EntryValue = ''
    while (entry.next() && entry.skip()) {
      if (entry.field === 1) key = encoded.toString('utf8', entry.start, entry.stop)
      const any = new Reader(encoded, entry.start, entry.stop)
      if (entry.field === 2 && any.next() && any.skip()) value = encoded.toString('utf8', any.start, any.stop)
    }
    found[key] = value
  }
  return found
}
