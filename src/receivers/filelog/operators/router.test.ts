import { describe, expect, test } from 'vitest'
import { faults } from '../../../ottl/testing/run.ts'
import filelog from '../index.ts'
import { run } from './operators.fixture.ts'

const add = (id: string, output?: string | string[]) => ({
  type: 'add',
  id,
  field: `attributes.${id}`,
  value: true,
  ...(output !== undefined && { output }),
})
/** Which of a, b, c each record has come through. */
const waysOf = (operators: unknown[], ...lines: string[]) =>
  run(operators, ...lines).records.map(({ body, attributes }) => [
    body,
    ['a', 'b', 'c'].filter((key) => attributes[key]).join(''),
  ])

describe('outputs', () => {
  test('an entry goes to the operator that is named, past others', () => {
    expect(waysOf([add('a', 'c'), add('b'), add('c')], 'x')).toEqual([['x', 'ac']])
  })

  test('back, as long as it is no circle', () => {
    expect(
      waysOf([{ type: 'noop', output: 'c' }, add('a', 'end'), add('c', 'a'), { type: 'noop', id: 'end' }], 'x'),
    ).toEqual([['x', 'ac']])
  })

  test('an entry that an operator is not meant for, or fails on, goes the same way', () => {
    const never = { ...add('a', 'c'), if: 'false' }
    const fails = { type: 'json_parser', on_error: 'send_quiet', output: 'c' }
    expect(waysOf([never, add('b'), add('c')], 'x')).toEqual([['x', 'c']])
    expect(waysOf([fails, add('b'), add('c')], 'x')).toEqual([['x', 'c']])
  })

  test('several get copies that do not see each other', () => {
    const operators = [
      { type: 'json_parser', parse_to: 'body', output: ['a', 'b'] },
      { ...add('a', 'c'), field: 'body.m.a' },
      { ...add('b', 'c'), field: 'body.m.b' },
      add('c'),
    ]
    const { records } = run(operators, '{"m":{}}')
    expect(records.map(({ body }) => body)).toEqual([{ m: { a: true } }, { m: { b: true } }])
  })
})

describe('router', () => {
  const operators = [
    {
      type: 'router',
      routes: [
        { expr: 'body.x == 1', output: 'b' },
        { expr: 'body startsWith "a"', output: 'a', attributes: { way: 'first' } },
        { expr: 'body contains "b"', output: ['b', 'c'] },
      ],
    },
    add('a', 'end'),
    add('b', 'end'),
    add('c'),
    { type: 'noop', id: 'end' },
  ]

  test('entries go the first way whose condition they meet; the others are left out', () => {
    const { records, counts } = run(operators, 'ab', 'b', 'x')
    expect(records.map(({ body, attributes }) => [body, attributes.a ?? attributes.b ?? attributes.c])).toEqual([
      ['ab', true],
      ['b', true],
      ['b', true],
    ])
    expect([records[0]!.attributes.way, counts]).toEqual(['first', { dropped: 1, failed: 0 }])
  })

  test('or they go where the others go', () => {
    expect(waysOf([{ ...operators[0], default: 'c' }, ...operators.slice(1)], 'x')).toEqual([['x', 'c']])
  })

  test('what is added to them may be asked of them; one that does not have it is left out', () => {
    const route = {
      expr: 'true',
      output: 'end',
      attributes: { upper: 'EXPR(upper(body))', sum: 'EXPR(attributes.n + 1)' },
    }
    const operators = [{ type: 'router', routes: [route] }, add('a'), { type: 'noop', id: 'end' }]
    const number = { type: 'add', if: 'body == "x"', field: 'attributes.n', value: 1 }
    const { records, counts, log } = run([number, ...operators], 'x', 'y')
    expect(records).toMatchObject([{ body: 'x', attributes: { upper: 'X', sum: 2n } }])
    expect(records[0]!.attributes).not.toHaveProperty('a')
    expect([counts, log[0]]).toEqual([{ dropped: 1, failed: 1 }, expect.stringContaining('operator router: ')])
  })

  test('the logs of three runtimes', () => {
    const runtimes = [
      {
        type: 'router',
        id: 'get-format',
        routes: [
          { output: 'parser-docker', expr: 'body matches "^\\\\{"' },
          { output: 'parser-crio', expr: 'body matches "^[^ Z]+ "' },
          { output: 'parser-containerd', expr: 'body matches "^[^ Z]+Z"' },
        ],
      },
      { type: 'regex_parser', id: 'parser-crio', regex: '^(?P<time>[^ Z]+) (?P<log>.*)$', output: 'end' },
      { type: 'regex_parser', id: 'parser-containerd', regex: '^(?P<time>[^ ^Z]+Z) (?P<log>.*)$', output: 'end' },
      { type: 'json_parser', id: 'parser-docker' },
      { type: 'move', id: 'end', from: 'attributes.log', to: 'body' },
    ]
    const { records } = run(runtimes, '{"log":"one"}', '2026-01-01T00:00:00+01:00 two', '2026-01-01T00:00:00Z three')
    expect(records.map(({ body }) => body)).toEqual(['one', 'two', 'three'])
  })
})

test.each<[string, unknown[], string]>([
  ['an unknown output', [add('a', 'bb'), add('b')], 'operators.0.output: there is no operator called "bb"'],
  [
    'an output that two have',
    [add('a', 'noop'), { type: 'noop' }, { type: 'noop' }],
    'two operators are called "noop"',
  ],
  ['a circle', [add('a'), add('b', 'a')], 'operators.0.output: the entries would go in a circle: a -> b -> a'],
  [
    'an unknown route',
    [{ type: 'router', routes: [{ expr: 'true', output: 'x' }] }],
    'operators.0.routes.0.output: there is no operator called "x"',
  ],
  [
    'a circle by the way of the others',
    [add('a'), { type: 'router', routes: [], default: 'a' }],
    'operators.0.output: the entries would go in a circle: a -> router -> a',
  ],
  [
    'a circle from a router to itself',
    [{ type: 'router', routes: [{ expr: 'true', output: 'router' }] }],
    'operators.0: the entries would go in a circle: router -> router',
  ],
  ...['if', 'on_error', 'output'].map((key): [string, unknown[], string] => [
    `${key} of a router`,
    [add('a'), { type: 'router', routes: [{ expr: 'true', output: 'end' }], [key]: 'a' }, add('end')],
    `operators.1.${key}: unknown key "${key}"`,
  ]),
  [
    'a wrong value of a route',
    [{ type: 'router', routes: [{ expr: 'true', output: 'a', attributes: { x: 'EXPR(bodi)' } }] }, add('a')],
    'operators.0.routes.0.attributes.x: unknown name bodi',
  ],
  [
    'a wrong condition',
    [{ type: 'router', routes: [{ expr: 'bodi == 1', output: 'a' }] }, add('a')],
    'operators.0.routes.0.expr: unknown name bodi',
  ],
])('%s is refused', (_, operators, message) => {
  expect(faults(filelog, { include: ['x'], operators })).toContain(message)
})
