import type { Account } from '../../delivery/ledger.ts'
import type { Exporter, Host } from '../../plugin.ts'
import { cfLine, colourPaint, localStamp, type Paint, plainPaint, tagLine } from '../../printing/cf-line.ts'
import { jsonLine } from '../../printing/json-line.ts'
import { readBatch } from '../../printing/read-batch.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { recordName } from '../../telemetry/format.ts'
import { otlpLines } from './otlp-lines.ts'
import { newOutput, type Output, type TextStream } from './output.ts'
import { Sampling } from './sampling.ts'

export interface DebugConfig {
  verbosity: 'basic' | 'normal' | 'detailed'
  format: 'cf' | 'json' | 'otel'
  max_lines_per_second: number
  sampling_initial?: number | undefined
  sampling_thereafter?: number | undefined
}

/** Prints records on `stream` for people to read. It holds nothing: what cannot be printed now is only counted. */
export function newDebugExporter(config: DebugConfig, host: Host, stream: TextStream): Exporter {
  const paint = stream.isTTY && !process.env.NO_COLOR ? colourPaint : plainPaint
  const printer = new Printer(config, host, newOutput(stream, host.log), paint)
  return {
    async start() {},
    stop: async () => printer.close(),
    admissions: () => [],
    consume: (batch) => printer.consume(batch),
  }
}

class Printer {
  private readonly config: DebugConfig
  private readonly host: Host
  private readonly account: Account
  private readonly output: Output
  private readonly paint: Paint
  private readonly sampling: Sampling
  /** Lines that may still be printed in this second. */
  private left: number
  private omitted = 0
  private second: { cancel(): void } | undefined

  constructor(config: DebugConfig, host: Host, output: Output, paint: Paint) {
    this.config = config
    this.host = host
    this.account = host.account()
    this.output = output
    this.paint = paint
    this.sampling = new Sampling(config.sampling_initial ?? 2, config.sampling_thereafter ?? 1)
    this.left = config.max_lines_per_second
  }

  consume(batch: Batch): void {
    const { account, output } = this
    account.received += batch.count
    if (output.state === 'broken') {
      account.drop('connection', batch.count, batch)
      for (const receipt of batch.receipts) receipt.settle({ dropped: 'connection' })
      return
    }
    this.print(batch)
    account.sent += batch.count
    for (const receipt of batch.receipts) receipt.settle('delivered')
  }

  close(): void {
    this.second?.cancel()
    this.second = undefined
    this.summarise()
    this.output.close()
  }

  private print(batch: Batch): void {
    this.watch()
    const room = this.output.state === 'behind' || !this.sampling.takes(batch.format) ? 0 : this.left
    const lines = this.linesOf(batch, room)
    this.left -= lines.length
    if (lines.length > 0) this.output.print(`${lines.join('\n')}\n`)
  }

  private linesOf(batch: Batch, room: number): string[] {
    if (this.config.format === 'otel') return this.otlpLines(batch, room)
    return this.config.verbosity === 'basic' ? this.batchLine(batch, room) : this.recordLines(batch, room)
  }

  private watch(): void {
    this.second ??= this.host.clock.after(1000, () => this.nextSecond())
  }

  private nextSecond(): void {
    this.second = undefined
    this.left = this.config.max_lines_per_second
    this.sampling.nextSecond()
    this.summarise()
    if (this.omitted > 0 && this.output.state === 'behind') this.watch()
  }

  private batchLine(batch: Batch, room: number): string[] {
    const { format, count, size } = batch
    if (room <= 0) {
      this.omitted += count
      return []
    }
    if (this.config.format === 'json') return [JSON.stringify({ format, records: count, bytes: size })]
    const name = recordName[format]
    const stamp = this.paint.dim(localStamp(this.host.clock.now()))
    return [`   ${stamp} ${grouped(count)} ${count === 1 ? name : `${name}s`}, ${grouped(size)} bytes`]
  }

  private otlpLines(batch: Batch, room: number): string[] {
    const { verbosity } = this.config
    // A record in detail has about so many lines.
    const most = room <= 0 || verbosity === 'normal' ? Math.max(0, room) : Math.ceil(room / linesInDetail)
    const printed = verbosity === 'basic' && room > 0 ? batch.count : Math.min(batch.count, most)
    this.omitted += batch.count - printed
    return printed === 0 ? [] : otlpLines(batch, verbosity, printed)
  }

  private recordLines(batch: Batch, room: number): string[] {
    const detailed = this.config.verbosity === 'detailed' && this.config.format === 'cf'
    const most = detailed ? Math.ceil(room / 2) : room
    const records = readBatch(batch, most)
    this.omitted += batch.count - records.length
    if (this.config.format === 'json') return records.map(jsonLine)
    if (!detailed) return records.map((record) => cfLine(record, this.paint))
    return records.flatMap((record) => [cfLine(record, this.paint), tagLine(record, this.paint)])
  }

  private summarise(): void {
    // While the reader is behind the count goes on, and is printed when it has caught up.
    if (this.omitted === 0 || this.output.state !== 'open') return
    const json = this.config.format === 'json'
    this.output.print(json ? `{"more":${this.omitted}}\n` : `... ${grouped(this.omitted)} more\n`)
    this.omitted = 0
  }
}

const linesInDetail = 10

const grouped = (n: number) => n.toLocaleString('en-US')
