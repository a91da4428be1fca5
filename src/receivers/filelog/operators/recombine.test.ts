import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { faults } from '../../../ottl/testing/run.ts'
import { encodeAttributes } from '../../../wire/otlp/log-attributes.ts'
import filelog from '../index.ts'
import { newSink, newTail, run, taken } from './operators.fixture.ts'

const recombine = (more: object) => ({ type: 'recombine', combine_field: 'body', ...more })
const bodies = (more: object, ...lines: string[]) => run([recombine(more)], ...lines).records.map(({ body }) => body)

describe('recombine', () => {
  test('stack traces, by what begins an entry', () => {
    const lines = ['one', 'Error: x', '  at a', '  at b', 'two']
    expect(bodies({ is_first_entry: 'body matches "^[^\\\\s]"' }, ...lines)).toEqual([
      'one',
      'Error: x\n  at a\n  at b',
      'two',
    ])
  })

  test('parts of lines, by what ends an entry; the fields of the newest stay, or those of the oldest', () => {
    const parse = { type: 'regex_parser', regex: '^(?P<tag>\\w) (?P<n>\\d) (?P<text>.*)', parse_to: 'body' }
    const join = (more = {}) =>
      recombine({ combine_field: 'body.text', combine_with: '', is_last_entry: 'body.tag == "F"', ...more })
    const lines = ['F 1 whole', 'P 2 a very ', 'P 3 long ', 'F 4 line']
    expect(run([parse, join()], ...lines).records.map(({ body }) => body)).toEqual([
      { tag: 'F', n: '1', text: 'whole' },
      { tag: 'F', n: '4', text: 'a very long line' },
    ])
    expect(run([parse, join({ overwrite_with: 'oldest' })], ...lines).records[1]!.body).toMatchObject({
      tag: 'P',
      n: '2',
    })
  })

  const numbered = ['log2', 'log3', 'log4', 'log5', 'log1', 'log6', 'log7', 'log1', 'log8', 'log1']
  test.each<[object, string[]]>([
    [{ is_first_entry: 'body == "log1"', max_unmatched_batch_size: 0 }, ['2 3 4 5', '1 6 7', '1 8', '1']],
    [{ is_first_entry: 'body == "log1"', max_unmatched_batch_size: 1 }, ['2', '3', '4', '5', '1 6 7', '1 8', '1']],
    [{ is_first_entry: 'body == "log1"', max_unmatched_batch_size: 3 }, ['2 3 4', '5', '1 6 7', '1 8', '1']],
    [{ is_last_entry: 'body == "log1"', max_unmatched_batch_size: 3 }, ['2 3 4', '5 1', '6 7 1', '8 1']],
    [{ is_last_entry: 'false', max_batch_size: 4, max_unmatched_batch_size: 0 }, ['2 3 4 5', '1 6 7 1', '8 1']],
    [{ is_last_entry: 'false', max_log_size: 9, combine_with: '' }, ['2 3 4', '5 1 6', '7 1 8', '1']],
  ])('with %j', (more, expected) => {
    const joined = bodies(more, ...numbered).map((body) => (body as string).match(/\d/g)!.join(' '))
    expect(joined).toEqual(expected)
  })

  test('sources are told apart, and too many let go of all', () => {
    const more = { source_identifier: 'attributes.of', is_last_entry: 'attributes.end == "!"' }
    const parse = { type: 'regex_parser', regex: '^(?P<of>\\w)(?P<end>!?)' }
    const join = (...lines: string[]) => run([parse, recombine({ ...more, max_sources: 2 })], ...lines).records
    expect(join('a1', 'b1', 'a2', 'b!', 'a!').map(({ body }) => body)).toEqual(['b1\nb!', 'a1\na2\na!'])
    expect(join('a1', 'b1', 'c1', 'a!').map(({ body }) => body)).toEqual(['a1', 'b1', 'a!', 'c1'])
  })

  test('what waits goes on after a while, and is charged until then', () => {
    const { sink, clock, budget, read } = newSink([recombine({ is_first_entry: 'body == "x"' }), { type: 'noop' }])
    read('x')
    read('more')
    expect([taken(sink), budget.used]).toEqual([[], 6 + 2 * 64])
    clock.advance(4999)
    expect(sink.release(false)).toBe(false)
    clock.advance(1)
    expect(sink.release(false)).toBe(true)
    expect([taken(sink).map(({ body }) => body), budget.used]).toEqual([['x\nmore'], 0])
  })

  test('what one lets go of waits in the next from its first line on, whatever let go of it', () => {
    const parts = { type: 'container', add_metadata_from_filepath: false }
    const entries = recombine({ is_first_entry: 'true', source_identifier: 'attributes.none' })
    const { sink, clock, read } = newSink([parts, entries])
    const [one, two] = [newTail(1), newTail(2)]
    const line = (tag: string, text: string, tail = one) => read(`2026-01-02T03:04:05Z stdout ${tag} ${text}`, tail)
    const places = () => [one, two].map((tail) => sink.places().get(tail)?.offset)
    line('F', 'settled')
    const first = one.offset
    line('P', 'PART1-')
    line('F', 'part2')
    expect(places()).toEqual([first, undefined])
    const second = one.offset
    line('P', 'late ')
    clock.advance(4999)
    line('P', 'other', two)
    clock.advance(1)
    sink.release(false)
    expect(taken(sink).map(({ body }) => body)).toEqual(['settled', 'PART1-part2'])
    expect(places()).toEqual([second, 0])
  })

  test('entries without end or text do not wait without bound', () => {
    const unbounded = { is_last_entry: 'false', max_batch_size: 0, max_unmatched_batch_size: 0, combine_with: '' }
    const { sink, read } = newSink([recombine({ ...unbounded, combine_field: 'attributes.none' }), { type: 'noop' }])
    const none = encodeAttributes({ none: '' })
    const most = (16 << 20) / 64
    for (let i = 0; i < most; i++) read('x', undefined, none)
    expect(sink.count).toBe(0)
    read('x', undefined, none)
    expect(sink.count).toBe(1)
  })

  test('what waits of a file that is over goes on, and nothing else', () => {
    const { sink, read } = newSink([recombine({ is_first_entry: 'true', source_identifier: 'attributes.none' })])
    const [gone, kept] = [newTail(1), newTail(2)]
    read('last', gone)
    read('goes on', kept)
    expect(sink.release(false)).toBe(false)
    gone.isOver = true
    sink.release(false)
    expect(taken(sink).map(({ body }) => body)).toEqual(['last'])
  })

  test('an entry without text in the field goes on by itself', () => {
    const operators = [
      { type: 'json_parser', parse_to: 'body' },
      recombine({ combine_field: 'body.text', is_last_entry: 'body.end == true' }),
    ]
    const { records, log } = run(operators, '{"text":"a"}', '{"n":1}', '{"text":"b","end":true}')
    expect(records.map(({ body }) => body)).toEqual([{ n: 1 }, { text: 'a\nb', end: true }])
    expect(log[0]).toContain('operator recombine: the entry has no text in body.text to join')
  })

  test('nothing gets lost: joined or not, every line comes once and in its order', () => {
    const operator = fc.record({
      combine_with: fc.constant('|'),
      max_batch_size: fc.nat(4),
      max_unmatched_batch_size: fc.nat(3),
      max_log_size: fc.nat(20),
      overwrite_with: fc.constantFrom('oldest', 'newest'),
    })
    const lines = fc.array(fc.constantFrom('a', 'bb', 'x', 'long line'), { maxLength: 20 })
    fc.assert(
      fc.property(operator, fc.constantFrom('is_first_entry', 'is_last_entry'), lines, (more, key, all) => {
        expect(bodies({ ...more, [key]: 'body == "x"' }, ...all).join('|')).toBe(all.join('|'))
      }),
    )
  })

  test.each([
    [{}, 'operators.0: write either is_first_entry or is_last_entry'],
    [{ is_first_entry: 'true', is_last_entry: 'true' }, 'write either is_first_entry or is_last_entry'],
    [{ is_first_entry: 'bodi' }, 'operators.0.is_first_entry: unknown name bodi'],
  ])('%j is refused', (more, message) => {
    expect(faults(filelog, { include: ['x'], operators: [recombine(more)] })).toContain(message)
  })
})

describe('container', () => {
  const cri = (tag: string, text: string, stream = 'stdout') => `2026-01-02T03:04:05.5Z ${stream} ${tag} ${text}`
  const pod = {
    'k8s.namespace.name': 'ns',
    'k8s.pod.name': 'pod',
    'k8s.pod.uid': 'c0ffee',
    'k8s.container.name': 'app',
    'k8s.container.restart_count': '0',
  }
  const time = BigInt(Date.UTC(2026, 0, 2, 3, 4, 5, 500)) * 1_000_000n
  const parse = (more: object, ...lines: string[]) => run([{ type: 'container', ...more }], ...lines)

  test.each<[string, string, object]>([
    ['containerd', cri('F', 'all is well'), { 'log.iostream': 'stdout', logtag: 'F' }],
    ['crio', '2026-01-02T05:04:05.5+02:00 stderr F all is well', { 'log.iostream': 'stderr', logtag: 'F' }],
    [
      'docker',
      '{"log":"all is well","stream":"stdout","time":"2026-01-02T03:04:05.5Z","attrs":{"a":"b"}}',
      { 'log.iostream': 'stdout', attrs: { a: 'b' } },
    ],
  ])('a line of %s, told by itself or by its format', (format, line, attributes) => {
    for (const more of [{}, { format }]) {
      const { records, log } = parse(more, line)
      expect([records, log]).toEqual([
        [
          expect.objectContaining({
            body: 'all is well',
            time,
            attributes: { 'log.file.path': '/var/log/pods/ns_pod_c0ffee/app/0.log', ...attributes },
            resource: { host: 'h', ...pod },
          }),
        ],
        [],
      ])
    }
  })

  test('parts of a line are joined, those of each stream by themselves', () => {
    const lines = [
      cri('P', 'a '),
      cri('P', 'x ', 'stderr'),
      cri('P', 'long '),
      cri('F', 'line'),
      cri('F', 'y', 'stderr'),
    ]
    const { records } = parse({}, ...lines)
    expect(records.map(({ body, attributes }) => [body, attributes.logtag])).toEqual([
      ['a long line', 'F'],
      ['x y', 'F'],
    ])
  })

  test('a severity may be read with it', () => {
    const more = { severity: { parse_from: 'body' } }
    expect(parse(more, cri('F', 'error')).records).toMatchObject([{ severity: 17 }])
  })

  test.each<[object, string, string]>([
    [{}, 'no line of a container', 'it is no line of a container'],
    [{ format: 'docker' }, cri('F', 'x'), 'it is no JSON'],
    [{}, '{"stream":"stdout"}', 'the line has no text in log'],
    [{}, '{"log":"x","stream":"stdout"}', 'the line has no time'],
    [{ add_metadata_from_filepath: true, parse_to: 'attributes.c' }, 'x stdout F y', 'the line has no time'],
  ])('%j fails on %s', (more, line, message) => {
    const { records, log } = parse(more, line)
    expect([records.length, log[0]]).toEqual([1, expect.stringContaining(message)])
  })

  test('lines of one pod share its resource, and what is written to it is that of one line', () => {
    const mark = { type: 'add', if: 'body == "b"', field: 'resource.marked', value: true }
    const early = { ...mark, id: 'early', if: 'body endsWith "c"', field: 'resource.early' }
    const other = encodeAttributes({ 'log.file.path': '/var/log/pods/ns_other_c0ffee/app/0.log' })
    const { sink, read } = newSink([early, { type: 'container' }, mark])
    for (const text of ['a', 'b', 'c', 'd']) read(cri('F', text))
    read(cri('F', 'e'), undefined, other)
    read(cri('F', 'f'))
    const records = taken(sink).map(({ body, resource }) => [body, resource] as const)
    const shared = { host: 'h', ...pod }
    expect(Object.fromEntries(records)).toEqual({
      a: shared,
      b: { ...shared, marked: true },
      c: { ...shared, early: true },
      d: shared,
      e: { ...shared, 'k8s.pod.name': 'other' },
      f: shared,
    })
  })

  test('the path of the file is wanted, unless it is not to be read', () => {
    const forget = { type: 'remove', field: 'attributes' }
    const { log, records } = run([forget, { type: 'container' }], cri('F', 'x'))
    expect(log[0]).toContain('the entry has no log.file.path: set include_file_path')
    expect(records).toMatchObject([{ body: 'x' }])
    const plain = run([forget, { type: 'container', add_metadata_from_filepath: false }], cri('F', 'x'))
    expect([plain.log, plain.records[0]!.resource]).toEqual([[], { host: 'h' }])
  })

  test('the body is the text of the line', () => {
    const operators = [{ type: 'container', parse_to: 'body' }]
    expect(faults(filelog, { include: ['x'], operators })).toContain('operators.0.parse_to: the body is the text')
  })
})
