import { expect, test } from 'vitest'
import { readFeatureGates, unknownGatesWarning } from './feature-gates.ts'

const append = 'confmap.enableMergeAppendOption'

test.each<[string[], string[]]>([
  [[], []],
  [[append], [append]],
  [[`+${append},service.AllowNoPipelines`], [append, 'service.AllowNoPipelines']],
  [[append, `-${append}`], []],
  [[`-${append}`, append], [append]],
])('%j', (texts, on) => expect([...readFeatureGates(texts).on]).toEqual(on))

test('unknown gates are named, an empty one is a fault', () => {
  const choice = readFeatureGates([`a.b,-c,${append}`, '+a.b'])
  expect(choice.unknown).toEqual(['a.b', 'c'])
  expect(unknownGatesWarning(choice)).toMatch(/^no such feature gate "a\.b", "c"\. valid gates: \[confmap\./)
  expect(unknownGatesWarning(readFeatureGates([append]))).toBeUndefined()
  expect(readFeatureGates([`${append},`]).fault).toBe('empty feature gate identifier at index 1')
  expect(readFeatureGates([',a']).fault).toBe('empty feature gate identifier at index 0')
  expect(readFeatureGates([''])).toEqual({ on: new Set(), unknown: [] })
})
