import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countedLoops } from './counted-loops.ts'

test.each([
  ['a*', '(?:a|)*'],
  ['a+?b', '(?:a|)+?b'],
  ['[*+]{2,3}\\*', '(?:[*+]|){2,3}\\*'],
  ['\\x41+\\u00e9*', '(?:\\x41|)+(?:\\u00e9|)*'],
  ['(ab)+(?:c)*', '(ab|)+(?:c|)*'],
  ['(?<n>a)?(?<![^b])c{2', '(?<n>a)?(?<![^b])c{2'],
])('%s is written %s, with a choice for each |', (pattern, expected) =>
  expect(countedLoops(pattern)).toBe(expected.replaceAll('|', '(?:|(?-m:$)[^])')),
)

test.each(['\\w+(?=@)', '(?:\\w)+(?=@)', '[\\w.+-]+(?=@)[\\w-]+', '(?:ab?)+(?=@)'])(
  '%s on a long word takes no time that doubles with each letter',
  (pattern) => {
    // Nothing else bounds what looks ahead: this would never end.
    for (const flags of ['', 'm']) expect(new RegExp(countedLoops(pattern), flags).test('a'.repeat(200))).toBe(false)
  },
)

test('it matches the same', () => {
  const piece = fc.constantFrom('a', '[ab]', '.', '\\w', '(a|b)', '(?:ab)', '(?<=a)', '|', '^', '$')
  const loop = fc.constantFrom('', '', '*', '+', '?', '*?', '{2}', '{1,3}')
  const pattern = fc.array(fc.tuple(piece, loop), { maxLength: 6 }).map((all) =>
    // What stands for a place cannot be repeated.
    all.map(([one, times]) => (/^[(]\?<|^[|^$]/.test(one) ? one : one + times)).join(''),
  )
  fc.assert(
    fc.property(
      pattern,
      fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n') }),
      fc.constantFrom('', 'm'),
      (source, text, flags) => {
        const match = new RegExp(source, flags).exec(text)
        expect(new RegExp(countedLoops(source), flags).exec(text)).toEqual(match)
      },
    ),
    { numRuns: 500 },
  )
})
