import { expect, test } from 'vitest'
import { envelopes, textsOf } from '../../../test/support/delivery.ts'
import type { Batch, Host } from '../../plugin.ts'
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
  const formatsOf = (formats: typeof forward.takes) =>
    typeof formats === 'function' ? formats({ format: 'logs' }) : formats
  expect(formatsOf(forward.takes)).toEqual(['logs'])
  expect(formatsOf(forward.makes)).toEqual(['logs'])
})

test('without a format it is refused: nothing tells it what to expect', () => {
  expect(forward.config.safeParse({}).success).toBe(false)
})
