import { hostname } from 'node:os'
import type { Batch } from '../../telemetry/batch.ts'
import { Group, groupSize, noGroup, Row } from '../../telemetry/record-index.ts'
import { nanosFromMillis, Reader } from '../../wire/protobuf.ts'
import { type FrameSink, GrowingSink } from '../../wire/syslog/frame-sink.ts'
import { frame, readFrame } from '../../wire/syslog/frames.ts'
import { newFrameForm } from '../../wire/syslog/from-envelope/frame-form.ts'
import { FrameWriter } from '../../wire/syslog/from-envelope/frame-writer.ts'
import { facilityNumber, severityNumber } from '../../wire/syslog/from-otlp/levels.ts'
import { LogMessages } from '../../wire/syslog/from-otlp/log-messages.ts'
import { type Framing, MessageFraming } from '../../wire/syslog/message-framing.ts'
import type { SyslogConfig } from './config.ts'

/** Longest payload of an IPv4 datagram. */
const mostDatagram = 65_507
/** One huge batch must not leave a huge buffer behind. */
const maxScratchBytes = 1 << 20

/** How messages are framed on this network. */
export function framingOf({ network, enable_octet_counting: counts }: SyslogConfig): Framing {
  if (network === 'udp' || network === 'unixgram') return 'datagrams'
  return counts ? 'counted' : 'lines'
}

/** Writes batches as syslog messages: log records by the mapping, envelopes as the syslog agent writes them. */
export class BatchMessages {
  /** Records of the last batch that cannot be a message, and what is wrong with the last of them. */
  rejected = 0
  fault = ''
  /** Called behind every message with the position where it ends. */
  onMessage: ((end: number) => void) | undefined = undefined
  private readonly framing: MessageFraming
  private readonly isDirect: boolean
  private readonly logs: LogMessages
  private readonly envelopes = new FrameWriter()
  private readonly form: ReturnType<typeof newFrameForm>
  private readonly scratch = new GrowingSink()
  private readonly reader = new Reader()
  private resource = -1

  constructor(config: SyslogConfig) {
    const { mapping } = config
    const kind = framingOf(config)
    const limit =
      kind === 'datagrams' ? Math.min(config.max_message_size || mostDatagram, mostDatagram) : config.max_message_size
    this.framing = new MessageFraming(kind, limit)
    this.isDirect = kind === 'counted' && limit === 0
    const name = mapping.default_hostname ?? hostname()
    this.form = newFrameForm({ hostname: name === '-' ? '' : name, metadata: config.envelope_metadata })
    const hasElement = mapping.all_attributes || mapping.element.length > 0
    this.logs = new LogMessages({
      protocol: config.protocol,
      sources: {
        priority: mapping.priority,
        facility: mapping.facility,
        severity: mapping.severity,
        hostname: mapping.hostname,
        appName: mapping.app_name,
        procId: mapping.proc_id,
        msgId: mapping.msg_id,
        structuredData: mapping.structured_data,
        message: mapping.message,
        version: ['version'],
        element: mapping.element,
      },
      elementId: hasElement ? `${mapping.element_id}@${mapping.enterprise_number}` : '',
      allAttributes: mapping.all_attributes,
      facility: facilityNumber(mapping.default_facility),
      severity: severityNumber(mapping.default_severity),
      hostname: name,
      appName: mapping.default_app_name,
      location: config.location,
    })
  }

  /** Messages that were cut since the start. */
  get truncated(): number {
    return this.framing.truncated
  }

  /** Appends the messages of a batch to `out`. `now`: milliseconds since 1970, for records without a time. */
  write(batch: Batch, now: number, out: FrameSink): void {
    this.rejected = 0
    if (batch.format === 'logs') this.writeLogs(batch, now, out)
    else this.writeEnvelopes(batch, out)
  }

  private writeLogs(batch: Batch, now: number, out: FrameSink): void {
    const { rows, groups } = batch.index()
    const { buffer } = batch
    const [nowLo, nowHi] = nanosFromMillis(now)
    this.resource = -1
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rowAt(i)
      const scope = rows[row + Row.info]!
      const resource = groups[scope * groupSize + Group.parent]!
      if (resource !== this.resource) this.findResource(buffer, groups, resource)
      const before = out.end
      this.framing.begin(out)
      if (this.logs.write(buffer, rows[row + Row.start]!, rows[row + Row.end]!, nowLo, nowHi, out)) {
        this.framing.end(out)
        this.onMessage?.(out.end)
      } else {
        out.end = before
        this.reject('it does not parse')
      }
    }
  }

  private findResource(buffer: Buffer, groups: Uint32Array, resource: number): void {
    this.resource = resource
    const { reader } = this
    let start = 0
    let end = 0
    if (resource !== noGroup) {
      const at = resource * groupSize
      reader.reset(buffer, groups[at + Group.start]!, groups[at + Group.end]!)
      while (reader.next() && reader.skip()) {
        if (reader.field !== 1 || reader.wire !== 2) continue
        start = reader.start
        end = reader.stop
      }
    }
    this.logs.setResource(buffer, start, end)
  }

  private writeEnvelopes(batch: Batch, out: FrameSink): void {
    const { envelopes, form, scratch, isDirect } = this
    const { rows } = batch.index()
    if (scratch.bytes.length > maxScratchBytes) scratch.bytes = Buffer.allocUnsafeSlow(4096)
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rowAt(i)
      envelopes.look(batch.buffer, rows[row + Row.start]!, rows[row + Row.end]!)
      scratch.end = 0
      if (envelopes.write(form, isDirect ? out : scratch) < 0) this.reject(`its ${envelopes.fault} cannot be written`)
      else if (!isDirect) this.reframe(out)
    }
  }

  /** Puts our frame around the counted messages in `scratch`. */
  private reframe(out: FrameSink): void {
    const { bytes, end } = this.scratch
    for (let pos = readFrame(bytes, 0, end); pos >= 0; pos = readFrame(bytes, pos, end)) {
      this.framing.begin(out)
      out.reserve(frame.end - frame.start)
      out.end += bytes.copy(out.bytes, out.end, frame.start, frame.end)
      this.framing.end(out)
      this.onMessage?.(out.end)
    }
  }

  private reject(why: string): void {
    this.rejected++
    this.fault = `a record cannot be a syslog message: ${why}`
  }
}
