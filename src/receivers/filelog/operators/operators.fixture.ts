import { expect } from 'vitest'
import { decodeOtlpLogs, type Message } from '../../../../test/support/decode.ts'
import { Budget } from '../../../delivery/budget.ts'
import { newLogSeries } from '../../../plugin.ts'
import { ManualClock } from '../../../runtime/clock.ts'
import { newLog } from '../../../runtime/log.ts'
import { encodeAttributes } from '../../../wire/otlp/log-attributes.ts'
import filelog from '../index.ts'
import { Tail } from '../tail.ts'
import { EntrySink } from './entry-sink.ts'

const now = Date.UTC(2026, 10, 21, 12)

/** A sink with these operators, and what came of it. */
export function newSink(operators: unknown, more: { isText?: boolean } = {}) {
  const config = filelog.config.parse({ include: ['x'], operators } as never)
  const log: string[] = []
  const budget = new Budget('service')
  const counts = { dropped: 0, failed: 0 }
  const clock = new ManualClock()
  let reading = newTail(1)
  const series = newLogSeries(newLog({ level: 'info', write: (line) => void log.push(line) }), new ManualClock())
  const sink = new EntrySink({
    operators: config.operators.map((make) => make({ now: () => now, monotonic: () => clock.monotonic() })),
    resource: { host: 'h' },
    isText: more.isText ?? true,
    series,
    dropped: () => counts.dropped++,
    failed: () => counts.failed++,
    place: {
      get tail() {
        return reading
      },
      addTo: (marks) => void (marks.has(reading) || marks.set(reading, reading.mark)),
    },
    budget,
  })
  /** Reads a line of a file with these attributes. */
  const read = (line: string, tail = reading, extra = file) => {
    const bytes = Buffer.from(line)
    reading = tail
    sink.add(bytes, 0, bytes.length, extra)
    tail.offset += bytes.length
  }
  return { sink, log, counts, clock, budget, read }
}

/** A file of which nothing was read. */
export const newTail = (id: number) => new Tail(id, '/x', { dev: 1, ino: id, size: 0, mtimeMs: 0 }, 0)
/** The attributes of a file of a pod. */
export const file = encodeAttributes({ 'log.file.path': '/var/log/pods/ns_pod_c0ffee/app/0.log' })

/** What becomes of lines: records as plain objects. */
export function run(operators: unknown, ...lines: string[]) {
  const { sink, log, counts, read } = newSink(operators)
  for (const line of lines) read(line)
  sink.release(true)
  return { records: taken(sink), log, counts }
}

/** The records that a sink has gathered. */
export function taken(sink: EntrySink) {
  const batch = sink.take([])
  if (!batch) return []
  const { resourceLogs } = decodeOtlpLogs(batch.bytes()) as { resourceLogs: Message[] }
  const records = resourceLogs.flatMap(({ resource, scopeLogs }) =>
    (scopeLogs as Message[]).flatMap(({ logRecords }) =>
      (logRecords as Message[]).map((record) => ({
        body: plain(record.body),
        attributes: plainMap(record.attributes),
        resource: plainMap((resource as Message)?.attributes),
        time: record.timeUnixNano,
        severity: record.severityNumber,
        text: record.severityText,
        ...(record.traceId !== undefined && { trace: record.traceId }),
        ...(record.spanId !== undefined && { span: record.spanId }),
        ...(record.flags !== undefined && { flags: record.flags }),
      })),
    ),
  )
  expect(batch.count).toBe(records.length)
  return records
}

function plain(value: unknown): unknown {
  const { stringValue, intValue, doubleValue, boolValue, bytesValue, arrayValue, kvlistValue } = (value ??
    {}) as Message
  if (kvlistValue !== undefined) return plainMap((kvlistValue as Message).values)
  if (arrayValue !== undefined) return (((arrayValue as Message).values ?? []) as unknown[]).map(plain)
  return stringValue ?? intValue ?? doubleValue ?? boolValue ?? bytesValue ?? null
}
const plainMap = (entries: unknown) =>
  Object.fromEntries(
    ((entries ?? []) as { key: string; value: unknown }[]).map(({ key, value }) => [key ?? '', plain(value)]),
  )

/** What becomes of one line that no operator fails on, without the path of its file. */
export const one = (operators: unknown, line: string) => {
  const { records, counts } = run(operators, line)
  expect(counts).toEqual({ dropped: 0, failed: 0 })
  const { 'log.file.path': _, ...attributes } = records[0]!.attributes
  return { ...records[0]!, attributes }
}
