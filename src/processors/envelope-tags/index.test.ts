import { describe, expect, test } from 'vitest'
import { Batch, type Format } from '../../plugin.ts'
import { batchOf, type EnvelopeParts, entry, envelope, field, int } from '../../telemetry/testing/encode.ts'
import { processorHost } from '../../telemetry/testing/processor-host.ts'
import { decodeBatch, fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import envelopeTags from './index.ts'

function tagger(config: unknown, format: Format = 'envelopes') {
  const { host } = processorHost('envelope_tags')
  return envelopeTags.create({ config: envelopeTags.config.parse(config) as never, host, format }) as (
    b: Batch,
  ) => Batch
}
const tagged = (tags: Record<string, string>, ...envelopes: EnvelopeParts[]) =>
  decodeBatch(tagger({ tags })(Batch.of('envelopes', batchOf(...envelopes.map(envelope)))).bytes())

describe('tags of v2 envelopes', () => {
  test.each<[string, Record<string, string>, EnvelopeParts, Record<string, string>]>([
    ['defaults are added', { k: 'v', e: '' }, {}, { k: 'v', e: '' }],
    ['a tag that is there stays', { k: 'v' }, { tags: { k: 'x' } }, { k: 'x' }],
    ['an empty one is there', { k: 'v' }, { tags: { k: '' } }, { k: '' }],
    ['another case is another tag', { k: 'v' }, { tags: { K: 'x' } }, { K: 'x', k: 'v' }],
    ['some are missing', { a: '1', b: '2', c: '3' }, { tags: { b: 'x' } }, { a: '1', b: 'x', c: '3' }],
    ['keys of one length', { aa: '1', bb: '2' }, { tags: { bb: 'x', cc: 'y' } }, { aa: '1', bb: 'x', cc: 'y' }],
    ['beyond ASCII', { ключ: '値' }, { tags: { é: 'x' } }, { ключ: '値', é: 'x' }],
    ['no defaults', {}, { tags: { a: 'b' } }, { a: 'b' }],
    ['long ones', { ['k'.repeat(300)]: 'v'.repeat(300) }, {}, { ['k'.repeat(300)]: 'v'.repeat(300) }],
    [
      'a long one that is there',
      { ['k'.repeat(300)]: 'v' },
      { tags: { ['k'.repeat(300)]: '' } },
      { ['k'.repeat(300)]: '' },
    ],
    ['deprecated ones win', { k: 'c' }, { tags: { k: 'a' }, deprecated: { k: 'b' } }, { k: 'b' }],
    ['deprecated integers', {}, { deprecated: { a: -1n, b: (1n << 63n) - 1n } }, { a: '-1', b: '9223372036854775807' }],
    [
      'deprecated decimals',
      {},
      { deprecated: { a: 0.23, b: 1e21, c: 1e-7, d: -0, e: Number.NaN, f: Number.POSITIVE_INFINITY, g: -1 / 0 } },
      { a: '0.23', b: '1000000000000000000000', c: '0.0000001', d: '-0', e: 'NaN', f: '+Inf', g: '-Inf' },
    ],
    ['a deprecated one without value', { k: 'v' }, { deprecated: { k: null } }, { k: '' }],
  ])('%s', (_, defaults, parts, expected) => {
    const plain = { source: 's', log: 'x' }
    const out = tagged(defaults, plain, { ...plain, ...parts }, plain)
    expect(out[1]!.tags).toEqual(expected)
    expect(out[1]!.sourceId).toBe('s')
    expect(out[0]!.tags).toEqual(defaults)
    expect(out[2]!.tags).toEqual(defaults)
  })

  test('deprecated tags and unknown fields travel on', () => {
    const extra = Buffer.concat([int(99, 1), field(100, 'x')])
    const [out] = tagged({ k: 'v' }, { deprecated: { a: 'b' }, extra })
    expect(out!.deprecated).toEqual({ a: 'text b' })
    expect(out!.unknown).toHaveLength(2)
  })

  test('more default tags than bits of a number', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key${i}`, `${i}`]))
    const [out] = tagged(many, { tags: { key77: 'own' } })
    expect(out!.tags).toEqual({ ...many, key77: 'own' })
  })

  test('a key that is there twice is replaced by its deprecated one wherever it stands', () => {
    const extra = Buffer.concat([entry(9, 'k', '2'), field(9, [field(2, '3'), field(1, 'k')])])
    expect(tagged({}, { tags: { k: '1' }, deprecated: { k: 'new' }, extra })[0]!.tags).toEqual({ k: 'new' })
  })

  test('a batch that needs nothing keeps its bytes', () => {
    const bytes = batchOf(envelope({ tags: { k: 'x' }, log: 'y' }))
    expect(tagger({ tags: { k: 'v' } })(Batch.of('envelopes', bytes)).bytes()).toEqual(bytes)
    const batch = Batch.of('envelopes', bytes)
    expect(tagger({})(batch)).toBe(batch)
  })

  test('a filtered batch keeps its choice, receipts and origin', () => {
    const origin = { address: 'a', port: 1, subject: undefined }
    const batch = Batch.of('envelopes', batchOf(...['a', 'b', 'c'].map((source) => envelope({ source }))), { origin })
    const out = tagger({ tags: { k: 'v' } })(batch.where((row) => row !== batch.rowAt(1)))
    expect(decodeBatch(out.bytes()).map((each) => each.sourceId)).toEqual(['a', 'c'])
    expect([out.count, out.origin]).toEqual([2, origin])
  })
})

describe('tags of v1 envelopes', () => {
  const config = { deployment: 'cf', job: 'router', index: '0', ip: '10.0.0.1' }
  const fields = (...parts: Buffer[]) => {
    const out = tagger(config, 'dropsonde')(Batch.of('dropsonde', batchOf(Buffer.concat(parts), field(1, 'second'))))
    expect(out.count).toBe(2)
    return fieldsOf(fieldsOf(out.bytes())[0]!.value as Buffer).map(({ field, value }) => [field, String(value)])
  }

  test('fields that are absent are filled, and source_id becomes the origin', () => {
    const out = fields(field(1, 'gorouter'), int(2, 7), field(14, 'own'))
    expect(out).toEqual(
      expect.arrayContaining([
        [13, 'cf'],
        [14, 'own'],
        [15, '0'],
        [16, '10.0.0.1'],
      ]),
    )
    expect(out.filter(([number]) => number === 14)).toHaveLength(1)
    expect(out.find(([number]) => number === 17)?.[1]).toContain('gorouter')
  })

  test('a source_id that is there stays', () => {
    const out = fields(field(1, 'o'), int(2, 7), entry(17, 'source_id', 'mine'))
    expect(out.filter(([number]) => number === 17)).toHaveLength(1)
  })
})
