import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeEnvelope, type Message } from '../../../../test/support/decode.ts'
import { field } from '../../../telemetry/testing/encode.ts'
import { GrowingSink } from '../frame-sink.ts'
import { frame, readFrame } from '../frames.ts'
import { newFrameForm } from './frame-form.ts'
import { FrameWriter } from './frame-writer.ts'

const writer = new FrameWriter()
const withTags = newFrameForm({ hostname: 'test-hostname', metadata: true })
const withoutTags = newFrameForm({ hostname: 'test-hostname', metadata: false })

const base: Message = { timestamp: 12345678n, source_id: 'test-app-id', instance_id: '2' }
const e: Message = { ...base, tags: { source_type: 'MY TASK' }, log: { payload: Buffer.from('just a test') } }
const payload = (text: string | Buffer) => ({ log: { payload: Buffer.from(text as string) } })
const start = '<14>1 1970-01-01T00:00:00.012345+00:00 test-hostname test-app-id'

/** Messages that the sink holds, without their octet counts. */
function cut(sink: GrowingSink): Buffer[] {
  const messages: Buffer[] = []
  for (let pos = 0; pos < sink.end; ) {
    pos = readFrame(sink.bytes, pos, sink.end)
    expect(pos).toBeGreaterThan(0)
    messages.push(Buffer.from(sink.bytes.subarray(frame.start, frame.end)))
  }
  return messages
}

function write(bytes: Buffer, form = withTags, by = writer): Buffer[] {
  const sink = new GrowingSink(16)
  by.look(bytes, 0, bytes.length)
  const count = by.write(form, sink)
  const messages = cut(sink)
  expect(messages.length).toBe(Math.max(0, count))
  return messages
}

const textsOf = (message: Message, form = withTags) =>
  write(encodeEnvelope(message), form).map((each) => each.toString('latin1'))
const textOf = (message: Message, form = withTags) => textsOf(message, form)[0]

describe('a log', () => {
  test.each<[string, Message, number, string]>([
    ['with its tags', e, 126, `${start} [MY-TASK/2] - [tags@47450 source_type="MY TASK"] just a test\n`],
    ['of an app', { ...e, tags: { source_type: 'APP' } }, 118, '[APP/2] - [tags@47450 source_type="APP"] just'],
    ['of a process', { ...e, instance_id: '26', tags: { source_type: 'app/foo/bar' } }, 135, ' [APP/FOO/BAR/26] '],
    ['of another source', { ...e, instance_id: '1', tags: { source_type: 'other' } }, 122, ' [OTHER/1] '],
    [
      'with a NUL, which is left out',
      { ...e, instance_id: '1', tags: { source_type: 'OTHER' }, ...payload('no null `\0` please') },
      128,
      '] no null `` please\n',
    ],
    ['counted in bytes', { ...e, tags: { source_type: 'APP' }, ...payload('héllo') }, 113, '] h\u00c3\u00a9llo\n'],
    ['of two lines', { ...e, tags: { source_type: 'APP' }, ...payload('a\nb') }, 110, '] a\nb\n'],
    ['that ends in a newline', { ...e, tags: { source_type: 'APP' }, ...payload('a\nb\n') }, 110, '] a\nb\n'],
    ['without a source type', { ...base, ...payload('x') }, 76, `${start} [/2] - - x\n`],
  ])('%s', (_, message, size, part) => {
    const text = textOf(message)
    expect(text).toContain(part)
    expect(text!.length).toBe(size)
  })

  test('to stderr has PRI 11, of an unknown type 14', () => {
    const log = (type: number) => textOf({ ...e, log: { payload: Buffer.from('x'), type } })!
    expect([0, 1, 20, -1].map((type) => log(type).slice(0, 4))).toEqual(['<14>', '<11>', '<14>', '<14>'])
  })

  test('without metadata has no structured data', () => {
    const log = { payload: Buffer.from('just a test'), type: 1 }
    const text = textOf({ ...e, tags: { source_type: 'APP' }, log }, withoutTags)!
    expect(text).toBe(`<11>${start.slice(4)} [APP/2] - - just a test\n`)
    expect(text.length).toBe(89)
  })

  test('with nothing in it', () => {
    const form = newFrameForm({ hostname: '', metadata: true })
    expect(textsOf({ source_id: 'app', log: { payload: Buffer.alloc(0) } }, form)).toEqual([
      '<14>1 1970-01-01T00:00:00+00:00 - app [] - - \n',
    ])
  })

  test('keeps bytes that are no UTF-8', () => {
    expect(textOf({ ...e, ...payload(Buffer.from([0xff, 0xfe])) })!.endsWith('] \u00ff\u00fe\n')).toBe(true)
  })

  test('may have its fields in any order and unknown ones between them', () => {
    const log = field(4, [Buffer.from([0x10, 1]), field(7, 'more'), field(1, 'later')])
    expect(write(Buffer.concat([log, field(2, 'app')])).map(String)).toEqual([
      '<11>1 1970-01-01T00:00:00+00:00 test-hostname app [] - - later\n',
    ])
  })
})

describe('names', () => {
  const hostOf = (tags: Record<string, string>) => textOf({ ...e, tags })!.split(' ')[2]
  test('of organization, space and app become the host', () => {
    const tags = { organization_name: 'some_org', space_name: 'some space', app_name: 'some_app--' }
    expect(hostOf(tags)).toBe('someorg.some-space.someapp')
    expect(hostOf({ app_name: 'web' })).toBe('..web')
    const [o, s, a] = ['o', 's', 'a'].map((letter) => letter.repeat(100))
    expect(hostOf({ organization_name: o!, space_name: s!, app_name: a! })).toBe(
      `${o!.slice(0, 63)}.${s!.slice(0, 63)}.${a!.slice(0, 63)}`,
    )
  })

  test('are cut to what RFC 5424 allows', () => {
    const form = newFrameForm({ hostname: 'A'.repeat(300), metadata: true })
    const [, , host, app, proc] = textOf(
      { ...e, source_id: 'A'.repeat(300), instance_id: 'A'.repeat(300) },
      form,
    )!.split(' ')
    expect([host, app, proc]).toEqual(['A'.repeat(255), 'A'.repeat(48), `[MY-TASK/${'A'.repeat(118)}]`])
  })

  test.each([
    ['TASK/こんにちは', '2', '[TASK//2]'],
    ['a'.repeat(125), '17', `[${'A'.repeat(125)}/]`],
    ['a'.repeat(126), '0', `[${'A'.repeat(124)}/0]`],
    ['a'.repeat(300), 'b'.repeat(40), `[${'A'.repeat(89)}/${'b'.repeat(36)}]`],
    ['a'.repeat(126), '', `[${'A'.repeat(126)}]`],
    ['a'.repeat(127), '', `[${'A'.repeat(127)}`],
    ['a'.repeat(300), '', `[${'A'.repeat(127)}`],
  ])('source type %s with instance %s', (source_type, instance_id, procId) => {
    expect(textOf({ ...e, instance_id, tags: { source_type } })!.split(' ')[4]).toBe(procId)
  })
})

describe('tags', () => {
  test('are escaped and stand in the order of their keys', () => {
    expect(textOf({ ...e, tags: { source_type: 'APP', 'log-tag': '"]\\' } })).toContain(
      ' - [tags@47450 log-tag="\\"\\]\\\\" source_type="APP"] ',
    )
  })

  test('come out equal in whatever order they come in', () => {
    const tags = Object.entries({ a: '1', ab: '2', b: '3', app_name: 'web', source_type: 'APP', 'a/b': '' })
    const orders = [tags, [...tags].reverse(), [...tags.slice(3), ...tags.slice(0, 3)]]
    const texts = orders.map((order) => textOf({ ...e, tags: Object.fromEntries(order) }))
    expect(new Set(texts).size).toBe(1)
    expect(texts[0]).toContain('[tags@47450 a="1" a/b="" ab="2" app_name="web" b="3" source_type="APP"]')
  })

  test('with one key: the last one counts, both times', () => {
    const tag = (value: string) => field(9, [field(1, 'k'), field(2, value)])
    const log = field(4, field(1, 'x'))
    const texts = [
      [tag('1'), tag('2'), log],
      [tag('2'), tag('1'), log],
      [tag('1'), log],
      [tag('1'), tag('1'), log],
    ].map((parts) => String(write(Buffer.concat(parts))[0]))
    expect(texts.map((text) => /k="(.)"/.exec(text)![1])).toEqual(['2', '1', '1', '1'])
  })

  test('of one app are not taken for those of another that lacks or repeats one', () => {
    const tag = (key: string) => field(9, [field(1, key), field(2, '1')])
    const log = field(4, field(1, 'x'))
    const texts = [
      [tag('a'), tag('b'), tag('c'), log],
      [tag('a'), tag('b'), tag('b'), log],
      [tag('b'), tag('a'), tag('c'), log],
    ].map((parts) => /\[tags@47450 (.*?)\]/.exec(String(write(Buffer.concat(parts))[0]))![1])
    expect(texts).toEqual(['a="1" b="1" c="1"', 'a="1" b="1"', 'a="1" b="1" c="1"'])
  })

  test('beyond the bounds of the cache come out right', () => {
    const own = new FrameWriter()
    for (let n = 0; n < 12_000; n++) {
      const bytes = encodeEnvelope({ ...e, tags: { app_name: `app-${n}`, request: `${n}`, source_type: 'RTR/x' } })
      const [message] = write(bytes, withTags, own)
      if (n % 100 === 0) {
        expect(String(message)).toContain(` ..app-${n} `)
        expect(own.logType()).toBe('RTR')
      }
    }
  })
})

describe('an envelope that cannot be encoded', () => {
  const cases: [string, Message, string][] = [
    ['a key with a blank', { ...e, tags: { 'bad key': 'x' } }, 'StructuredData/Name'],
    ['a source id of blanks', { ...e, source_id: '   ' }, 'AppName'],
    ['an instance with a blank', { ...e, instance_id: 'a b' }, 'ProcessID'],
  ]
  test.each(cases)('%s', (_, message, fault) => {
    expect(textsOf(message)).toEqual([])
    expect(writer.fault).toBe(fault)
    expect(textOf(e)).toContain(' just a test\n')
  })

  test('a host name with a blank, unless the tags have one', () => {
    const form = newFrameForm({ hostname: 'has space', metadata: true })
    expect(textsOf(e, form)).toEqual([])
    expect(writer.fault).toBe('Hostname')
    expect(textOf({ ...e, tags: { app_name: 'web' } }, form)).toContain(' ..web ')
  })

  test('a tag or a name that is no UTF-8', () => {
    const bad = Buffer.from([0xff])
    const log = field(4, field(1, 'x'))
    expect(write(Buffer.concat([field(9, [field(1, 'k'), field(2, bad)]), log]))).toEqual([])
    expect(write(field(5, field(1, bad)))).toEqual([])
    expect(writer.fault).toBe('StructuredData/Value')
  })

  test('a gauge whose tags would be repeated beyond 16 MiB', () => {
    const metrics = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`m${n}`, { unit: '', value: n }]))
    expect(textsOf({ ...e, tags: { big: 'x'.repeat(100_000) }, gauge: { metrics }, log: undefined })).toEqual([])
    expect(writer.fault).toBe('Size')
  })
})

describe('metrics, timers and events', () => {
  const counter = { name: 'some-counter', total: 99n, delta: 1n }
  const of = (message: Message) => ({ ...base, instance_id: '1', ...message })
  test.each<[string, Message, string]>([
    ['a counter', { counter }, '[1] - [counter@47450 name="some-counter" total="99" delta="1"] \n'],
    [
      'a counter with a tag',
      { counter, tags: { 'metric-tag': '"]\\' } },
      'delta="1"][tags@47450 metric-tag="\\"\\]\\\\"] \n',
    ],
    ['the largest counter', { counter: { ...counter, total: 2n ** 64n - 1n } }, ' total="18446744073709551615" '],
    [
      'a timer',
      { timer: { name: 'http', start: 10n, stop: 20n } },
      '[timer@47450 name="http" start="10" stop="20"] \n',
    ],
    [
      'a timer before 1970',
      { timer: { name: '', start: -(2n ** 63n), stop: -1n } },
      ' start="-9223372036854775808" stop="-1"',
    ],
    [
      'an event',
      { event: { title: 'event-title', body: 'event-body' } },
      '[event@47450 title="event-title" body="event-body"] \n',
    ],
  ])('%s', (_, message, part) => {
    expect(textOf(of(message))).toContain(part)
  })

  test('a gauge becomes a message for each metric', () => {
    const metrics = {
      cpu: { unit: 'percentage', value: 0.23 },
      disk: { unit: 'bytes', value: 1234 },
      disk_quota: { unit: 'bytes', value: 1024 },
      memory: { unit: 'bytes', value: 5423 },
      memory_quota: { unit: 'bytes', value: 8000 },
    }
    expect(textsOf(of({ gauge: { metrics } })).map(({ length }) => length)).toEqual([128, 124, 130, 126, 132])
    const large = { memory: { unit: 'bytes', value: 268435456 } }
    expect(textOf(of({ gauge: { metrics: large } }))).toContain(' value="2.68435456e+08" ')
    expect(textsOf(of({ gauge: { metrics: {} } }))).toEqual([])
    expect(textsOf(of({}))).toEqual([])
  })
})

describe('several drains', () => {
  test('get the messages of their own forms', () => {
    const bytes = encodeEnvelope({ ...e, timestamp: 1500000000123456789n })
    const forms = [
      withTags,
      withoutTags,
      { ...withTags },
      newFrameForm({ hostname: 'other', metadata: true }),
      withTags,
    ]
    const sink = new GrowingSink(16)
    writer.look(bytes, 0, bytes.length)
    expect(forms.map((form) => writer.write(form, sink))).toEqual([1, 1, 1, 1, 1])
    expect(cut(sink).map(String)).toEqual(forms.flatMap((form) => write(bytes, form).map(String)))
  })

  test('are asked by kind and log type', () => {
    const look = (message: Message) => {
      const bytes = encodeEnvelope(message)
      return [writer.look(bytes, 0, bytes.length), writer.logType()]
    }
    expect(look({ ...e, tags: { source_type: 'app/proc/web' } })).toEqual([1, 'APP'])
    expect(look(e)).toEqual([1, 'MY TASK'])
    expect(look({ ...base, counter: { name: 'c' } })).toEqual([2, ''])
    expect(look({ ...base, event: { title: 't' } })).toEqual([5, ''])
    expect(look(base)).toEqual([0, ''])
  })
})

describe('any bytes', () => {
  const envelopeParts = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), fc.uint8Array({ maxLength: 40 }))
        .map(([number, bytes]) => field(number, Buffer.from(bytes))),
      fc
        .tuple(fc.constantFrom(4, 5, 6, 7, 9, 10), fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 20 }))
        .map(([number, a, b]) => field(number, [field(1, Buffer.from(a)), field(2, Buffer.from(b))])),
    ),
    { maxLength: 8 },
  )

  test('never throw and are never read beyond their end', () => {
    fc.assert(
      fc.property(envelopeParts, fc.uint8Array({ maxLength: 8 }), (parts, around) => {
        const bytes = Buffer.concat(parts)
        const inside = Buffer.concat([around, bytes, around])
        const results = [bytes, inside].map((source) => {
          const sink = new GrowingSink(16)
          const from = source === bytes ? 0 : around.length
          const kind = writer.look(source, from, from + bytes.length)
          const count = writer.write(withTags, sink)
          return [kind, count, count < 0 ? writer.fault : '', writer.logType(), cut(sink).map(String)]
        })
        expect(results[1]).toEqual(results[0])
      }),
      { numRuns: 1500 },
    )
  })

  test('any tags give one message, the same from a fresh writer', () => {
    const key = fc.stringMatching(/^[!-~]{0,20}$/).filter((text) => !/["=\]]/.test(text))
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string({ unit: 'binary', maxLength: 80 })), { maxLength: 80 }), (tags) => {
        const bytes = encodeEnvelope({ ...e, tags: Object.fromEntries(tags) })
        const messages = write(bytes).map(String)
        expect(messages.length).toBe(1)
        expect(write(bytes).map(String)).toEqual(messages)
        expect(write(bytes, withTags, new FrameWriter()).map(String)).toEqual(messages)
        for (const [name] of tags) expect(messages[0]).toContain(` ${name}="`)
      }),
      { numRuns: 150 },
    )
  })
})

describe('frames', () => {
  test.each(['', '5', '5 abcd', ' abc', 'x 1', '12345678901 a', '-1 a'])('%j is none', (text) => {
    expect(readFrame(Buffer.from(text), 0, text.length)).toBe(-1)
  })
})
