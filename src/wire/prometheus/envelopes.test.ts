import { expect, test } from 'vitest'
import { decodeEnvelopes } from '../../../test/support/decode-envelopes.ts'
import { ForwardWriter } from '../forward-writer.ts'
import { writePageEnvelopes } from './envelopes.ts'
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
