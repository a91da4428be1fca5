import { expect, test } from 'vitest'
import { noLabels, seriesLabels, withoutReserved } from './otlp-labels.ts'

const nobody = { job: '', instance: '', info: [], resource: [], scope: [] }

test('an attribute cannot name the series: two names would break the whole page or request', () => {
  const attributes = [
    ['__name__', 'evil'],
    ['a', 'b'],
  ] as const
  expect(seriesLabels(attributes, nobody, [])).toEqual([['a', 'b']])
  expect(seriesLabels([], { ...nobody, resource: attributes }, [['z', '1']])).toEqual([
    ['a', 'b'],
    ['z', '1'],
  ])
})

test.each([
  [['a'], ['a']],
  [
    ['a', 'le'],
    ['a', 'exported_le'],
  ],
  [
    ['exported_le', 'le'],
    ['exported_le', 'exported_exported_le'],
  ],
])('of a histogram with labels %j each is there once: %j', (names, expected) => {
  const labels = names.map((name) => [name, name] as const)
  expect(withoutReserved(labels, 'le')).toEqual(expected.map((name, i) => [name, names[i]]))
})

test('names that cannot be labels of every series', () => {
  expect(noLabels({ zone: 'z', _a1: 'z', 'a.b': 'z', '0a': 'z', __name__: 'z' })).toEqual(['a.b', '0a', '__name__'])
})
