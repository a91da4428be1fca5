import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { Batch } from '../../plugin.ts'
import { EnvelopeGate } from '../../telemetry/envelope-gate.ts'
import { EnvelopeFlag } from '../../telemetry/envelope-scan.ts'
import { mapOrigins } from '../../telemetry/origin-mapping.ts'
import { Row } from '../../telemetry/record-index.ts'
import {
  batchOf,
  type EnvelopeParts,
  entry,
  envelope,
  field,
  int,
  typicalEnvelope,
} from '../../telemetry/testing/encode.ts'
import { processorHost } from '../../telemetry/testing/processor-host.ts'
import { decodeBatch, decodeEnvelope, fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import envelopeTags from '../envelope-tags/index.ts'
import counterTotals from './index.ts'
import { Series } from './series.ts'
import { SeriesKey } from './series-key.ts'

type Process = (batch: Batch) => Batch

function newTotals(maxSeries = 10_000, format: 'envelopes' | 'dropsonde' = 'envelopes') {
  const { host, metric } = processorHost('counter_totals')
  const config = counterTotals.config.parse({ max_series: maxSeries }) as { max_series: number }
  return { process: (counterTotals.create({ config, host, format }) as { process: Process }).process, metric }
}

/** Totals that a run of counters gets, each fed as a batch of its own. */
function totalsOf(process: Process, counters: EnvelopeParts[]): [delta: string, total: string][] {
  return counters.map((parts) => {
    const [out] = decodeBatch(process(Batch.of('envelopes', batchOf(envelope(parts)))).bytes())
    const message = out!.message as Record<number, string>
    return [message[2] ?? '0', message[3] ?? '0']
  })
}

const at = (delta: number | bigint, total: number | bigint, more: EnvelopeParts = {}): EnvelopeParts => {
  return { source: 's', counter: { name: 'n', delta, total }, ...more }
}
const max = (1n << 64n) - 1n

describe('running totals of v2 counters', () => {
  test.each<[string, EnvelopeParts[], [string, string][]]>([
    [
      'a total is set, deltas are added',
      [at(10, 0), at(0, 5000), at(10, 0)],
      [
        ['10', '10'],
        ['0', '5000'],
        ['10', '5010'],
      ],
    ],
    [
      'neither resets',
      [at(0, 10), at(0, 0), at(3, 0)],
      [
        ['0', '10'],
        ['0', '0'],
        ['3', '3'],
      ],
    ],
    [
      'tags make the key',
      [at(10, 0, { tags: { a: '1' } }), at(15, 0, { tags: { a: '2' } })],
      [
        ['10', '10'],
        ['15', '15'],
      ],
    ],
    [
      'a total with a delta is a total',
      [at(5, 7), at(5, 0)],
      [
        ['5', '7'],
        ['5', '12'],
      ],
    ],
    [
      'sums wrap at 2^64',
      [at(0, max), at(2, 0), at(max, 0)],
      [
        ['0', String(max)],
        ['2', '1'],
        [String(max), '0'],
      ],
    ],
    [
      'halves carry',
      [at(0xffffffff, 0), at(1, 0)],
      [
        ['4294967295', '4294967295'],
        ['1', '4294967296'],
      ],
    ],
    [
      'the instance is not part of it',
      [at(1, 0, { instance: 'a' }), at(1, 0, { instance: 'b' })],
      [
        ['1', '1'],
        ['1', '2'],
      ],
    ],
    [
      'the source is',
      [at(1, 0, { source: 'x' }), at(1, 0, { source: 'y' })],
      [
        ['1', '1'],
        ['1', '1'],
      ],
    ],
    [
      'the order of tags is not',
      [at(1, 0, { tags: { a: 'b', c: 'd' } }), at(1, 0, { tags: { c: 'd', a: 'b' } })],
      [
        ['1', '1'],
        ['1', '2'],
      ],
    ],
    [
      'tags that join alike are not the same',
      [at(1, 0, { tags: { a: 'bc' } }), at(1, 0, { tags: { ab: 'c' } }), at(1, 0, { tags: { a: 'b', c: '' } })],
      [
        ['1', '1'],
        ['1', '1'],
        ['1', '1'],
      ],
    ],
    [
      'of a tag that is there twice the last counts',
      [at(1, 0, { tags: { a: 'x' } }), at(1, 0, { extra: Buffer.concat([entry(9, 'a', 'y'), entry(9, 'a', 'x')]) })],
      [
        ['1', '1'],
        ['1', '2'],
      ],
    ],
    [
      'long tags keep apart',
      [1, 2, 1].map((n) => at(1, 0, { tags: { a: 'x'.repeat(5000) + n } })),
      [
        ['1', '1'],
        ['1', '1'],
        ['1', '2'],
      ],
    ],
  ])('%s', (_, counters, expected) => {
    expect(totalsOf(newTotals().process, counters)).toEqual(expected)
  })

  test('batches without counters pass untouched, also when edits wait in them', () => {
    const batch = Batch.of('envelopes', batchOf(envelope({ log: 'x' }), envelope({ gauge: { a: 1 } })))
    expect(newTotals().process(batch)).toBe(batch)
  })

  test('other records and fields travel as they are, whatever stands behind the counter', () => {
    const counter = field(5, [int(3, 0), field(1, 'n'), int(2, 4), int(9, 9)])
    const odd = Buffer.concat([counter, field(2, 'late'), entry(9, 'k', 'v'), field(77, 'unknown')])
    const log = envelope({ source: 's', log: 'x' })
    const { process } = newTotals()
    const out = process(Batch.of('envelopes', batchOf(log, odd, log, log, odd)))
    const [first, changed, , , again] = fieldsOf(out.bytes()).map((part) => part.value as Buffer)
    expect(first).toEqual(log)
    expect(decodeEnvelope(changed!)).toMatchObject({
      sourceId: 'late',
      tags: { k: 'v' },
      message: { 1: 'n', 2: '4', 3: '4', 9: '9' },
    })
    expect(decodeEnvelope(again!).message).toMatchObject({ 2: '4', 3: '8' })
    expect(decodeEnvelope(changed!).unknown).toHaveLength(1)
  })

  test('the counters of a filtered batch count once', () => {
    const { process } = newTotals()
    const batch = Batch.of('envelopes', batchOf(envelope(at(1, 0)), envelope(at(2, 0)), envelope(at(4, 0))))
    const out = process(batch.where((row) => row !== batch.rowAt(1)))
    expect(decodeBatch(out.bytes()).map((e) => (e.message as Record<number, string>)[3])).toEqual(['1', '5'])
  })

  test('when there are too many, the one not seen for longest is forgotten', () => {
    const { process, metric } = newTotals(2)
    const one = (source: string) => totalsOf(process, [at(1, 0, { source })])[0]![1]
    expect([one('a'), one('b'), one('a'), one('c'), one('a'), one('b')]).toEqual(['1', '1', '2', '1', '3', '1'])
    expect(metric('series_evicted_total')).toBe(2)
    expect(metric('series')).toBe(2)
  })

  test('a flood of new counters leaves one that stays in use alone', () => {
    const { process, metric } = newTotals(1000)
    for (let n = 0; n < 20; n++) {
      totalsOf(process, [at(1, 0)])
      const others = Array.from({ length: 500 }, (_, i) => envelope(at(1, 0, { source: `${n}/${i}` })))
      process(Batch.of('envelopes', batchOf(...others)))
    }
    expect(totalsOf(process, [at(1, 0)])).toEqual([['1', '21']])
    expect(metric('series_evicted_total')).toBe(20 * 500 + 1 - 1000)
  })

  test('keep what a Map would keep, for any sequence', () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const tags = fc.dictionary(name, name, { maxKeys: 3 })
    const number = fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max }), fc.bigInt({ min: max - 5n, max }))
    const counter = fc.record({ name, source: name, tags, delta: number, total: number })
    fc.assert(
      fc.property(fc.array(counter, { maxLength: 40 }), fc.integer({ min: 1, max: 12 }), (counters, most) => {
        const { process } = newTotals(most)
        const model = new Map<string, bigint>()
        const expected = counters.map(({ name, source, tags, delta, total }) => {
          const key = JSON.stringify([name, source, Object.entries(tags).sort()])
          const stored = total === 0n && delta !== 0n ? ((model.get(key) ?? 0n) + delta) & max : total
          model.delete(key)
          model.set(key, stored)
          if (model.size > most) model.delete(model.keys().next().value!)
          return [String(delta), String(stored)]
        })
        const parts = counters.map(({ name, source, tags, delta, total }) => ({
          source,
          tags,
          counter: { name, delta, total },
        }))
        expect(totalsOf(process, parts)).toEqual(expected)
      }),
      { numRuns: 200 },
    )
  })

  test('keys with one hash are told apart', () => {
    const series = new Series(3, new Budget('service'), () => {})
    const key = new SeriesKey(1)
    const slots = ['a', 'b', 'c', 'd', 'a', 'b'].map((name) => {
      key.begin(Buffer.from(name))
      key.end(0, 1, 0, 0)
      key.hash = 7
      return series.slot(key)
    })
    expect(slots).toEqual([0, 1, 2, 0, 1, 2])
  })
})

describe('running totals of v1 counters', () => {
  const v1 = (delta: number, total?: number, origin = 'o') =>
    Buffer.concat([
      field(1, origin),
      int(2, 7),
      field(10, [field(1, 'n'), int(2, delta), ...(total === undefined ? [] : [int(3, total)])]),
    ])
  const run = (...envelopes: Buffer[]) => {
    const { process } = newTotals(10_000, 'dropsonde')
    const out = process(Batch.of('dropsonde', batchOf(...envelopes)))
    return fieldsOf(out.bytes()).map((part) => {
      const counter = fieldsOf(part.value as Buffer).find((each) => each.field === 10)!.value as Buffer
      return fieldsOf(counter).find((each) => each.field === 3)?.value
    })
  }

  test.each<[string, Buffer[], (bigint | undefined)[]]>([
    ['deltas add up', [v1(4), v1(4), v1(4)], [4n, 8n, 12n]],
    ['a total is remembered', [v1(4), v1(0, 101), v1(4)], [4n, 101n, 105n]],
    ['origins keep apart', [v1(4), v1(4, undefined, 'b'), v1(4)], [4n, 4n, 8n]],
    ['a total of 0 is none', [v1(4), v1(0, 0)], [4n, 4n]],
  ])('%s', (_, envelopes, expected) => {
    expect(run(...envelopes)).toEqual(expected)
  })

  test('other events pass untouched', () => {
    const batch = Batch.of('dropsonde', batchOf(Buffer.concat([field(1, 'o'), int(2, 5)])))
    expect(newTotals(10, 'dropsonde').process(batch)).toBe(batch)
  })
})

interface Golden {
  name: string
  tags: string
  sequence?: string
  step?: number
  input: string
  output: string
}

/** Gate, origin mapping, tags, totals: the forwarder agent between its two connections. */
function newForwarder(tags: string) {
  const { host } = processorHost('envelope_tags')
  const gate = new EnvelopeGate()
  const config = envelopeTags.config.parse(tags === '' ? {} : { tags: trimmed(tags) }) as never
  const tag = envelopeTags.create({ config, host, format: 'envelopes' }) as Process
  const { process } = newTotals()
  return (input: Buffer) => {
    gate.addBatch(input, 0, input.length)
    const arrived = gate.take()
    return arrived && process(tag(mapOrigins(arrived).batch))
  }
}

/** The original cuts blanks around the pieces of AGENT_TAGS. */
function trimmed(tags: string): Record<string, string> {
  const pieces = tags.split(',').map((piece) => piece.trim())
  return Object.fromEntries(pieces.map((piece) => [piece.split(':', 1)[0]!, piece.slice(piece.indexOf(':') + 1)]))
}

describe('as recorded from the forwarder agent', () => {
  const rows = readFileSync(new URL('../../../test/testdata/forwarder-v2.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Golden)
  const runs = new Map<string, ReturnType<typeof newForwarder>>()
  const cases = rows.filter((row) => row.sequence !== 'table wipe')

  test.each(cases.map((row) => [row.name, row] as const))('%s', (_, row) => {
    const run = row.sequence ?? row.name
    if (row.step === 1 || !row.sequence) runs.set(run, newForwarder(row.tags))
    const out = runs.get(run)!(batchOf(Buffer.from(row.input, 'base64')))
    expect(decodeBatch(out!.bytes())).toEqual([decodeEnvelope(Buffer.from(row.output, 'base64'))])
  })

  test('a full table: where the original forgets everything, a counter in use is kept', () => {
    const [first, second, third] = rows.filter((row) => row.sequence === 'table wipe')
    const run = newForwarder('')
    const feed = (row: Golden) => decodeBatch(run(batchOf(Buffer.from(row.input, 'base64')))!.bytes())[0]!
    const recorded = (row: Golden) => decodeEnvelope(Buffer.from(row.output, 'base64'))
    const others = (from: number, to: number) =>
      batchOf(
        ...Array.from({ length: to - from }, (_, i) => envelope({ counter: { name: `other${from + i}`, delta: 1 } })),
      )
    expect(feed(first!)).toEqual(recorded(first!))
    run(others(0, 9999))
    expect(feed(second!)).toEqual(recorded(second!))
    run(others(9999, 10000))
    expect(feed(third!)).not.toEqual(recorded(third!))
  })
})

describe('any batch on its way through gate, tags and totals', () => {
  test('keeps its records, and its index fits its bytes', () => {
    const text = fc.string({ maxLength: 12, unit: 'grapheme' })
    const tags = fc.dictionary(fc.constantFrom('some-tag', 'b', 'origin', 'c'), text, { maxKeys: 4 })
    const value = fc.oneof(text, fc.bigInt({ min: -5n, max: 5n }), fc.double(), fc.constant(null))
    const parts = fc.record<EnvelopeParts>(
      {
        source: text,
        instance: text,
        tags,
        deprecated: fc.dictionary(fc.constantFrom('some-tag', 'b', 'origin', 'd'), value, { maxKeys: 4 }),
        log: text,
        counter: fc.record({ name: text, delta: fc.nat(), total: fc.nat(2) }),
        extra: fc.constantFrom(int(99, 1), field(2, 'last'), entry(9, 'b', 'again'), field(100, 'x')),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.array(fc.array(parts, { minLength: 1, maxLength: 5 }), { maxLength: 4 }), (batches) => {
        const run = newForwarder('some-tag:some-value,e:')
        for (const list of batches) {
          const input = list.map(envelope)
          const out = run(batchOf(...input))!
          const decoded = decodeBatch(out.bytes())
          for (const [i, each] of input.map(decodeEnvelope).entries()) {
            const { tags, ...rest } = decoded[i]!
            const source =
              each.sourceId || (each.tags.origin ?? each.deprecated.origin?.match(/^text (.*)/s)?.[1] ?? '')
            expect(rest.kind).toBe(each.kind)
            expect(rest.instanceId).toBe(each.instanceId)
            expect(rest.sourceId).toBe(source)
            expect(rest.unknown).toEqual(each.unknown)
            expect(rest.deprecated).toEqual(each.deprecated)
            const keys = new Set(['e', 'some-tag', ...Object.keys(each.tags), ...Object.keys(each.deprecated)])
            expect(new Set(Object.keys(tags))).toEqual(keys)
          }
          const own = out.index()
          const again = Batch.of('envelopes', Buffer.from(out.bytes()))
          expect(again.count).toBe(out.count)
          const shift = own.rows[out.rowAt(0)]!
          for (let i = 0; i < out.count; i++) {
            const [row, expected] = [out.rowAt(i), again.index().rows.subarray(again.rowAt(i))]
            const rows = own.rows.subarray(row)
            expect(rows[Row.info]).toBe(expected[Row.info])
            const columns: number[] = [Row.frame, Row.start, Row.end]
            if (!(rows[Row.info]! & EnvelopeFlag.noSource)) columns.push(Row.sourceStart, Row.sourceEnd)
            for (const column of columns) expect(rows[column]).toBe(expected[column]! + shift)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('is not changed by what becomes of the bytes it arrived in', () => {
    const run = newForwarder('a:b')
    const input = batchOf(typicalEnvelope(1), typicalEnvelope(2, { counter: { name: 'n', delta: 3 } }))
    const out = run(input)!
    const before = Buffer.from(out.bytes())
    input.fill(0)
    expect(out.bytes()).toEqual(before)
  })

  test('is never left, nor is anything thrown, on bytes that passed no gate', () => {
    const whole = batchOf(
      envelope({
        source: 's',
        tags: { a: 'b' },
        deprecated: { a: 'x', d: 5n, e: 0.1 },
        counter: { name: 'n', delta: 1 },
      }),
      envelope({ tags: { origin: 'o' }, counter: { name: 'n', delta: 300, total: 5 } }),
      envelope({ deprecated: { origin: 'o' }, log: 'x' }),
    )
    const { host } = processorHost('envelope_tags')
    const config = envelopeTags.config.parse({ tags: { zone: 'z', a: 'c' } }) as never
    const tag = envelopeTags.create({ config, host, format: 'envelopes' }) as Process
    const v1 = envelopeTags.create({ config, host, format: 'dropsonde' }) as Process
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 10 }), fc.nat(), (noise, at) => {
        const bytes = Buffer.from(whole)
        const from = at % bytes.length
        bytes.set(noise.subarray(0, bytes.length - from), from)
        const batch = Batch.of('envelopes', bytes)
        const out = newTotals().process(tag(mapOrigins(batch).batch))
        expect(out.count).toBe(batch.count)
        expect(fieldsOf(out.bytes())).toHaveLength(batch.count)
        const old = Batch.of('dropsonde', bytes)
        expect(newTotals(5, 'dropsonde').process(v1(old)).count).toBe(old.count)
      }),
      { numRuns: 500 },
    )
  })
})
