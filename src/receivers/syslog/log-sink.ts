import { Batch } from '../../telemetry/batch.ts'
import { GrowingClaim } from '../../telemetry/growing-claim.ts'
import type { Origin } from '../../telemetry/origin.ts'
import { noGroup, RecordIndex } from '../../telemetry/record-index.ts'
import type { Collector } from '../../telemetry/turn.ts'
import { varintSize, writeVarint } from '../../wire/protobuf.ts'
import type { SyslogMessage } from '../../wire/syslog/parse/message.ts'
import { LogRecordForm, type LogRecordOptions } from '../../wire/syslog/to-otlp.ts'
import type { Arrival } from './envelope-sink.ts'

export interface LogSinkOptions extends LogRecordOptions {
  /** Encoded fields of ResourceLogs that stand before its scope. */
  resource: Buffer
}

/** Room for the lengths of ResourceLogs and ScopeLogs, which are known last. */
const mostPrefix = 12

/** Gathers messages as OTLP log records, written straight into slab space: one ResourceLogs with one ScopeLogs a batch. */
export class LogSink implements Collector {
  private readonly form: LogRecordForm
  private readonly resource: Buffer
  private readonly reserved: number
  private readonly room = new GrowingClaim()
  private index = new RecordIndex()
  private origin: Origin | undefined

  constructor(options: LogSinkOptions) {
    this.form = new LogRecordForm(options)
    this.resource = options.resource
    this.reserved = mostPrefix + options.resource.length
  }

  get count(): number {
    return this.index.count
  }

  get bytes(): number {
    return this.room.used
  }

  /** `extra`: encoded attributes of the connection. */
  add(
    b: Buffer,
    message: SyslogMessage,
    isParsed: boolean,
    now: Arrival,
    extra: Buffer,
    origin: Origin | undefined,
  ): void {
    const { form, room, index } = this
    const size = form.measure(b, message, isParsed, extra)
    if (index.count === 0) this.origin = origin
    else if (this.origin !== origin) this.origin = undefined
    if (room.used === 0) {
      room.ensure(this.reserved + 6 + size, index)
      room.used = this.reserved
    }
    const frame = room.ensure(1 + varintSize(size) + size, index)
    const { buffer } = room
    buffer[frame] = 0x12
    const start = writeVarint(buffer, frame + 1, size)
    const end = form.write(b, message, now.lo, now.hi, extra, buffer, start)
    index.add(frame, start, end, 1, 0, 0)
    room.used = end - room.start
  }

  take(): Batch | undefined {
    const { room, index, origin, resource } = this
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
    this.origin = undefined
    return Batch.of('logs', buffer, { index, origin, ownsHeadroom: true }, frame, end)
  }
}
