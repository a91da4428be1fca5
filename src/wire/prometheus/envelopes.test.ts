import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeEnvelopes } from '../../../test/support/decode-envelopes.ts'
import { ForwardWriter } from '../forward-writer.ts'
import { BackwardWriter, Reader } from '../protobuf.ts'
import { writePageEnvelopes } from './envelopes.ts'
import { floatText } from './float-text.ts'
import { writePageOtlp } from './otlp-metrics.ts'
import { parsePage } from './parse.ts'
import { newTarget } from './target.ts'

const target = newTarget({ sourceId: 's', defaultSourceId: 'd', instanceId: '', labels: {} })

test('OpenMetrics counters and infos keep the names of their samples', () => {
  const page = '# TYPE a counter\na_total{x="y"} 3\n# TYPE i info\ni_info{v="1"} 1\n# EOF\n'
  const out = new ForwardWriter(16)
  const { envelopes } = writePageEnvelopes(parsePage(Buffer.from(page), { openMetrics: true }).page!, target, 5, 0, out)
  expect(envelopes).toBe(2)
  expect(decodeEnvelopes(out.take())).toEqual([
    { timestamp: '5', source_id: 's', tags: { x: 'y' }, counter: { name: 'a_total', total: '3' } },
    { timestamp: '5', source_id: 's', tags: { v: '1' }, gauge: { metrics: { i_info: { value: 1 } } } },
  ])
})

test('long names, tags and units arrive whole, and the batch is appended to what the writer holds', () => {
  const long = 'x'.repeat(5000)
  const page = `# TYPE g gauge\ng{a="${long}",unit="${long}"} 1\n${long} 2\n`
  const out = new ForwardWriter(16)
  const parsed = parsePage(Buffer.from(page)).page!
  writePageEnvelopes(parsed, target, 0xffffffff, 0xffffffff, out)
  writePageEnvelopes(parsed, target, 1, 0, out)
  const found = decodeEnvelopes(out.take())
  expect(found.map(({ timestamp }) => timestamp)).toEqual(['18446744073709551615', '18446744073709551615', '1', '1'])
  expect(found[0]!.tags).toEqual({ a: long })
  expect(found[0]!.gauge!.metrics.g).toEqual({ unit: long, value: 1 })
  expect(Object.keys(found[1]!.gauge!.metrics)).toEqual([long])
})

test('the envelopes do not follow the page when it is used again', () => {
  const { page } = parsePage(Buffer.from('a{b="c"} 1\n'))
  const out = new ForwardWriter()
  writePageEnvelopes(page!, target, 1, 0, out)
  const bytes = out.take()
  parsePage(Buffer.from('x{y="z"} 9\n'), { into: page! })
  expect(decodeEnvelopes(bytes)[0]!.tags).toEqual({ b: 'c' })
})

test('any page that parses becomes well-formed envelopes and OTLP, each tag once', () => {
  const labels = fc
    .uniqueArray(fc.constantFrom('a', 'le', 'quantile', 'unit', 'source_id', 'job'), { maxLength: 5 })
    .chain((names) =>
      fc.tuple(...names.map((name) => fc.constantFrom('1', '0.5', '+Inf').map((v) => `${name}="${v}"`))),
    )
  const line = fc.oneof(
    fc
      .tuple(
        fc.constantFrom('h', 's', 'c', 'g', 'gh'),
        fc.constantFrom('', '_sum', '_count', '_bucket'),
        labels,
        fc.double(),
      )
      .map(([name, suffix, pairs, value]) => `${name}${suffix}{${pairs.join(',')}} ${floatText(value)}\n`),
    fc.constantFrom('# TYPE h histogram\n', '# TYPE s summary\n', '# TYPE c counter\n', '# TYPE gh gaugehistogram\n'),
  )
  const labelled = newTarget({
    sourceId: '',
    defaultSourceId: 'd',
    instanceId: 'i',
    labels: { unit: 'u', le: 'x', quantile: 'y', job: 'z', source_id: 'w' },
  })
  let pages = 0
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const { page } = parsePage(Buffer.from(lines.join('')))
      if (!page) return
      pages++
      const out = new ForwardWriter(1)
      const { envelopes } = writePageEnvelopes(page, labelled, 1, 0, out)
      const found = decodeEnvelopes(out.take())
      expect(found.length).toBe(envelopes)
      for (const { tags, source_id } of found) {
        expect(source_id).not.toBe('')
        expect(tags!.source_id).toBe('w')
      }
      const otlp = new BackwardWriter(1)
      const scope = { name: 't', version: '' }
      writePageOtlp(page, { resource: Buffer.alloc(0), scope, timeLo: 1, timeHi: 0, startLo: 1, startHi: 0 }, otlp)
      const reader = new Reader(otlp.take())
      while (reader.next()) reader.skip()
      expect(reader.ok).toBe(true)
    }),
    { numRuns: 1000 },
  )
  expect(pages).toBeGreaterThan(100)
})
