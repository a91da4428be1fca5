import { describe, expect, test } from 'vitest'
import { labelsOf, pageFamilies } from './page-json.ts'
import { parsePage } from './parse.ts'

const parse = (text: string) => parsePage(Buffer.from(text), { openMetrics: true })

describe('OpenMetrics pages', () => {
  test('suffixes join the family that was declared', () => {
    const text = [
      '# TYPE a_seconds counter',
      '# UNIT a_seconds seconds',
      '# HELP a_seconds Said \\"so\\" \\x.',
      'a_seconds_total{x="1"} 4.5 1520879607.789',
      'a_seconds_created{x="1"} 1520872607.123',
      'a_seconds_total{x="2"} 1',
      '# TYPE h histogram',
      'h_bucket{le="1.0"} 2',
      'h_bucket{le="+Inf"} 3',
      'h_count 3',
      'h_sum 4.0',
      'h_created 5.5',
      '# TYPE i info',
      'i_info{version="1"} 1',
      '# TYPE st stateset',
      'st{st="on"} 1',
      'bare 7',
      '# EOF',
    ]
    const { page } = parse(`${text.join('\n')}\n`)
    expect(pageFamilies(page!)).toEqual([
      {
        name: 'a_seconds',
        type: 'counter',
        unit: 'seconds',
        help: 'Said "so" \\x.',
        metrics: [
          { labels: [['x', '1']], value: 4.5, time: 1520879607.789, created: 1520872607.123 },
          { labels: [['x', '2']], value: 1 },
        ],
      },
      {
        name: 'h',
        type: 'histogram',
        metrics: [
          {
            labels: [],
            sum: 4,
            count: 3,
            created: 5.5,
            points: [
              [1, 2],
              [Infinity, 3],
            ],
          },
        ],
      },
      { name: 'i', type: 'info', metrics: [{ labels: [['version', '1']], value: 1 }] },
      { name: 'st', type: 'stateset', metrics: [{ labels: [['st', 'on']], value: 1 }] },
      { name: 'bare', type: 'untyped', metrics: [{ labels: [], value: 7 }] },
    ])
  })

  test('exemplars belong to their bucket, and keep their labels when the row joins a group', () => {
    const rows = [
      '# TYPE h histogram',
      'h_bucket{a="b",le="1"} 1',
      'h_bucket{a="b",le="2"} 2 # {trace_id="ab",x="y"} 1.5 9.25',
    ]
    const { page } = parse(`${rows.join('\n')}\n# EOF`)
    const [exemplar] = page!.exemplars
    expect(exemplar).toMatchObject({ value: 1.5, time: 9.25 })
    expect(labelsOf(page!, exemplar!.labelFrom, exemplar!.labelCount)).toEqual([
      ['trace_id', 'ab'],
      ['x', 'y'],
    ])
    expect(pageFamilies(page!)[0]!.metrics[0]!.labels).toEqual([['a', 'b']])
    expect([...page!.pointExemplar.subarray(0, 2)]).toEqual([-1, 0])
  })

  test.each([
    ['', 'data does not end with # EOF'],
    ['a 1\n', 'data does not end with # EOF'],
    ['a 1', 'data does not end with # EOF'],
    ['a 1\n# EOF\nb 1\n', 'unexpected data after # EOF'],
    ['\n# EOF\n', 'invalid metric name'],
    ['a  1\n# EOF\n', 'expected float as value, got ""'],
    ['a\t1\n# EOF\n', "expected one blank before the value, found '\\t'"],
    ['a 1\r\n# EOF\n', 'expected float as value, got "1\\r"'],
    ['a 1 NaN\n# EOF\n', 'invalid timestamp'],
    ['# TYPE a untyped\n# EOF\n', 'invalid metric type "untyped"'],
    ['# TYPE c\n# EOF\n', 'expected text in TYPE'],
    ['# UNIT metric suffix\n# EOF\n', 'unit "suffix" not a suffix of metric "metric"'],
    ['{b="c",} 1\n# EOF\n', 'invalid metric name'],
    ['# TYPE a counter\na 1\n# EOF\n', 'sample name "a" does not fit the type of its family'],
    ['# TYPE a counter\na_total -1\n# EOF\n', 'negative or missing count for "a"'],
    ['# TYPE a info\na_info 2\n# EOF\n', 'info "a" must be 1'],
    ['# TYPE a stateset\na{a="x"} 2\n# EOF\n', 'state of "a" must be 0 or 1'],
    ['# TYPE a histogram\na_bucket 2\n# EOF\n', 'sample of "a" without its le or quantile label'],
    ['a 1\nb 1\na 2\n# EOF\n', 'metric family "a" stands in two places'],
    ['a 1\n# HELP a x\n# EOF\n', 'descriptor of "a" after its samples'],
    ['a 1 # {} 1\n# EOF\n', 'exemplar on a sample that is no counter or bucket'],
    [`# TYPE a counter\na_total 1 # {x="${'y'.repeat(128)}"} 1\n# EOF\n`, 'exemplar labels longer than 128 characters'],
    ['# free comment\n# EOF\n', 'expected # TYPE, # UNIT, # HELP or # EOF'],
  ])('%j is rejected as a whole', (text, message) => {
    const { page, error } = parse(text)
    expect(page).toBeNull()
    expect(error?.message).toBe(message)
  })
})
