import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Port } from '../engine/nodes.ts'
import { Taps } from '../engine/taps.ts'
import { ManualClock } from '../runtime/clock.ts'
import { Batch } from '../telemetry/batch.ts'
import { batchOf, type EnvelopeParts, envelope, field } from '../telemetry/testing/encode.ts'
import { startTap, type TapGap, type TappedRecord, type TapQuery } from './tap.ts'

const envelopes = (...all: readonly EnvelopeParts[]) =>
  Batch.copyOf('envelopes', batchOf(...all.map((each) => envelope(each))))

function watched(query: Omit<TapQuery, 'id' | 'rate'> & { rate?: number }) {
  const clock = new ManualClock()
  const taps = new Taps()
  const port = new Port({ consume: () => {} })
  taps.watchable({ kind: 'processor', id: 'filter', pipeline: 'logs' }, port)
  const seen: (TappedRecord | TapGap)[] = []
  const reader = { keepsUp: true }
  const show = (value: TappedRecord | TapGap) => reader.keepsUp && seen.push(value) > 0
  const tap = startTap({ id: 'filter', rate: 50, ...query }, { taps, clock }, show)
  const texts = () => seen.map((each) => ('message' in each && each.message?.kind === 'log' ? each.message.text : each))
  return { clock, port, seen, texts, tap, reader }
}

test('records are shown with where they passed, secrets masked', () => {
  const { port, seen } = watched({})
  port.consume(
    envelopes({ source: 'app', instance: '3', log: 'password=x', err: true, tags: { api_key: 'k', zone: 'z' } }),
  )
  expect(seen).toEqual([
    {
      point: 'processor/filter',
      pipeline: 'logs',
      format: 'envelopes',
      timestamp: '0',
      source_id: 'app',
      instance_id: '3',
      tags: { api_key: '****', zone: 'z' },
      message: { kind: 'log', text: 'password=****', stream: 'ERR' },
    },
  ])
})

test('beyond the rate records are counted, every second anew', () => {
  const { port, texts, clock } = watched({ rate: 2 })
  const three = envelopes({ log: '1' }, { log: '2' }, { log: '3' })
  port.consume(three)
  port.consume(three)
  clock.advance(1000)
  port.consume(envelopes({ log: '1' }, { log: '2' }))
  const [first, second, ...rest] = texts()
  // From all over the batch, in order.
  expect([
    ['1', '2'],
    ['1', '3'],
    ['2', '3'],
  ]).toContainEqual([first, second])
  expect(rest).toEqual([{ omitted: 4, unseen: 0 }, '1', '2'])
})

test('one source alone', () => {
  const { port, texts } = watched({ source_id: 'b' })
  port.consume(envelopes({ source: 'a', log: '1' }, { source: 'b', log: '2' }, { source: 'bb', log: '3' }))
  expect(texts()).toEqual(['2'])
})

test.each<[string, string[]]>([
  ['nee', ['the needle']],
  ['zone-9', ['tagged']],
  ['absent', []],
  // What is masked cannot be found out by searching for it.
  ['hunter2', []],
])('only records with %s in a text', (grep, found) => {
  const { port, texts } = watched({ grep })
  port.consume(
    envelopes(
      { log: 'hay' },
      { log: 'the needle' },
      { log: 'tagged', tags: { zone: 'zone-9' } },
      { log: 'password=hunter2' },
    ),
  )
  expect(texts()).toEqual(found)
})

test('OTLP is searched too', () => {
  const { port, texts } = watched({ grep: 'needle', source_id: 'shop' })
  const resource = field(1, field(1, [field(1, 'service.name'), field(2, field(1, 'shop'))]))
  const body = (text: string) => field(2, field(5, field(1, text)))
  port.consume(Batch.copyOf('logs', field(1, [resource, field(2, [body('hay'), body('a needle')])])))
  expect(texts()).toEqual(['a needle'])
})

test('a search looks at two thousand records a second at most, and says what it left out', () => {
  const { port, texts, clock } = watched({ grep: 'x=1' })
  const batch = envelopes(
    ...Array.from({ length: 1500 }, () => ({ log: 'x=2', tags: { a: 'x=1'.slice(0, 2), b: '=1' } })),
  )
  const otlp = Batch.copyOf(
    'logs',
    field(
      1,
      field(
        2,
        Array.from({ length: 1500 }, () => field(2, field(5, field(1, 'y')))),
      ),
    ),
  )
  port.consume(batch)
  port.consume(otlp)
  port.consume(otlp)
  clock.advance(1000)
  expect(texts()).toEqual([{ omitted: 0, unseen: 1000 }])
})

test('a reader that is behind misses records, which are counted when it has caught up', () => {
  const { port, texts, clock, reader } = watched({})
  reader.keepsUp = false
  port.consume(envelopes({ log: '1' }, { log: '2' }))
  clock.advance(1000)
  reader.keepsUp = true
  clock.advance(1000)
  expect(texts()).toEqual([{ omitted: 2, unseen: 0 }])
})

test('nothing more is shown or counted after the end', () => {
  const { port, seen, clock, tap } = watched({})
  tap.stop()
  port.consume(envelopes({ log: '1' }))
  clock.advance(5000)
  expect(seen).toEqual([])
})

test('whatever bytes a record has, it is shown as JSON or not at all', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom('envelopes', 'dropsonde', 'logs', 'metrics', 'traces'),
      (bytes, format) => {
        const { port, seen } = watched({ grep: '' })
        try {
          port.consume(Batch.copyOf(format, bytes))
        } catch {
          // Bytes that no gate would have let in.
          return
        }
        expect(() => JSON.parse(JSON.stringify(seen))).not.toThrow()
      },
    ),
  )
})
