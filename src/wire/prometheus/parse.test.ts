import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Page } from './page.ts'
import { type PageFamily, pageFamilies } from './page-json.ts'
import { parseErrorText, parsePage } from './parse.ts'
import { writeFamilies } from './write.ts'

function parsed(text: string): PageFamily[] {
  const { page, error } = parsePage(Buffer.from(text))
  if (error) throw new Error(parseErrorText(error))
  return pageFamilies(page)
}

function errorOf(text: string | Buffer): string {
  const { error, page } = parsePage(Buffer.from(text as string))
  expect(page).toBeNull()
  return `[${error!.line}] ${error!.message}`
}

describe('samples', () => {
  test('families without a type are untyped, timestamps are kept', () => {
    const text = 'minimal_metric 1.234\nanother_metric -3e3 103948\n# Even that:\nno_labels{} 3\n'
    expect(parsed(text)).toEqual([
      { name: 'minimal_metric', type: 'untyped', metrics: [{ labels: [], value: 1.234 }] },
      { name: 'another_metric', type: 'untyped', metrics: [{ labels: [], value: -3000, time: 103948 }] },
      { name: 'no_labels', type: 'untyped', metrics: [{ labels: [], value: 3 }] },
    ])
  })

  test('blanks and tabs may stand around every token', () => {
    const text =
      'name2{labelname="val2"\t,basename   =   "basevalue2"\t\t} +Inf 54321\nname2{ labelname = "val1" , }-Inf\n'
    expect(parsed(text)[0]!.metrics).toEqual([
      {
        labels: [
          ['labelname', 'val2'],
          ['basename', 'basevalue2'],
        ],
        value: Infinity,
        time: 54321,
      },
      { labels: [['labelname', 'val1']], value: -Infinity },
    ])
  })

  test('help keeps quotes and resolves escapes', () => {
    expect(parsed(' # HELP  name2  \tdoc str"ing 2\nname2 1\n')[0]!.help).toBe('doc str"ing 2')
    expect(parsed('# HELP a two\\nlines \\\\ \na 1\n')[0]!.help).toBe('two\nlines \\ ')
  })

  test('samples of a family need not stand together', () => {
    const text = '# TYPE a counter\na{x="1"} 1\nb 2\na{x="2"} 3\n'
    expect(parsed(text).map(({ name, metrics }) => [name, metrics.map(({ value }) => value)])).toEqual([
      ['a', [1, 3]],
      ['b', [2]],
    ])
  })

  test('quoted names stand anywhere inside the braces', () => {
    expect(parsed('{l="v","my_metric"} 1\n{"my_metric","m"="w"} 2\n')).toEqual([
      {
        name: 'my_metric',
        type: 'untyped',
        metrics: [
          { labels: [['l', 'v']], value: 1 },
          { labels: [['m', 'w']], value: 2 },
        ],
      },
    ])
    expect(parsed('# TYPE h histogram\n{le="2","h_bucket",a="b"} 1\n')[0]!.metrics).toEqual([
      { labels: [['a', 'b']], points: [[2, 1]] },
    ])
  })

  test('an empty page has no families', () => {
    for (const text of ['', '\n', '   ', '# TYPE a counter\n', '#\n']) expect(parsed(text)).toEqual([])
  })
})

describe('groups', () => {
  test('rows of a summary join by their other labels in any order, the first row gives the order', () => {
    const text = '# TYPE s summary\ns_count{b="2",a="1"} 5\ns{a="1",b="2",quantile=".3"} -1.2\n'
    const labels = [
      ['b', '2'],
      ['a', '1'],
    ]
    expect(parsed(text)).toEqual([
      { name: 's', type: 'summary', metrics: [{ labels, count: 5, points: [[0.3, -1.2]] }] },
    ])
  })

  test('interleaved groups find each other, families with equal labels stay apart', () => {
    let text = '# TYPE h histogram\n# TYPE g histogram\n'
    for (const le of ['1', '2']) {
      for (let i = 0; i < 200; i++)
        text += `h_bucket{i="${i}",z="z",le="${le}"} ${i}\ng_bucket{z="z",i="${i}",le="${le}"} 7\n`
    }
    for (let i = 0; i < 200; i++) text += `h_count{z="z",i="${i}"} ${i}\n`
    const [h, g] = parsed(text)
    expect(h!.metrics.length).toBe(200)
    expect(g!.metrics.length).toBe(200)
    expect(h!.metrics[7]).toEqual({
      labels: [
        ['i', '7'],
        ['z', 'z'],
      ],
      count: 7,
      points: [
        [1, 7],
        [2, 7],
      ],
    })
  })

  test('rows come before the type: they stay independent', () => {
    expect(parsed('h_bucket{le="1"} 5\n# TYPE h histogram\nh_count 2\n').map(({ name, type }) => [name, type])).toEqual(
      [
        ['h_bucket', 'untyped'],
        ['h', 'histogram'],
      ],
    )
  })
})

const errors: [text: string, error: string][] = [
  ['\nbla 3.14\nblubber 42', '[3] unexpected end of input stream'],
  ['metric{label="\\t"} 3.14\n', "[1] invalid escape sequence '\\t'"],
  ['metric{label="bla"} 3.14 2.72\n', '[1] expected integer as timestamp, got "2.72"'],
  ['metric{label="bla"} 3.14 2 3\n', '[1] spurious string after timestamp: " 3"'],
  ['foo 1_2\n', '[1] expected float as value, got "1_2"'],
  ['foo 0x1p-3\n', '[1] expected float as value, got "0x1p-3"'],
  ['foo 1e400\n', '[1] expected float as value, got "1e400"'],
  ['foo 1 9223372036854775808\n', '[1] expected integer as timestamp, got "9223372036854775808"'],
  ['foo 1 \n', '[1] expected integer as timestamp, got ""'],
  ['foo 1 2 \n', '[1] spurious string after timestamp: " "'],
  ['# TYPE foo counter \n', '[1] unknown metric type "counter "'],
  [
    'metric 4.12\n# TYPE metric counter\n',
    '[2] second TYPE line for metric name "metric", or TYPE reported after samples',
  ],
  ['{} 3.14\n', '[1] invalid metric name'],
  ['{label="bla"} 3.14 2\n', '[1] invalid metric name'],
  ['{"a","b"} 1\n', '[1] multiple metric names for metric "a"'],
  ['{"a" x} 1\n', '[1] unexpected end of metric name "a"'],
  ['{"one.name"} 1\n', '[1] invalid metric name "one.name"'],
  ['foo{"dotted.label"="x"} 1\n', '[1] invalid label name "dotted.label"'],
  ['foo{"es\\\\caped"="x"} 1\n', '[1] invalid label name "es\\\\caped"'],
  ['metric{l="a",l="a"} 1\n', '[1] duplicate label names for metric "metric"'],
  ['foo 1\r\n', '[1] expected float as value, got "1\\r"'],
  ['a{b="new\nline"} 1\n', '[1] label value "new" contains unescaped new-line'],
  ['# HELP a one\n# HELP a two\n', '[2] second HELP line for metric name "a"'],
  ['# TYPE h histogram\nh_count -1\n', '[2] negative count for histogram "h"'],
  ['# TYPE s summary\ns{quantile="x"} 1\n', '[2] expected float as value for \'quantile\' label, got "x"'],
  ['foo{a="b', '[1] unexpected end of input stream'],
  ['foo{a="b\\', '[1] unexpected end of input stream'],
  ['# HELP a b\\', '[1] unexpected end of input stream'],
]

describe('errors', () => {
  test.each(errors)('%j', (text, error) => {
    expect(errorOf(text)).toBe(error)
  })

  test('bytes that are not UTF-8 are quoted as escapes', () => {
    expect(errorOf(Buffer.from('a{b="\xbd"} 1\n', 'latin1'))).toBe('[1] invalid label value "\\xbd"')
    expect(errorOf(Buffer.from('a{b="\xc3\xa9\xff"} 1\n', 'latin1'))).toBe('[1] invalid label value "é\\xff"')
  })

  test('a long word is cut in the text of the error', () => {
    expect(errorOf(`a ${'x'.repeat(5000)}\n`)).toBe(`[1] expected float as value, got "${'x'.repeat(1000)}"...`)
  })

  test('a page that fails leaves nothing behind in a reused page', () => {
    const into = new Page()
    expect(parsePage(Buffer.from('a 1\nb x\n'), { into }).page).toBeNull()
    expect(into.familyCount + into.metricCount + into.labelCount).toBe(0)
    expect(pageFamilies(parsePage(Buffer.from('c 1\n'), { into }).page!).map(({ name }) => name)).toEqual(['c'])
  })
})

describe('any bytes', () => {
  const piece = fc.constantFrom(
    'a',
    'h',
    '{',
    '}',
    '"',
    ',',
    '=',
    ' ',
    '\n',
    '\\',
    '# TYPE ',
    'histogram',
    '_bucket',
    'le',
    '1',
    '# HELP ',
    'é',
    '\t',
    '# EOF',
    '_total',
    '-',
    'NaN',
  )
  const page = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(piece, { maxLength: 60 }).map((all) => Buffer.from(all.join(''))),
  )

  test('never throw, in either format, and never reach a neighbour', () => {
    fc.assert(
      fc.property(page, fc.boolean(), (bytes, openMetrics) => {
        const outer = Buffer.concat([Buffer.from('a="'), bytes, Buffer.from('"} 1\nneighbour 7\n')])
        const inside = parsePage(outer.subarray(3, 3 + bytes.length), { openMetrics })
        const alone = parsePage(bytes, { openMetrics })
        expect(inside.error).toEqual(alone.error)
        if (alone.page) expect(pageFamilies(inside.page!)).toEqual(pageFamilies(alone.page))
      }),
      { numRuns: 2000 },
    )
  })

  test('the page keeps its own copy of the bytes', () => {
    const bytes = Buffer.from('# HELP a h\\n\na{b="c\\"d"} 1\n')
    const { page } = parsePage(bytes)
    bytes.fill(0x78)
    expect(pageFamilies(page!)).toEqual([
      { name: 'a', type: 'untyped', help: 'h\n', metrics: [{ labels: [['b', 'c"d']], value: 1 }] },
    ])
  })

  test('what our writer prints is read back as it was', () => {
    const label = fc.tuple(fc.stringMatching(/^[a-z]{1,4}$/), fc.string({ unit: 'grapheme' }))
    const sample = fc.record({
      labels: fc.uniqueArray(label, { selector: ([name]) => name, maxLength: 4 }),
      value: fc.double(),
    })
    const family = fc.record({
      name: fc.stringMatching(/^[a-z]{1,6}$/),
      help: fc.string({ unit: 'grapheme' }).map((text) => text.trimStart()),
      type: fc.constantFrom('counter' as const, 'gauge' as const, 'untyped' as const),
      samples: fc.array(sample, { minLength: 1, maxLength: 4 }),
    })
    fc.assert(
      fc.property(fc.uniqueArray(family, { selector: ({ name }) => name, maxLength: 4 }), (families) => {
        const back = parsed(writeFamilies(families))
        const sorted = families.toSorted((a, b) => (a.name < b.name ? -1 : 1))
        expect(back).toEqual(
          sorted.map(({ name, help, type, samples }) => ({
            name,
            type,
            ...(help === '' ? {} : { help }),
            metrics: samples.map(({ labels, value }) => ({ labels, value })),
          })),
        )
      }),
    )
  })
})
