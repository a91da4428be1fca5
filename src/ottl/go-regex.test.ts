import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { takeUnbounded } from '../config/bounded-regex.ts'
import { globRegex } from './glob-regex.ts'
import { GoRegex, PatternError, replacementOf } from './go-regex.ts'

test.each<[string, string, boolean]>([
  ['(?i)^get', 'GET /', true],
  ['^(?i:g)et', 'GET', false],
  ['a(?i)b|c', 'C', true],
  ['(a(?i)b)c', 'aBC', false],
  ['(?i)[a-c]x', 'BX', true],
  ['(?i)straße', 'STRAßE', true],
  ['\\Aab\\z', 'ab\n', false],
  ['ab$', 'ab\n', false],
  ['(?m)^b$', 'a\nb\nc', true],
  ['(?m)^b$', 'a\rb\rc', false],
  ['a.c', 'a\nc', false],
  ['(?s)a.c', 'a\nc', true],
  ['a.c', 'a\u2028c', true],
  ['^.$', '😀', true],
  ['^[😀-😂]$', '😁', true],
  ['^\\D$', '😀', true],
  ['\\s', '\v', false],
  ['\\s', '\u00a0', false],
  ['[[:alpha:]]+', '9', false],
  ['^[[:^x]', ':', true],
  ['[]a]', ']', true],
  ['[a\\-z]', '-', true],
  ['\\pL', 'é', true],
  ['\\p{Greek}', 'α', true],
  ['\\PL', 'é', false],
  ['\\Qa.b\\E+', 'a.bb', true],
  ['\\x41\\x{1F600}\\101', 'A😀A', true],
  ['a{2,3}$', 'aa', true],
  ['^a{40}$', 'a'.repeat(40), true],
  ['^a{40}$', 'a'.repeat(39), false],
  ['^a{3,40}$', 'a'.repeat(41), false],
  ['^a{3,40}$', 'aa', false],
  ['^a{20,}?b', `${'a'.repeat(30)}b`, true],
  ['^(?:ab){20}$', 'ab'.repeat(20), true],
  ['^(?:ab){20}$', 'ab'.repeat(19), false],
  ['^(?:ab|a){18,20}$', `${'ab'.repeat(17)}aa`, true],
  ['^(?:ab){18,20}$', 'ab'.repeat(21), false],
  ['^(?:ab){18,}?$', 'ab'.repeat(30), true],
  ['^(?:ab){0,30}$', 'ab'.repeat(31), false],
  ['^(?:\\d{10}-?){3}$', '0123456789-01234567890123456789', true],
  ['^a\\-b$', 'a-b', true],
  ['(?m)a$', 'a\r\n', false],
  ['(?m)^b', 'a\rb', false],
  ['(?m)^b', 'a\r\nb', true],
  ['(?m)^\\s$', 'a\n\r\nb', true],
  ['(?m)a.$', 'a\u2028\n', true],
  ['^\\p{L}\\P{L}$', '𝒜😀', true],
  ['^[^\\pL]$', '𝒜', false],
  ['a{,3}', 'a{,3}', true],
  ['a-b\\_/', 'a-b_/', true],
  ['(?P<x>a)(?<y>b)', 'ab', true],
])('%s on %j', (pattern, text, expected) => expect(new GoRegex(pattern).test(text)).toBe(expected))

test.each<[string, string]>([
  ['(', 'a "(" has no ")"'],
  ['a)', 'a ")" has no "("'],
  ['[a', 'a "[" has no "]"'],
  ['*a', 'nothing stands before "*"'],
  ['a**', 'nothing stands before "*"'],
  ['(?=a)', 'looking ahead or behind'],
  ['(?<!a)', 'looking ahead or behind'],
  ['(a)\\1', 'references to groups'],
  ['a\\Z', 'write \\z for the end'],
  ['(?U)a*', 'not greedy'],
  ['a{1001}', '1000 times at most'],
  ['(?P<a>x)(?P<a>y)', 'two groups are named a'],
  ['(?P>a)', 'there is no such group'],
  ['\\y', 'no escape \\y'],
  ['a\\', 'ends in a backslash'],
  ['[[:nope:]]', 'there is no class'],
  ['[b-a]', 'range out of order'],
])('%s is refused', (pattern, message) => {
  expect(() => new GoRegex(pattern)).toThrow(PatternError)
  expect(() => new GoRegex(pattern)).toThrow(message)
})

describe('a replacement', () => {
  test.each<[string, string, string, string]>([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as Go writes groups
    ['(?P<k>\\w)=(\\w)', '${2}:$k', 'a=1 b=2', '1:a 2:b'],
    ['(a)', '$1x', 'a', ''],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as Go writes groups
    ['(a)', '${1}x$$', 'a', 'ax$'],
    ['(a)|b', '[$1]', 'ab', '[a][]'],
    ['a*', 'x', 'baac', 'xbxcx'],
    ['.*', '****', 'abc', '****'],
    ['', '-', '😀b', '-😀-b-'],
    ['.', 'x', 'a😀b', 'xxx'],
    ['(?m)^', '>', '😀\n😀', '>😀\n>😀'],
    ['(?m)^(.)', '[$1]', 'a\r\nb\rc\u2028d', '[a]\r\n[b]\rc\u2028d'],
    ['(?m)(.)$', '[$1]', 'a\r\nb\u2028\ufdd0', 'a[\r]\nb\u2028[\ufdd3]'],
    ['\\B', '-', 'a😀', 'a😀-'],
    ['(?m)$', '<', 'a\r\nb', 'a\r<\nb<'],
    ['\\W\\D$', '-', 'a😀😁', 'a-'],
  ])('of %s by %s in %s', (pattern, template, text, expected) => {
    const regex = new GoRegex(pattern)
    expect(regex.replaceAll(text, replacementOf(template, regex))).toBe(expected)
  })
})

test.each([
  ['^(a+)+$', 'a'.repeat(20_000)],
  ['^(?:[a-z]|\\w)*\\d$', 'a'.repeat(20_000)],
  ['(x*)*y', 'x'.repeat(20_000)],
  ['^(a+)+$', `😀${'a'.repeat(20_000)}`],
  ['^.(a+)+$', `😀${'a'.repeat(20_000)}`],
  ['(?m)^(a+)+$', 'a'.repeat(20_000)],
  ['(?m)^(a+)+$', `\r😀\n${'a'.repeat(20_000)}`],
  ['^(\\pL+)+$', 'a'.repeat(5_000)],
  ['^(\\pL+)+$', `𝒜${'a'.repeat(5_000)}`],
  ['^(é😀?|\\w+)+$', 'a'.repeat(20_000)],
  ['^(é😀?|\\w+)+$', `é😀${'a'.repeat(20_000)}`],
  ['^(\\w{1,40})+$', 'a'.repeat(5_000)],
  ['\\s+$', ' '.repeat(1_000_000)],
  ['[ab]+c', 'ab'.repeat(500_000)],
  ['(?:ab)+c', 'ab'.repeat(500_000)],
  ['.*a.*c', 'a'.repeat(1_000_000)],
  ['(?:a+){20}b', 'a'.repeat(1_000)],
  ['(?:a?){0,40}b', 'a'.repeat(100)],
  ['(?:\\w{10}\\s?){5}$', 'a'.repeat(20_000)],
  ['(?:(?:a|aa){3,9}){7}b', 'a'.repeat(100)],
  ['^(?:(a?){50}a{50}|x)$', 'a'.repeat(50)],
])('%s is bounded', (pattern, text) => {
  // What is not bounded takes longer than any test may.
  const regex = new GoRegex(pattern)
  expect(regex.test(`${text}!`)).toBe(false)
  expect(regex.replaceAll(`${text}!`, () => '')).toBe(`${text}!`)
})

test.each(['\\w+@(a){0,20}', '(?:\\w\\s?)+@(a){0,20}'])(
  '%s, which nothing bounds, does not take longer in a long text',
  (pattern) => {
    // Time that doubled with each letter would never end.
    expect(new GoRegex(pattern).test('a'.repeat(600))).toBe(false)
  },
)

test.each(['^(?:((((a))))|((b)))*$', '(?m)^(?:((((a))))|((b)))*$'])('%s matches two megabytes', (pattern) => {
  const regex = new GoRegex(pattern)
  const text = 'a'.repeat(2 << 20)
  expect(regex.test(text)).toBe(true)
  expect(regex.exec(text)?.[0].length).toBe(text.length)
  expect(regex.replaceAll(text, () => 'x')).toBe('x')
})

test('a pattern that cannot be bounded is noted', () => {
  takeUnbounded()
  for (const pattern of ['(?im)^a$', '\\pL+😀[^x]', '\\d{40}', '(?:a+){20}', '(a+){0,20}']) new GoRegex(pattern)
  expect(takeUnbounded()).toEqual(['(a+){0,20}'])
})

test.each<[string, string, (string | undefined)[]]>([
  ['^(?:(\\w)-?){20}$', `${'a-'.repeat(19)}b`, ['b']],
  ['^(?P<all>(a|b){18,}?)(c?)$', `${'ab'.repeat(9)}bc`, [`${'ab'.repeat(9)}b`, 'b', 'c']],
  ['^(?:a(b)?){17}$', `${'ab'.repeat(16)}a`, [undefined]],
])('%s keeps the last repetition', (pattern, text, expected) => {
  expect([...new GoRegex(pattern).exec(text)!].slice(1)).toEqual(expected)
})

test('a long text is matched like a short one', () => {
  const part = fc.constantFrom('a*', 'b+', '(a|b)*?', '[ab]{2,}', '(?:ab)+', '(b)?', '^', '$', '\\b', 'c', '.{0,3}')
  const pattern = fc.array(part, { minLength: 1, maxLength: 6 }).map((all) => all.join(''))
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', '😀'), maxLength: 20 })
  fc.assert(
    fc.property(pattern, text, (source, short) => {
      // What is added behind a line end matches nothing more.
      const regex = new GoRegex(`\\A(?:${source})\\n`)
      const long = `${short}\n${'\n'.repeat(600)}`
      expect(regex.exec(long)?.slice(0)).toEqual(regex.exec(`${short}\n`)?.slice(0))
    }),
  )
})

test('any pattern compiles or is refused with a PatternError', () => {
  const part = fc.constantFrom(
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '*',
    '+',
    '?',
    '|',
    '\\',
    'a',
    '-',
    '^',
    '$',
    '.',
    '?:',
    '?P<n>',
    '(?i)',
    ':',
    '1',
    ',',
    'Q',
    'E',
    'p',
    'x',
    '😀',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part, { maxLength: 12 }).map((all) => all.join('')),
      ),
      fc.string(),
      (pattern, text) => {
        let regex: GoRegex
        try {
          regex = new GoRegex(pattern)
        } catch (error) {
          expect(error).toBeInstanceOf(PatternError)
          return
        }
        regex.test(text)
        regex.replaceAll(text, (match) => match[0])
      },
    ),
    { numRuns: 2000 },
  )
})

test.each<[string, string, boolean]>([
  ['user/*/list/*', 'user/1/list/2', true],
  ['user/*', 'my user/1', false],
  ['a?c', 'abc', true],
  ['{one,two}.x', 'two.x', true],
  ['{a{b,c},d}', 'ac', true],
  ['{{a,b', 'b', true],
  ['[!a]b', 'cb', true],
  ['a.b(', 'a.b(', true],
  ['\\*', '*', true],
])('the glob %s on %s', (glob, text, expected) => expect(globRegex(glob).test(text)).toBe(expected))
