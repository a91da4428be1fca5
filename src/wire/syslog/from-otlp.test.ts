import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeOtlpLogs, encodeOtlpLogs, type Message } from '../../../test/support/decode.ts'
import { Reader } from '../protobuf.ts'
import { GrowingSink } from './frame-sink.ts'
import { LogMessages, type LogMessageOptions } from './from-otlp.ts'
import { SyslogMessage } from './message.ts'
import { type Framing, MessageFraming } from './message-framing.ts'
import { parse5424 } from './parse-5424.ts'
import { parseLoose } from './parse-loose.ts'
import { newZone } from './time-zone.ts'
import { LogRecordForm } from './to-otlp.ts'

/** November 2026. */
const nowMs = Date.UTC(2026, 10, 21, 5, 30)
const now = BigInt(nowMs) * 1_000_000n
const context = { zone: newZone('UTC'), nowSeconds: nowMs / 1000, noHost: false }

const options: LogMessageOptions = {
  protocol: 'rfc5424',
  sources: {
    priority: ['priority'],
    facility: ['facility'],
    severity: ['level'],
    hostname: ['hostname', 'host.name'],
    appName: ['appname', 'service.name'],
    procId: ['proc_id', 'process.pid'],
    msgId: ['msg_id'],
    structuredData: ['structured_data'],
    message: ['message'],
    version: ['version'],
  },
  elementId: '',
  allAttributes: false,
  facility: 1,
  severity: 6,
  hostname: 'vm-1',
  appName: '',
  location: 'UTC',
}

const message = new SyslogMessage()
const none = Buffer.alloc(0)

/** What receiver `syslog` makes of a message. */
function recordOf(line: Buffer, body: 'original' | 'message' = 'original', strict = false): Buffer {
  const isParsed = strict
    ? parse5424(line, 0, line.length, message) === 0
    : parseLoose(line, 0, line.length, message, 'auto', context)
  const form = new LogRecordForm({ body })
  const to = Buffer.alloc(form.measure(line, message, isParsed, none))
  form.write(line, message, Number(now & 0xffffffffn), Number(now >> 32n), none, to, 0)
  return to
}

/** The message of a record, read between neighbours that must not be read. */
function render(record: Buffer, given: Partial<LogMessageOptions> = {}, resource = none): string {
  const b = Buffer.concat([Buffer.from('<<\n'), resource, record, Buffer.from('>>\n')])
  const messages = new LogMessages({ ...options, ...given })
  messages.setResource(b, 3, 3 + resource.length)
  const out = new GrowingSink(16)
  const start = 3 + resource.length
  const isSound = messages.write(b, start, start + record.length, Number(now & 0xffffffffn), Number(now >> 32n), out)
  return isSound ? out.bytes.toString('utf8', 0, out.end) : 'unsound'
}

/** A LogRecord and its Resource from their JSON form. */
function encode(record: Message, resource: Message = {}): { record: Buffer; resource: Buffer } {
  const b = encodeOtlpLogs({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record] }] }] })
  const inside = (from: Buffer, field: number) => {
    const reader = new Reader(from)
    while (reader.next() && reader.skip()) if (reader.field === field) return from.subarray(reader.start, reader.stop)
    return none
  }
  const logs = inside(b, 1)
  return { record: inside(inside(logs, 2), 2), resource: inside(logs, 1) }
}

const attribute = (key: string, value: Message) => ({ key, value })
const text = (key: string, stringValue: string) => attribute(key, { stringValue })
const time = 1_500_000_000_123_456_789n

const jsonl = <T>(name: string): T[] =>
  readFileSync(new URL(`../../../test/testdata/${name}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

describe('what came in as RFC 5424 goes out as it came', () => {
  const frames = jsonl<{ output_b64: string[] }>('syslog-frames').flatMap(({ output_b64 }) => output_b64)
  const strict = [...new Set(frames)].map((line) => Buffer.from(line, 'base64'))

  test(`the ${strict.length} messages that syslog agents were recorded to send`, () => {
    let sound = 0
    for (const line of strict) {
      if (parse5424(line, 0, line.length, message) !== 0) continue
      // Bytes that are not UTF-8 are mended on the way in.
      if (line.includes('\ufffd') || !Buffer.from(line.toString()).equals(line)) continue
      sound++
      expect(render(recordOf(line, 'original', true))).toBe(line.toString())
    }
    expect(sound).toBeGreaterThan(300)
  })

  test.each([
    ['digits and offset of its time', '<14>1 2026-10-11T22:14:15.100000+02:00 h a p m [x@1 k="v"] text'],
    ['no digits, Z', '<165>1 2026-10-11T22:14:15Z h a p m - text'],
    ['no parts at all', '<0>1 - - - - - -'],
    ['a blank and no text', '<14>1 2026-10-11T22:14:15Z h a - - - '],
    ['no text', '<14>1 2026-10-11T22:14:15Z h a - - [x@1]'],
    ['structured data alone', '<14>1 2026-10-11T22:14:15Z h a - - [x@1 k="v"]'],
    ['a time before 1970', '<14>1 1969-12-31T23:59:59.999999+00:00 h a - - - text'],
    ['escapes', '<14>1 2026-10-11T22:14:15Z h a - - [x@1 k="\\"\\]\\\\"][y z=""] text'],
    ['another version', '<14>2 2026-10-11T22:14:15Z h a - - - text'],
    ['text that looks like a message', '<14>1 2026-10-11T22:14:15Z h a - - - <14>1 - - - - - - x'],
    ['line feeds', '<14>1 2026-10-11T22:14:15Z h a - - - a\nb\n\nc'],
    ['text of blanks', '<14>1 2026-10-11T22:14:15Z h a - - -   '],
    ['long parts', `<14>1 - ${'h'.repeat(255)} ${'a'.repeat(48)} ${'p'.repeat(128)} ${'m'.repeat(32)} - ${'x'.repeat(70_000)}`],
  ])('%s', (_, line) => expect(render(recordOf(Buffer.from(line)))).toBe(line))
})

/** What messages have in common that say the same. */
function essence(line: Buffer): Message {
  const b = encodeOtlpLogs({})
  void b
  const record = recordOf(line)
  const whole = Buffer.concat([Buffer.from([0x12]), lengthOf(record), record])
  const scope = Buffer.concat([Buffer.from([0x12]), lengthOf(whole), whole])
  const logs = Buffer.concat([Buffer.from([0x0a]), lengthOf(scope), scope])
  const decoded = decodeOtlpLogs(logs) as { resourceLogs: { scopeLogs: { logRecords: Message[] }[] }[] }
  const { body: _body, observedTimeUnixNano: _observed, attributes, ...rest } = decoded.resourceLogs[0]!.scopeLogs[0]!.logRecords[0]!
  const kept = (attributes as { key: string }[]).filter(({ key }) => key !== 'version')
  return { ...rest, attributes: kept }
}

function lengthOf(b: Buffer): Buffer {
  const bytes: number[] = []
  let rest = b.length
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}

describe('what came in otherwise says the same as RFC 5424', () => {
  const lines = jsonl<{ name: string; line: string }>('syslog-lines')
  /** Parts that RFC 5424 cannot carry, or that it must have. */
  const others = new Set<string>([])
  test.each(lines.filter(({ name }) => !others.has(name)).map(({ name, line }) => [name, line] as const))('%s', (_, line) => {
    const bytes = Buffer.from(line)
    const out = render(recordOf(bytes), { hostname: '', appName: '' })
    expect(parse5424(Buffer.from(out), 0, Buffer.byteLength(out), message)).toBe(0)
    expect(essence(Buffer.from(out))).toEqual(essence(bytes))
  })
})
