import { expect, test } from 'vitest'
import { envelopes, textsOf } from '../../../test/support/delivery.ts'
import type { Batch, Host } from '../../plugin.ts'
import { formats } from '../../telemetry/format.ts'
import forward from './index.ts'

test('hands on what comes, as it came', () => {
  const got: Batch[] = []
  const next = { consume: (batch: Batch) => void got.push(batch) }
  const connector = forward.create({ config: { format: 'envelopes' }, host: {} as Host, next, into: () => next })
  const batch = envelopes(['a', 'b'])
  connector.consume(batch)
  expect(got).toEqual([batch])
  expect(textsOf(got[0]!)).toEqual(['a', 'b'])
})

test('takes and makes the format it was told', () => {
  const formatsOf = (of: typeof forward.takes) => (typeof of === 'function' ? of({ format: 'logs' }) : of)
  expect(formatsOf(forward.takes)).toEqual(['logs'])
  expect(formatsOf(forward.makes)).toEqual(['logs'])
})

test('without a format it takes and makes all of them', () => {
  const config = forward.config.parse({})
  const formatsOf = (of: typeof forward.takes) => (typeof of === 'function' ? of(config) : of)
  expect(formatsOf(forward.takes)).toEqual(formats)
  expect(formatsOf(forward.makes)).toEqual(formats)
})
