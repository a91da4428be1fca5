import { expect, test } from 'vitest'
import { Batch } from './batch.ts'
import { mapOrigins } from './origin-mapping.ts'
import { batchOf, type EnvelopeParts, envelope } from './testing/encode.ts'
import { decodeBatch } from './testing/strict-decoder.ts'

test.each<[string, EnvelopeParts, string, number]>([
  ['a source id stays', { source: 'id', tags: { origin: 'o' } }, 'id', 0],
  ['from the tag', { tags: { origin: 'o', other: 'x' } }, 'o', 1],
  ['from the tag, over an empty source id', { source: '', tags: { origin: 'o' } }, 'o', 1],
  ['an empty tag counts and wins', { tags: { origin: '' }, deprecated: { origin: 'd' } }, '', 1],
  ['from deprecated text', { deprecated: { origin: 'd' } }, 'd', 1],
  ['another kind of deprecated value gives nothing but counts', { deprecated: { origin: 5n } }, '', 1],
  ['no origin', { tags: { Origin: 'o' } }, '', 0],
  ['a long one', { tags: { origin: 'o'.repeat(1000) } }, 'o'.repeat(1000), 1],
])('%s', (_, parts, source, count) => {
  const batch = Batch.of('envelopes', batchOf(envelope({ source: 'first' }), envelope({ log: 'x', ...parts })))
  const { batch: out, mapped } = mapOrigins(batch)
  const decoded = decodeBatch(out.bytes())
  expect(decoded.map((each) => each.sourceId)).toEqual(['first', source])
  expect(decoded[1]!.tags).toEqual(parts.tags ?? {})
  expect(mapped).toBe(count)
})

test('a batch in which all have a source id passes untouched', () => {
  const batch = Batch.of('envelopes', batchOf(envelope({ source: 'a' }), envelope({ source: 'b' })))
  expect(mapOrigins(batch)).toEqual({ batch, mapped: 0 })
})
