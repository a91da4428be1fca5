import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import {
  any,
  at,
  entries,
  logRequest,
  numberAt,
  type Plain,
  plainEntries,
  traceRequest,
} from '../../ottl/testing/samples.ts'
import { field, type Part } from '../../telemetry/testing/encode.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import sampler from './index.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
// Its randomness is 0x80000000000000: sampled at 50 % and not at 49 %.
const middle = 'fefefefefefefefefe80000000000000'
const top = '111111111111111111ffffffffffffff'

interface SpanParts {
  id?: string
  state?: string
  attributes?: Record<string, Plain>
}
const span = ({ id = middle, state = '', attributes = {} }: SpanParts): Part => [
  field(1, hex(id)),
  ...(state === '' ? [] : [field(3, state)]),
  field(5, 'GET /'),
  entries(9, attributes),
]
/** The tracestate of the span that is left; undefined when none is. */
function stateOf(config: object, parts: SpanParts): string | undefined {
  const out = processorOf(sampler, config, 'traces').run(traceRequest(span(parts)))
  return out && at(out.bytes(), 1, 2, 2, 3).toString()
}

// Expectations are those of the Collector's own processor for the same input.
describe.each(['equalizing', 'proportional'] as const)('mode %s', (mode) => {
  const either = (equalizing: string | undefined, proportional: string | undefined) =>
    mode === 'equalizing' ? equalizing : proportional
  test.each<[number, number, string, string, string | undefined]>([
    [100, 4, middle, '', 'ot=th:0'],
    [200, 4, middle, '', 'ot=th:0'],
    [50, 4, middle, '', 'ot=th:8'],
    [49, 4, middle, '', undefined],
    [25, 4, 'ddddddddddddddddddc0000000000000', '', 'ot=th:c'],
    [25, 4, 'ddddddddddddddddddb0000000000000', '', undefined],
    [1, 14, middle, 'ot=rv:FD70A3D70A3D71', 'ot=rv:FD70A3D70A3D71;th:fd70a3d70a3d71'],
    [1, 14, middle, 'ot=rv:FD70A3D70A3D70', undefined],
    [1, 4, middle, 'ot=rv:FD70A3D70A3D71', 'ot=rv:FD70A3D70A3D71;th:fd70a'],
    [1, 3, middle, 'ot=rv:FD70A3D70A3D71', undefined],
    [1, 4, 'a0a0a0a0a0a0a0a0a0fe000000000000', '', 'ot=th:fd70a'],
    [40, 3, middle, 'ot=rv:a0000000000000', 'ot=rv:a0000000000000;th:99a'],
    [50, 4, middle, 'ot=rv:90000000000000;th:80000000000000', either('ot=rv:90000000000000;th:8', undefined)],
    [50, 4, middle, 'ot=rv:c0000000000000;th:8', `ot=rv:c0000000000000;th:${either('8', 'c')}`],
    [25, 4, middle, 'ot=th:8', undefined],
    [25, 4, 'ffffffffffffffffffffffffffffffff', 'ot=th:8', `ot=th:${either('c', 'e')}`],
    [40, 6, 'a0a0a0a0a0a0a0a0a0d0000000000000', 'ot=th:8', `ot=th:${either('99999a', 'cccccd')}`],
    [40, 3, 'a0a0a0a0a0a0a0a0a0b0000000000000', 'ot=th:8', either('ot=th:99a', undefined)],
    [100 * 2 ** -14, 4, top, 'ot=th:fffc', `ot=th:${either('fffc', 'fffffff')}`],
    [(1 - 8e-7) * 100, 10, top, '', 'ot=th:00000cccccccd'],
    [2 ** -4, 14, top, 'ot=th:fffffffffffff8', either('ot=th:fffffffffffff8', undefined)],
    [100, 4, middle, 'zz=1, ot=x:y;th:0;rv:90000000000000 ,a@b=2', 'ot=rv:90000000000000;th:0;x:y,zz=1,a@b=2'],
  ])('%d %% at precision %i of %s with "%s"', (percentage, precision, id, state, expected) => {
    const config = { mode, sampling_percentage: percentage, sampling_precision: precision }
    expect(stateOf(config, { id, state })).toBe(expected)
  })

  test.each([
    ['no trace id', { id: '' }],
    ['a trace id of zeros', { id: '00'.repeat(16) }],
    ['an rv of 16 digits', { state: 'ot=rv:abababababababab' }],
    ['a th of 16 digits', { state: 'ot=th:abababababababab' }],
    ['a th that is no number', { state: 'ot=th:-1' }],
    ['a state that is none', { state: 'no state' }],
    ['a state with too much', { state: `a=${'x'.repeat(250)},`.repeat(5) }],
    ['a state with too many', { state: 'a=b,'.repeat(33) }],
    ['a threshold it should not have passed', { id: 'ffffffffffffffffff70000000000000', state: 'ot=th:8' }],
  ])('a span with %s is dropped, or passes with fail_closed: false', (_, parts) => {
    const { run, account, metric } = processorOf(sampler, { mode, sampling_percentage: 100 }, 'traces')
    expect(run(traceRequest(span(parts)))).toBeUndefined()
    expect(account.dropped('rule')).toBe(1)
    expect(metric('unusable_randomness_total')).toBe(1)
    expect(stateOf({ mode, sampling_percentage: 1, fail_closed: false }, parts)).toBeDefined()
  })

  test('a threshold that should not have passed is forgotten when the span passes', () => {
    const parts = { state: 'ot=rv:40000000000000;th:8' }
    expect(stateOf({ mode, sampling_percentage: 1, fail_closed: false }, parts)).toBe('ot=rv:40000000000000;th:0')
  })
})

/** The same rule in plain arithmetic: FNV-1a of seed and id, of which 14 bits are compared. */
function isHashedBelow(percentage: number, seed: number, bytes: Buffer): boolean {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(seed)
  let hash = 0x811c9dc5n
  for (const byte of [...head, ...bytes]) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn
  return Number(hash & 0x3fffn) < Math.trunc(Math.fround(Math.fround(Math.min(100, percentage)) * Math.fround(163.84)))
}

describe('mode hash_seed', () => {
  test('samples by FNV-1a, and says threshold and randomness for samplers behind it', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 110, noNaN: true }),
        fc.nat(0xffffffff),
        fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { minLength: 1, maxLength: 20 }),
        (percentage, seed, ids) => {
          const all = ids.map((id) => Buffer.from(id)).filter((id) => id.some((byte) => byte !== 0))
          if (all.length === 0) return
          const { run, account } = processorOf(sampler, { sampling_percentage: percentage, hash_seed: seed }, 'traces')
          const out = run(traceRequest(...all.map((id) => span({ id: id.toString('hex') }))))
          const left = out ? fieldsOf(at(out.bytes(), 1, 2)).filter((each) => each.field === 2) : []
          const kept = left.map(({ value }) => at(value as Buffer, 1).toString('hex'))
          const wanted = all.filter((id) => isHashedBelow(percentage, seed, id))
          expect(kept).toEqual(wanted.map((id) => id.toString('hex')))
          expect(account.dropped('rule')).toBe(all.length - kept.length)
          if (!out) return
          // Whoever samples behind it at the same percentage by the written randomness picks the same.
          const again = processorOf(sampler, { sampling_percentage: 100, mode: 'equalizing' }, 'traces')
          expect(again.run(out.bytes())!.bytes()).toEqual(out.bytes())
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a larger percentage samples all that a smaller one does', () => {
    const ids = Array.from({ length: 2000 }, (_, i) => {
      const id = Buffer.alloc(16, i & 0xff)
      id.writeUInt32BE(Math.imul(i, 0x9e3779b1) >>> 0, 4)
      return id.toString('hex')
    })
    const kept = (percentage: number) =>
      new Set(ids.filter((id) => stateOf({ sampling_percentage: percentage }, { id }) !== undefined))
    const [some, more] = [kept(10), kept(30)]
    expect(some.isSubsetOf(more)).toBe(true)
    expect(some.size).toBeGreaterThan(120)
    expect(some.size).toBeLessThan(280)
    expect(more.size).toBeGreaterThan(480)
    expect(more.size).toBeLessThan(720)
  })

  test.each([['ot=rv:90000000000000'], ['ot=th:8']])(
    'a span that came with %s is of another kind of sampler',
    (state) => {
      expect(stateOf({ sampling_percentage: 100 }, { state })).toBeUndefined()
      expect(stateOf({ sampling_percentage: 1, fail_closed: false }, { state })).toBe(state)
    },
  )

  test('a percentage below a bucket samples nothing', () => {
    expect(stateOf({ sampling_percentage: 0.004 }, { id: top })).toBeUndefined()
  })

  test('what passes keeps everything else as it was', () => {
    const parts = { attributes: { k: 'v' }, state: 'zz=1' }
    const out = processorOf(sampler, { sampling_percentage: 100 }, 'traces').run(traceRequest(span(parts)))!
    const left = at(out.bytes(), 1, 2, 2)
    expect(at(left, 3).toString()).toMatch(/^ot=rv:[0-9a-f]{14};th:0,zz=1$/)
    expect(fieldsOf(left).filter((each) => each.field !== 3)).toEqual(
      fieldsOf(at(traceRequest(span(parts)), 1, 2, 2)).filter((each) => each.field !== 3),
    )
  })
})

describe('sampling.priority of a span', () => {
  test.each<[Plain, number, string | undefined]>([
    [2n, 0, 'ot=th:0'],
    [0n, 100, undefined],
    [1.5, 0, 'ot=th:0'],
    [0, 100, undefined],
    ['0.5', 0, 'ot=th:0'],
    ['0.0', 100, undefined],
    [-1n, 0, undefined],
    ['', 0, undefined],
    ['NaN', 0, undefined],
    [true, 0, undefined],
  ])('%s at %d %%', (priority, percentage, expected) => {
    const attributes = { 'sampling.priority': priority }
    expect(stateOf({ mode: 'equalizing', sampling_percentage: percentage }, { attributes })).toBe(expected)
  })

  test('does not lower a threshold that came along', () => {
    const parts = { attributes: { 'sampling.priority': 1n }, id: top, state: 'ot=th:8' }
    expect(stateOf({ mode: 'equalizing', sampling_percentage: 1 }, parts)).toBe('ot=th:8')
  })
})

describe('log records', () => {
  const record = (attributes: Record<string, Plain>, id = ''): Part => [
    field(5, any('line')),
    entries(6, attributes),
    ...(id === '' ? [] : [field(9, hex(id))]),
  ]
  const leftOf = (config: object, attributes: Record<string, Plain>, id = '') => {
    const out = processorOf(sampler, config, 'logs').run(logRequest(record(attributes, id)))
    return out && plainEntries(at(out.bytes(), 1, 2, 2), 6)
  }

  test.each<[string, object, Record<string, Plain>, string, object | undefined]>([
    [
      'the trace id in mode equalizing',
      { mode: 'equalizing', sampling_percentage: 50 },
      { a: 'b' },
      middle,
      { a: 'b', 'sampling.threshold': '8' },
    ],
    ['a trace id below', { mode: 'equalizing', sampling_percentage: 49 }, {}, middle, undefined],
    [
      'randomness in an attribute',
      { mode: 'proportional', sampling_percentage: 50 },
      { 'sampling.randomness': 'c0000000000000', 'sampling.threshold': '8' },
      middle,
      { 'sampling.randomness': 'c0000000000000', 'sampling.threshold': 'c' },
    ],
    ['nothing', { sampling_percentage: 100 }, {}, '', undefined],
    ['nothing, failing open', { sampling_percentage: 1, fail_closed: false }, {}, '', { 'sampling.threshold': '0' }],
    ['an empty attribute', { sampling_percentage: 100, from_attribute: 'k' }, { k: '' }, '', undefined],
    [
      'a broken threshold, failing open',
      { mode: 'equalizing', sampling_percentage: 1, fail_closed: false },
      { 'sampling.threshold': 'xyz' },
      middle,
      { 'sampling.threshold': 'xyz' },
    ],
    [
      'a priority of 100',
      { mode: 'equalizing', sampling_percentage: 0, sampling_priority: 'p' },
      { p: 100n },
      middle,
      { p: 100n, 'sampling.threshold': '0' },
    ],
    [
      'a priority of 0',
      { mode: 'equalizing', sampling_percentage: 100, sampling_priority: 'p' },
      { p: 0 },
      middle,
      undefined,
    ],
    [
      'a priority above the percentage',
      { mode: 'equalizing', sampling_percentage: 1, sampling_priority: 'p' },
      { p: 50.0 },
      middle,
      { p: 50, 'sampling.threshold': '8' },
    ],
    [
      'a priority below it',
      { mode: 'equalizing', sampling_percentage: 99, sampling_priority: 'p' },
      { p: 49n },
      middle,
      undefined,
    ],
    [
      'a priority that is no number',
      { mode: 'equalizing', sampling_percentage: 50, sampling_priority: 'p' },
      { p: 'x' },
      middle,
      { p: 'x', 'sampling.threshold': '8' },
    ],
  ])('are sampled by %s', (_, config, attributes, id, expected) => {
    expect(leftOf(config, attributes, id)).toEqual(expected)
  })

  test.each<[Plain, string]>([
    ['host-7', 'host-7'],
    [17n, '17'],
    [1.5, '1.5'],
    [true, 'true'],
    [Buffer.from([1, 2, 3]), '\x01\x02\x03'],
  ])('are sampled by the hash of an attribute such as %s', (attribute, hashed) => {
    for (const percentage of [20, 40, 60, 80]) {
      const config = { sampling_percentage: percentage, hash_seed: 5, attribute_source: 'record', from_attribute: 'k' }
      const left = leftOf(config, { k: attribute }, middle)
      expect(left !== undefined).toBe(isHashedBelow(percentage, 5, Buffer.from(hashed, 'latin1')))
      if (left) expect(left['sampling.randomness']).toMatch(/^[0-9a-f]{14}$/)
    }
  })
})

test('the books say what decisions rested on', () => {
  const { run, metric, account } = processorOf(sampler, { sampling_percentage: 100 }, 'traces')
  run(traceRequest(span({}), span({ id: '' })))
  expect(account.dropped('rule')).toBe(1)
  // The first series is that of hashed trace ids that were not sampled.
  expect(metric('records_total')).toBe(0)
})

test('bytes that are no trace state never break it', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 60 }),
      fc.constantFrom('hash_seed', 'equalizing', 'proportional'),
      (state, mode) => {
        const config = { sampling_percentage: 100, mode, fail_closed: false }
        const out = processorOf(sampler, config, 'traces').run(traceRequest(span({ state: `ot=${state}` })))!
        expect(numberAt(at(out.bytes(), 1, 2, 2), 1)).toEqual(hex(middle))
      },
    ),
  )
})

test.each<[string, object, string]>([
  ['no percentage', {}, 'sampling_percentage'],
  ['a negative percentage', { sampling_percentage: -1 }, 'sampling_percentage'],
  [
    'another mode',
    { sampling_percentage: 1, mode: 'dunno' },
    'expected one of "hash_seed", "equalizing", "proportional"',
  ],
  ['a precision of 15', { sampling_percentage: 1, sampling_precision: 15 }, 'sampling_precision'],
  ['another source', { sampling_percentage: 1, attribute_source: 'body' }, 'attribute_source'],
])('%s is named in the configuration', (_, config, message) => expect(faults(sampler, config)).toContain(message))
