import type { Budget } from '../../../delivery/budget.ts'
import { Batch, type LogSeries } from '../../../plugin.ts'
import { LogGroup } from '../../../telemetry/log-group.ts'
import type { Receipt } from '../../../telemetry/receipt.ts'
import { copyBytes } from '../../../wire/byte-runs.ts'
import { encodeResource } from '../../../wire/otlp/log-attributes.ts'
import { BackwardWriter, Reader, splitBigInt, varintSize, writeVarint } from '../../../wire/protobuf.ts'
import type { Mark } from '../settlement.ts'
import type { Sink } from '../sink.ts'
import type { Tail } from '../tail.ts'
import { writeAny, writeAttributes } from './encode.ts'
import { copyOfEntry, type Entry, type EntryMap, type EntryValue, OperatorFault } from './entry.ts'
import type { Held, Operator, Outputs, Place } from './operator.ts'

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
  /** Of the line that is added. */
  readonly place: Place
  /** Charged for entries that wait for others. */
  readonly budget: Budget
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
  /** The same by the object: entries may share it. */
  private shared = new WeakMap<EntryMap, LogGroup>()
  private readonly files = new WeakMap<Buffer, EntryMap>()
  private charged = 0
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
    this.walk(entry, 0, this.options.place)
  }

  places(): ReadonlyMap<Tail, Mark> {
    const first = new Map<Tail, Mark>()
    for (const { holder } of this.options.operators) holder?.addTo(first)
    return first
  }

  release(all: boolean): boolean {
    let isAny = false
    for (const { holder, outputs } of this.options.operators) {
      for (const { entry, place } of holder?.release(all) ?? []) {
        this.pass(entry, outputs, place)
        isAny = true
      }
    }
    // What one let go of may wait in another.
    return (isAny && all && this.release(all)) || isAny
  }

  close(): void {
    this.charge(0)
  }

  take(receipts: readonly Receipt[]): Batch | undefined {
    this.count = 0
    this.charge(this.options.operators.reduce((sum, { holder }) => sum + (holder?.bytes ?? 0), 0))
    if (this.groups.size === 0) return this.group.take({ receipts })
    const batches = [this.group, ...this.groups.values()].flatMap((group) => group.take({}) ?? [])
    this.groups.clear()
    this.shared = new WeakMap()
    return batches.length === 0 ? undefined : Batch.join(batches).withReceipts(receipts)
  }

  /** Entries go several ways as copies. */
  private pass(entry: Entry, outputs: Outputs, place: Place): void {
    const last = outputs.length - 1
    for (let i = 0; i < last; i++) this.walk(copyOfEntry(entry), outputs[i]!, place)
    this.walk(entry, outputs[last]!, place)
  }

  /** Takes an entry through the operators from the one `at`, until it is a record, waits, or was left out. */
  private walk(entry: Entry, at: number, place: Place): void {
    const { operators, dropped } = this.options
    let next = at
    for (let operator = operators[next]; operator; operator = operators[next]) {
      const outputs = this.step(operator, entry, place)
      if (outputs === false) dropped()
      else if (outputs && outputs.length > 1) this.pass(entry, outputs, place)
      if (!outputs || outputs.length > 1) return
      next = outputs[0]!
    }
    this.write(entry)
  }

  /** Where an entry goes from an operator. False: it is left out. Undefined: it waits for others, or has gone on with them. */
  private step(operator: Operator, entry: Entry, place: Place): Outputs | false | undefined {
    const { condition, holder, outputs, onError } = operator
    let complete: readonly Held[]
    try {
      if (condition && !condition(entry)) return outputs
      const went = operator.run(entry)
      if (!holder || went === false) return went === true ? outputs : went
      complete = holder.take(entry, place)
    } catch (error) {
      this.note(operator, error)
      return onError === 'drop' || onError === 'drop_quiet' ? false : outputs
    }
    for (const each of complete) this.pass(each.entry, outputs, each.place)
    return undefined
  }

  private charge(bytes: number): void {
    const { budget } = this.options
    budget.give(this.charged)
    budget.take(bytes)
    this.charged = bytes
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
    if (entry.spanId) out.bytesField(10, entry.spanId)
    if (entry.traceId) out.bytesField(9, entry.traceId)
    if (entry.flags) {
      for (const byte of [0, 0, 0, entry.flags]) out.byte(byte)
      out.tag(8, 5)
    }
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
    const known = this.shared.get(resource)
    if (known) return known
    const out = new BackwardWriter(256)
    writeAttributes(out, 1, resource)
    out.message(1, 0)
    const encoded = out.take()
    const key = encoded.toString('latin1')
    const group = this.groups.get(key) ?? new LogGroup(encoded)
    this.groups.set(key, group)
    this.shared.set(resource, group)
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
