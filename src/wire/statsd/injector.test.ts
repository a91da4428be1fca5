import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeEnvelopes } from '../../../test/support/decode-envelopes.ts'
import { ForwardWriter } from '../forward-writer.ts'
import { Injector } from './injector.ts'
import { InjectorLine } from './injector-line.ts'

const newInjector = (maxSeries = 1000) => new Injector({ maxSeries })

function feed(injector: Injector, text: string | Buffer) {
  const out = new ForwardWriter(8)
  injector.write(Buffer.isBuffer(text) ? text : Buffer.from(text), 1, 0, out)
  return decodeEnvelopes(out.take())
}

/** `name=value unit` of each envelope. */
function values(injector: Injector, text: string): string[] {
  return feed(injector, text).map(({ gauge }) => {
    const [name, metric] = Object.entries(gauge!.metrics)[0]!
    return `${name}=${metric.value ?? 0} ${metric.unit}`
  })
}

test('writes the bytes of a recorded envelope', () => {
  const out = new ForwardWriter(8)
  expect(newInjector().write(Buffer.from('o.hits:3|c'), 1, 0, out)).toBe(1)
  const envelope = '080112016f4a0b0a066f726967696e12016f321c0a1a0a046869747312120a07636f756e746572110000000000000840'
  expect(out.take().toString('hex')).toBe(`0a${(envelope.length / 2).toString(16)}${envelope}`)
})

test('counters and gauges of one name have separate running values, tags do not matter', () => {
  const lines = 'o.n:5|g|#a:b\no.n:5|c\no.n:+1|g\no.n:-2|c|#c:d\r\no.n:7|ms\no.n:1|c|@0.5\n'
  expect(values(newInjector(), lines)).toEqual([
    'n=5 gauge',
    'n=5 counter',
    'n=6 gauge',
    'n=3 counter',
    'n=7 ms',
    'n=5 counter',
  ])
})

test('a malformed line costs only itself', () => {
  const places: number[][] = []
  const injector = new Injector({ maxSeries: 9, onMalformed: (_, start, end) => places.push([start, end]) })
  expect(values(injector, 'bad\no.a:1|g\n\no.b:2|g\r\nworse')).toEqual(['a=1 gauge', 'b=2 gauge'])
  expect(places).toEqual([
    [0, 3],
    [12, 12],
    [22, 27],
  ])
  expect(injector.counts).toEqual({ accepted: 2, malformed: 3, skippedTags: 0, repaired: 0 })
})

test('forgets the series that was not touched for longest, and counts it', () => {
  const injector = newInjector(2)
  values(injector, 'o.a:1|c\no.b:1|c\no.a:1|c\no.c:1|c')
  expect(injector.evictedSeries).toBe(1)
  expect(values(injector, 'o.a:1|c\no.c:1|c\no.b:1|c')).toEqual(['a=3 counter', 'c=2 counter', 'b=1 counter'])
  expect(injector.evictedSeries).toBe(2)
})

test('remembers series apart from the datagram they came in', () => {
  const injector = newInjector()
  const datagram = Buffer.from('o.n:5|c')
  const out = new ForwardWriter()
  injector.write(datagram, 1, 0, out)
  datagram.fill(0x78)
  expect(Object.keys(decodeEnvelopes(out.take())[0]!.gauge!.metrics)).toEqual(['n'])
  expect(values(injector, 'o.n:1|c')).toEqual(['n=6 counter'])
})

test('keeps every running value of many series', () => {
  const injector = newInjector(5000)
  const lines = Array.from({ length: 5000 }, (_, i) => `o.n${i}:${i}|c`).join('\n')
  values(injector, lines)
  expect(values(injector, lines)).toEqual(Array.from({ length: 5000 }, (_, i) => `n${i}=${2 * i} counter`))
  expect(injector.evictedSeries).toBe(0)
})

test('tags without a colon are skipped and counted, of equal keys the last one stays', () => {
  const injector = newInjector()
  expect(feed(injector, 'o.n:1|c|#a,b:1,,b:2:x,origin:zz,')[0]!.tags).toEqual({ b: '2', origin: 'zz' })
  expect(injector.counts.skippedTags).toBe(3)
})

test('takes thousands of tags with few keys without comparing all pairs', () => {
  const tags = Array.from({ length: 8000 }, (_, i) => `k${i % 100}:${i}`).join(',')
  const found = feed(newInjector(), `o.n:1|c|#${tags}`)[0]!.tags!
  expect(Object.keys(found).length).toBe(101)
  expect(found.k99).toBe('7999')
})

test('bytes that are no text become U+FFFD, and are counted', () => {
  const injector = newInjector()
  const [found] = feed(injector, Buffer.from('\xff.a\xe9:1|g', 'latin1'))
  expect([found!.source_id, found!.tags, Object.keys(found!.gauge!.metrics)]).toEqual([
    '\ufffd',
    { origin: '\ufffd' },
    ['a\ufffd'],
  ])
  expect(injector.counts.repaired).toBe(1)
})

describe('the grammar', () => {
  const reference = /([^.]+)\.([^:]+):([+-]?)(\d+(?:\.\d+)?)\|(ms|g|c)(?:\|@(\d+(?:\.\d+)?))?(?:\|#([A-Za-z0-9_:,]*))?/
  const text = (bytes: Buffer, start: number, end: number) => bytes.toString('latin1', start, end)

  function matched(bytes: Buffer): string[] | null {
    const line = new InjectorLine()
    if (!line.match(bytes, 0, bytes.length)) return null
    return [
      text(bytes, line.originStart, line.dot),
      text(bytes, line.dot + 1, line.colon),
      line.sign === 0 ? '' : String.fromCharCode(line.sign),
      text(bytes, line.valueStart, line.valueEnd),
      ['', 'ms', 'g', 'c'][line.type]!,
      text(bytes, line.rateStart, line.rateEnd),
      text(bytes, line.tagsStart, line.tagsEnd),
    ]
  }

  const piece = fc.constantFrom(
    'o',
    '.',
    ':',
    '1',
    '|g',
    '|c',
    '|ms',
    '|',
    '|@',
    '0.5',
    '|#',
    ',',
    'a:b',
    '-',
    '+',
    'm',
    ' ',
    '.n:1|g',
  )

  test('finds the place that the leftmost search of the expression finds', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const bytes = Buffer.from(pieces.join(''), 'latin1')
        const found = reference.exec(bytes.toString('latin1'))
        expect(matched(bytes)).toEqual(found?.slice(1).map((part) => part ?? '') ?? null)
      }),
      { numRuns: 20_000 },
    )
  })

  test('stays linear on lines made to be searched again and again', () => {
    const started = performance.now()
    for (const text of ['.a'.repeat(32_000), `${'.a'.repeat(16_000)}:${'1'.repeat(32_000)}`, 'o.n:1'.repeat(13_000)]) {
      expect(matched(Buffer.from(text))).toBeNull()
    }
    expect(performance.now() - started).toBeLessThan(3000)
  })

  test('any bytes: never throws, never reads a neighbour', () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc.array(piece, { maxLength: 20 }).map((all) => Buffer.from(all.join(''))),
    )
    fc.assert(
      fc.property(any, (bytes) => {
        const outer = Buffer.concat([Buffer.from('p.q:1|g\n'), bytes, Buffer.from('5|c|@0.1|#x:y\nr.s:2|g')])
        const inner = outer.subarray(8, 8 + bytes.length)
        expect(feed(newInjector(), inner)).toEqual(feed(newInjector(), Buffer.from(bytes)))
      }),
      { numRuns: 2000 },
    )
  })
})
