import type { Batch } from '../../telemetry/batch.ts'
import { LogGroup } from '../../telemetry/log-group.ts'
import type { Origin } from '../../telemetry/origin.ts'
import type { Collector } from '../../telemetry/turn.ts'
import { varintSize, writeVarint } from '../../wire/protobuf.ts'
import type { SyslogMessage } from '../../wire/syslog/parse/message.ts'
import { LogRecordForm, type LogRecordOptions } from '../../wire/syslog/to-otlp.ts'
import type { Arrival } from './envelope-sink.ts'

export interface LogSinkOptions extends LogRecordOptions {
  /** Encoded fields of ResourceLogs that stand before its scope. */
  resource: Buffer
}

/** Gathers messages as OTLP log records, written straight into slab space. */
export class LogSink implements Collector {
  private readonly form: LogRecordForm
  private readonly group: LogGroup
  private origin: Origin | undefined

  constructor(options: LogSinkOptions) {
    this.form = new LogRecordForm(options)
    this.group = new LogGroup(options.resource)
  }

  get count(): number {
    return this.group.count
  }

  get bytes(): number {
    return this.group.bytes
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
    const { form, group } = this
    const size = form.measure(b, message, isParsed, extra)
    if (group.count === 0) this.origin = origin
    else if (this.origin !== origin) this.origin = undefined
    const frame = group.ensure(1 + varintSize(size) + size)
    const { buffer } = group
    buffer[frame] = 0x12
    const start = writeVarint(buffer, frame + 1, size)
    group.add(frame, start, form.write(b, message, now.lo, now.hi, extra, buffer, start))
  }

  take(): Batch | undefined {
    const batch = this.group.take({ origin: this.origin })
    this.origin = undefined
    return batch
  }
}
