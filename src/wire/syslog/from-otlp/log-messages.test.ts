import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeOtlpLogs, encodeOtlpLogs, type Message } from '../../../../test/support/decode.ts'
import { Reader } from '../../protobuf.ts'
import { GrowingSink } from '../frame-sink.ts'
import { type Framing, MessageFraming } from '../message-framing.ts'
import { SyslogMessage } from '../parse/message.ts'
import { parse5424 } from '../parse/parse-5424.ts'
import { parseLoose } from '../parse/parse-loose.ts'
import { newZone } from '../parse/time-zone.ts'
import { LogRecordForm } from '../to-otlp.ts'
import { type LogMessageOptions, LogMessages } from './log-messages.ts'

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
const none: Buffer = Buffer.alloc(0)

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
  readFileSync(new URL(`../../../../test/testdata/${name}.jsonl`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

describe('what came in as RFC 5424 goes out as it came', () => {
  const frames = jsonl<{ output_b64?: string[] }>('syslog-frames').flatMap(({ output_b64 }) => output_b64 ?? [])
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
    [
      'long parts',
      `<14>1 - ${'h'.repeat(255)} ${'a'.repeat(48)} ${'p'.repeat(128)} ${'m'.repeat(32)} - ${'x'.repeat(70_000)}`,
    ],
  ])('%s', (_, line) => expect(render(recordOf(Buffer.from(line)))).toBe(line))
})

/** What messages have in common that say the same. */
function essence(line: Buffer): Message {
  const record = recordOf(line)
  const whole = Buffer.concat([Buffer.from([0x12]), lengthOf(record), record])
  const scope = Buffer.concat([Buffer.from([0x12]), lengthOf(whole), whole])
  const logs = Buffer.concat([Buffer.from([0x0a]), lengthOf(scope), scope])
  const decoded = decodeOtlpLogs(logs) as { resourceLogs: { scopeLogs: { logRecords: Message[] }[] }[] }
  const {
    body: _body,
    observedTimeUnixNano: _observed,
    attributes,
    ...rest
  } = decoded.resourceLogs[0]!.scopeLogs[0]!.logRecords[0]!
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
  /** What RFC 5424 must have, and they have not; or what it cannot carry. */
  const filled: Record<string, string> = {
    'logger without header': '<13>1 2026-11-21T05:30:00+00:00 - logger 12 - - plain words',
    'priority and text alone': '<13>1 2026-11-21T05:30:00+00:00 - - - - - plain words',
    'text alone': '<14>1 2026-11-21T05:30:00+00:00 - - - - - plain words: two',
    'no priority, BSD header': '<14>1 2026-10-11T22:14:15+00:00 web app 3 - - x',
    'a priority that is none': '<14>1 2026-10-11T22:14:15+00:00 web app - - - x',
    'Loggregator before 2023, priority -1': '<14>1 2026-10-11T22:14:15+00:00 h app [X] - - y',
    'nine fractional digits': '<14>1 2026-10-11T22:14:15.123456+00:00 h a - - - x',
    'a timestamp that is none': '<14>1 2026-11-21T05:30:00+00:00 h a - - - x',
    'over-long app name': `<14>1 2026-10-11T22:14:15Z h ${'a'.repeat(48)} - - - x`,
    'nothing behind the priority': '<14>1 2026-11-21T05:30:00+00:00 - - - - -',
  }
  test.each(lines.map(({ name, line }) => [name, line] as const))('%s', (name, line) => {
    const bytes = Buffer.from(line)
    const out = render(recordOf(bytes), { hostname: '', appName: '' })
    expect(parse5424(Buffer.from(out), 0, Buffer.byteLength(out), message)).toBe(0)
    if (filled[name]) return expect(out).toBe(filled[name])
    expect(essence(Buffer.from(out))).toEqual(essence(bytes))
  })
})

test('whatever RFC 5424 can say comes through both ways, also without the message as it came', () => {
  const word = (most: number) =>
    fc.oneof(
      fc.constant('-'),
      fc.string({
        unit: fc.integer({ min: 0x21, max: 0x7e }).map((c) => String.fromCharCode(c)),
        minLength: 2,
        maxLength: most,
      }),
    )
  const name = fc.stringMatching(/^[a-z][a-z0-9@._-]{0,20}$/)
  const value = fc.string({ unit: 'grapheme', maxLength: 20 })
  const escaped = (text: string) => text.replace(/["\\\]]/g, '\\$&')
  const parameter = fc.tuple(name, value).map(([key, text]) => ` ${key}="${escaped(text)}"`)
  const element = fc.tuple(name, fc.array(parameter, { maxLength: 4 })).map(([id, all]) => `[${id}${all.join('')}]`)
  const elements = fc.uniqueArray(element, { maxLength: 3, selector: (text) => /^\[[^ \]]*/.exec(text)![0] })
  const moment = fc
    .integer({ min: 1, max: 4_000_000_000_000 })
    .map((ms) => new Date(ms).toISOString().replace(/\.?0*Z$/, '+00:00'))
  const line = fc
    .tuple(fc.integer({ min: 0, max: 191 }), moment, word(255), word(48), word(128), word(32), elements, value)
    .map(([pri, at, host, app, proc, id, data, said]) => {
      const text = said.replace(/^\ufeff/, '')
      return `<${pri}>1 ${at} ${host} ${app} ${proc} ${id} ${data.join('') || '-'}${text && ` ${text}`}`
    })
  fc.assert(
    fc.property(line, (written) => {
      const bytes = Buffer.from(written)
      expect(render(recordOf(bytes, 'original', true))).toBe(written)
      expect(render(recordOf(bytes, 'message', true))).toBe(written)
    }),
  )
})

describe('records of others', () => {
  const base = { timeUnixNano: time, severityNumber: 17, body: { stringValue: 'text' } }
  const at = '2017-07-14T02:40:00.123456+00:00'
  test.each<[string, Message, Message, Partial<LogMessageOptions>, string]>([
    ['defaults', base, {}, {}, `<11>1 ${at} vm-1 - - - - text`],
    [
      'defaults of the settings',
      base,
      {},
      { hostname: 'a b', appName: 'é', facility: 16 },
      `<131>1 ${at} a_b _ - - - text`,
    ],
    ['no time: as observed', { body: base.body, observedTimeUnixNano: time }, {}, {}, `<14>1 ${at} vm-1 - - - - text`],
    ['no time at all', { body: base.body }, {}, {}, '<14>1 2026-11-21T05:30:00+00:00 vm-1 - - - - text'],
    [
      'of the resource',
      base,
      {
        attributes: [
          text('host.name', 'db7'),
          text('service.name', 'orders'),
          attribute('process.pid', { intValue: 411n }),
        ],
      },
      {},
      `<11>1 ${at} db7 orders 411 - - text`,
    ],
    [
      'the record before its resource, the first name before the second',
      { ...base, attributes: [text('service.name', 'second'), text('appname', 'first')] },
      { attributes: [text('appname', 'resource')] },
      {},
      `<11>1 ${at} vm-1 first - - - text`,
    ],
    [
      'facility by name',
      { ...base, attributes: [text('facility', 'local3')] },
      {},
      {},
      `<155>1 ${at} vm-1 - - - - text`,
    ],
    ['severity by name', { ...base, attributes: [text('level', 'WARN')] }, {}, {}, `<12>1 ${at} vm-1 - - - - text`],
    ['priority as text', { ...base, attributes: [text('priority', '165')] }, {}, {}, `<165>1 ${at} vm-1 - - - - text`],
    [
      'priority that is none',
      { ...base, attributes: [text('priority', '192')] },
      {},
      {},
      `<11>1 ${at} vm-1 - - - - text`,
    ],
    [
      'priority above 127',
      { ...base, attributes: [attribute('priority', { intValue: 191n })] },
      {},
      {},
      `<191>1 ${at} vm-1 - - - - text`,
    ],
    [
      'a body that is a map',
      { ...base, body: { kvlistValue: { values: [text('k', 'v'), attribute('n', { intValue: 1n })] } } },
      {},
      {},
      `<11>1 ${at} vm-1 - - - - {"k":"v","n":1}`,
    ],
    ['no body', { timeUnixNano: time }, {}, {}, `<14>1 ${at} vm-1 - - - -`],
    [
      'an element of attributes by name',
      {
        ...base,
        attributes: [text('zone', 'z"1]'), text('empty', ''), text('other', 'x'), attribute('n', { intValue: -5n })],
      },
      { attributes: [text('job', 'cell')] },
      { elementId: 'a@1', sources: { ...options.sources, element: ['n', 'job', 'empty', 'zone', 'absent'] } },
      `<11>1 ${at} vm-1 - - - [a@1 n="-5" job="cell" zone="z\\"1\\]"] text`,
    ],
    [
      'an element of all that is left, behind the structured data',
      {
        ...base,
        attributes: [
          text('appname', 'app'),
          text('bad key=', 'x'),
          attribute('list', { arrayValue: { values: [{ doubleValue: 1.5 }, { boolValue: true }] } }),
          attribute('structured_data', {
            kvlistValue: { values: [attribute('s@1', { kvlistValue: { values: [text('k', 'v')] } })] },
          }),
        ],
      },
      {},
      { elementId: 'a@1', allAttributes: true },
      `<11>1 ${at} vm-1 app - - [s@1 k="v"][a@1 bad_key_="x" list="[1.5,true\\]"] text`,
    ],
    [
      'no such element without attributes',
      base,
      {},
      { elementId: 'a@1', allAttributes: true },
      `<11>1 ${at} vm-1 - - - - text`,
    ],
    ['RFC 3164', base, {}, { protocol: 'rfc3164' }, '<11>Jul 14 02:40:00 vm-1 text'],
    [
      'RFC 3164 with a tag and a zone',
      {
        ...base,
        timeUnixNano: 1_767_222_000_000_000_000n,
        attributes: [text('appname', 'cron'), text('proc_id', '77')],
      },
      {},
      { protocol: 'rfc3164', location: 'Europe/Berlin' },
      '<11>Jan  1 00:00:00 vm-1 cron[77]: text',
    ],
    [
      'RFC 3164 with a tag alone',
      { ...base, attributes: [text('appname', 'cron'), text('hostname', 'h')] },
      {},
      { protocol: 'rfc3164' },
      '<11>Jul 14 02:40:00 h cron: text',
    ],
  ])('%s', (_, record, resource, given, expected) => {
    const { record: bytes, resource: around } = encode(record, resource)
    expect(render(bytes, given, around)).toBe(expected)
  })

  test.each([
    [0, 14],
    [1, 15],
    [8, 15],
    [9, 14],
    [10, 13],
    [12, 13],
    [13, 12],
    [16, 12],
    [17, 11],
    [18, 10],
    [19, 9],
    [20, 9],
    [21, 8],
    [24, 8],
    [99, 14],
  ])('severity number %i is priority %i', (severityNumber, priority) => {
    const { record } = encode({ ...base, severityNumber })
    expect(render(record)).toMatch(`<${priority}>1 `)
  })

  test('a record that does not parse is none, and nothing else is read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const out = render(Buffer.from(noise), { elementId: 'x', allAttributes: true })
        expect(out === 'unsound' || /^<\d+>1 /.test(out)).toBe(true)
        expect(out).not.toContain('>>')
      }),
    )
  })

  test('damaged records never throw and never read a neighbour', () => {
    const { record } = encode({ ...base, attributes: [text('appname', 'app'), text('message', 'm'.repeat(200))] })
    fc.assert(
      fc.property(fc.nat(record.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(record)
        damaged[at] = byte
        expect(render(damaged)).not.toContain('>>')
      }),
    )
  })

  test('what is remembered of a sender is that of its record alone', () => {
    const messages = new LogMessages({ ...options, allAttributes: true, elementId: 'e@1' })
    const record = (
      priority: bigint,
      app: string,
      proc: string,
      said: string,
      extra: Message[] = [],
      severityNumber = 9,
    ) =>
      encode({
        timeUnixNano: time,
        severityNumber,
        body: { stringValue: 'body' },
        attributes: [
          attribute('priority', { intValue: priority }),
          text('appname', app),
          text('proc_id', proc),
          ...extra,
          ...(said ? [text('message', said)] : []),
        ],
      })
    const render = ({ record }: { record: Buffer }, resource = none) => {
      const b = Buffer.concat([resource, record])
      messages.setResource(b, 0, resource.length)
      const out = new GrowingSink()
      messages.write(b, resource.length, b.length, 0, 0, out)
      return out.bytes.toString('utf8', 0, out.end).replace(at, 'T')
    }
    const { resource } = encode({}, { attributes: [text('hostname', 'db7')] })
    const { resource: other } = encode({}, { attributes: [text('hostname', 'x'.repeat(200))] })
    for (let round = 0; round < 3; round++) {
      expect(render(record(14n, 'app1', '[0]', 'one'), other)).toBe(`<14>1 T ${'x'.repeat(200)} app1 [0] - - one`)
      expect(render(record(14n, 'app1', '[0]', 'one'))).toBe('<14>1 T vm-1 app1 [0] - - one')
      expect(render(record(14n, 'app1', '[1]', 'two'))).toBe('<14>1 T vm-1 app1 [1] - - two')
      expect(render(record(11n, 'app1', '[1]', 'two'))).toBe('<11>1 T vm-1 app1 [1] - - two')
      expect(render(record(191n, 'app2', '[1]', 'x'.repeat(300)))).toBe(`<191>1 T vm-1 app2 [1] - - ${'x'.repeat(300)}`)
      expect(render(record(14n, 'app1', '[0]', ''))).toBe('<14>1 T vm-1 app1 [0] - - body')
      expect(render(record(14n, 'app1', '[0]', 'one', [text('k', 'v1')]))).toBe(
        '<14>1 T vm-1 app1 [0] - [e@1 k="v1"] one',
      )
      expect(render(record(14n, 'app1', '[0]', 'one', [text('k', 'v2')]))).toBe(
        '<14>1 T vm-1 app1 [0] - [e@1 k="v2"] one',
      )
      expect(render(record(14n, 'app1', '[0]', 'one'), resource)).toBe('<14>1 T db7 app1 [0] - - one')
      expect(render(record(999n, 'app1', '[0]', 'one'))).toBe('<14>1 T vm-1 app1 [0] - - one')
      expect(render(record(999n, 'app1', '[0]', 'one', [], 17))).toBe('<11>1 T vm-1 app1 [0] - - one')
    }
  })

  test('cached structured data is that of its record', () => {
    const data = (v: string) =>
      attribute('structured_data', {
        kvlistValue: { values: [attribute('s', { kvlistValue: { values: [text('k', v)] } })] },
      })
    const messages = new LogMessages(options)
    for (const v of ['a', 'b', 'a', 'a', 'b', 'bb']) {
      const { record } = encode({ ...base, attributes: [text('appname', 'one'), data(v)] })
      const out = new GrowingSink()
      messages.write(record, 0, record.length, 0, 0, out)
      expect(out.bytes.toString('utf8', 0, out.end)).toBe(`<11>1 ${at} vm-1 one - - [s k="${v}"] text`)
    }
  })
})

describe('framing', () => {
  const frame = (kind: Framing, texts: string[], limit = 0) => {
    const framing = new MessageFraming(kind, limit)
    const out = new GrowingSink(8)
    for (const each of texts) {
      framing.begin(out)
      const size = Buffer.byteLength(each)
      out.reserve(size)
      out.end += out.bytes.write(each, out.end)
      framing.end(out)
    }
    return { text: out.bytes.toString('utf8', 0, out.end), truncated: framing.truncated }
  }

  test.each<[string, Framing, string[], string]>([
    [
      'counts change their length',
      'counted',
      ['a', 'b'.repeat(10), 'c'.repeat(99), 'd'.repeat(100), 'e'.repeat(1000), 'f'],
      `1 a10 ${'b'.repeat(10)}99 ${'c'.repeat(99)}100 ${'d'.repeat(100)}1000 ${'e'.repeat(1000)}1 f`,
    ],
    ['counted messages keep their line feeds', 'counted', ['a\nb\n'], '4 a\nb\n'],
    ['lines', 'lines', ['a', 'b'], 'a\nb\n'],
    ['line feeds in lines', 'lines', ['a\nb\n\nc\n', 'd'], 'a#012b#012#012c\nd\n'],
    ['datagrams', 'datagrams', ['a\nb\n'], 'a\nb'],
    ['bytes are counted', 'counted', ['é'], '2 é'],
  ])('%s', (_, kind, texts, expected) => expect(frame(kind, texts).text).toBe(expected))

  test.each([
    ['abcdef', 4, 'abcd'],
    ['abcé', 4, 'abc'],
    ['a😀', 4, 'a'],
    ['abcd', 4, 'abcd'],
  ])('%j is cut at %i bytes, not within a character', (given, limit, expected) => {
    expect(frame('datagrams', [given], limit)).toEqual({ text: expected, truncated: given === expected ? 0 : 1 })
  })
})
