import { newLogSeries } from '../../net/log-series.ts'
import type { Host, Intakes } from '../../plugin.ts'
import type { Origin } from '../../telemetry/origin.ts'
import { datagramGatherMs } from '../../telemetry/turn.ts'
import { encodeResource } from '../../wire/otlp/log-attributes.ts'
import { nanosFromMillis } from '../../wire/protobuf.ts'
import { faultTexts, SyslogMessage } from '../../wire/syslog/parse/message.ts'
import { parse5424 } from '../../wire/syslog/parse/parse-5424.ts'
import { parseLoose } from '../../wire/syslog/parse/parse-loose.ts'
import { newZone } from '../../wire/syslog/parse/time-zone.ts'
import { isUtf8, textOf } from '../../wire/utf8.ts'
import type { SyslogConfig } from './config.ts'
import { EnvelopeSink } from './envelope-sink.ts'
import { LogSink } from './log-sink.ts'
import { newOutlet, type Outlet } from './outlet.ts'

/** Where messages come from, made once per connection or sender. */
export interface Source {
  readonly origin: Origin | undefined
  /** Source id of messages that name neither app nor host. */
  readonly peer: Buffer
  /** Encoded attributes for log records. */
  readonly extra: Buffer
  /** A local socket: no host name is written. */
  readonly isLocal: boolean
}

/** Everything between a cut message and the pipeline: parsing, both formats, counts, back-pressure. */
export interface Messages {
  /** Call it once before the messages of one chunk or datagram are taken. */
  begin(source: Source): void
  /** One message on loan. False: it is none. */
  take(bytes: Buffer, start: number, end: number, isAscii: boolean, isCut: boolean, source: Source): boolean
  /** Bytes that are no message. */
  invalid(text: string, source: Source): void
  /** A message that is given up because there is no memory for its rest. */
  noRoom(source: Source): void
  /** Whether nobody should be read. */
  readonly isBlocked: boolean
  /** Bytes that wait behind a batch which is not taken. */
  readonly waitingBytes: number
  stop(deadline: AbortSignal): Promise<void>
}

/** `changed` is called when `isBlocked` changes. */
export function newMessages(config: SyslogConfig, host: Host, intakes: Intakes, changed: () => void): Messages {
  const isStrict = config.mode === 'strict'
  const { clock } = host
  const ingress = host.counter('ingress', 'Messages taken.')
  const invalidIngress = host.counter('invalid_ingress', 'Messages that were none, and bytes between messages.')
  const repaired = host.counter('repaired_messages', 'Messages in which invalid UTF-8 was replaced.')
  const truncated = host.counter('truncated_messages', 'Messages that were cut at max_message_size, or by the peer.')
  const series = newLogSeries(host.log, clock)
  const message = new SyslogMessage()
  const context = { zone: newZone(config.location), nowSeconds: 0, noHost: false }
  const now = { lo: 0, hi: 0 }
  let nowMs = Number.NaN
  const envelopes =
    intakes.envelopes && new EnvelopeSink({ strict: isStrict, trim: config.trim_message_whitespace ?? isStrict })
  const logs = intakes.logs && new LogSink({ body: config.body, resource: encodeResource(config.resource) })
  const gatherMs = config.tcp ? 0 : datagramGatherMs
  const outlets: Outlet[] = []
  if (envelopes) outlets.push(newOutlet({ host, intake: intakes.envelopes!, collector: envelopes, changed, gatherMs }))
  if (logs) outlets.push(newOutlet({ host, intake: intakes.logs!, collector: logs, changed, gatherMs }))

  const tick = () => {
    const ms = clock.now()
    if (ms === nowMs) return
    nowMs = ms
    const nanos = nanosFromMillis(ms)
    now.lo = nanos[0]
    now.hi = nanos[1]
    context.nowSeconds = ms / 1000
  }
  const invalid = (text: string, source: Source, bytes?: Buffer) => {
    invalidIngress.add(1)
    host.dropped('malformed', 1, bytes ?? text)
    series.note('invalid', `invalid message from ${source.origin?.address ?? 'a sender'}: ${text}`)
  }
  const strictly = (bytes: Buffer, start: number, end: number, isAscii: boolean, source: Source): boolean => {
    const fault = parse5424(bytes, start, end, message)
    if (fault !== 0) {
      invalid(faultTexts[fault]!, source, bytes.subarray(start, end))
      return false
    }
    if (envelopes && !envelopes.add(bytes, message, now, source.peer, source.origin)) {
      invalid(envelopes.fault, source, bytes.subarray(start, end))
      return true
    }
    if (logs) {
      // Text need not be UTF-8 in RFC 5424; in OTLP it must.
      if (isAscii || isUtf8(bytes, start, end)) logs.add(bytes, message, true, now, source.extra, source.origin)
      else {
        const mended = mend(bytes, start, end)
        parse5424(mended, 0, mended.length, message)
        logs.add(mended, message, true, now, source.extra, source.origin)
      }
    }
    ingress.add(1)
    return true
  }
  const mend = (bytes: Buffer, start: number, end: number): Buffer => {
    repaired.add(1)
    return Buffer.from(textOf(bytes, start, end))
  }
  const loosely = (bytes: Buffer, start: number, end: number, isAscii: boolean, source: Source): boolean => {
    const isSound = isAscii || isUtf8(bytes, start, end)
    const b = isSound ? bytes : mend(bytes, start, end)
    const from = isSound ? start : 0
    const to = isSound ? end : b.length
    context.noHost = source.isLocal
    const isParsed = parseLoose(b, from, to, message, config.protocol, context)
    if (!isParsed && config.on_error === 'drop') {
      invalid(`it is not ${config.protocol}`, source, bytes.subarray(start, end))
      return true
    }
    envelopes?.add(b, message, now, source.peer, source.origin)
    logs?.add(b, message, isParsed, now, source.extra, source.origin)
    ingress.add(1)
    return true
  }
  const read = isStrict ? strictly : loosely
  return {
    get isBlocked() {
      return outlets.some((outlet) => outlet.isBlocked)
    },
    get waitingBytes() {
      return (envelopes?.bytes ?? 0) + (logs?.bytes ?? 0)
    },
    begin(source) {
      tick()
      for (const outlet of outlets) outlet.arm(source.origin)
    },
    take(bytes, start, end, isAscii, isCut, source) {
      if (isCut) truncated.add(1)
      const isSound = read(bytes, start, isStrict ? end : withoutEnd(bytes, start, end), isAscii, source)
      message.shrink()
      return isSound
    },
    invalid,
    noRoom(source) {
      host.dropped('memory', 1)
      series.note('memory', `no memory left for a message of ${source.origin?.address ?? 'a sender'}: it is cut off`)
    },
    async stop(deadline) {
      await Promise.all(outlets.map((outlet) => outlet.stop(deadline)))
      series.close()
    },
  }
}

/** Line ends and NUL at the end of a message belong to its framing, whatever its framing. */
function withoutEnd(b: Buffer, start: number, end: number): number {
  let stop = end
  while (stop > start && (b[stop - 1] === 0x0a || b[stop - 1] === 0x0d || b[stop - 1] === 0)) stop--
  return stop
}
