// biome-ignore-all lint/suspicious/noTemplateCurlyInString: groups as Prometheus writes them
import { describe, expect, test } from 'vitest'
import { compileRelabel, type RelabelRule, relabelFault } from './relabel.ts'

const rule = (written: Partial<RelabelRule>): RelabelRule => ({
  source_labels: [],
  separator: ';',
  regex: '(.*)',
  replacement: '$1',
  action: 'replace',
  ...written,
})
const after = (labels: Record<string, string>, ...rules: Partial<RelabelRule>[]) => {
  const map = new Map(Object.entries(labels))
  return compileRelabel(rules.map(rule))!(map) ? Object.fromEntries(map) : undefined
}
const abc = { a: 'foo', b: 'bar', c: 'baz' }

// Outcomes follow from the rules in Prometheus' documentation, "relabel_config".
describe('a rule', () => {
  test.each<[string, Partial<RelabelRule>, Record<string, string> | undefined]>([
    [
      'replaces',
      { source_labels: ['a'], regex: 'f(.*)', target_label: 'd', replacement: 'ch${1}-ch$1' },
      { ...abc, d: 'choo-choo' },
    ],
    [
      'joins by the separator',
      { source_labels: ['a', 'b'], separator: '/', target_label: 'd' },
      { ...abc, d: 'foo/bar' },
    ],
    ['is anchored', { source_labels: ['a'], regex: 'oo', target_label: 'd', replacement: 'x' }, abc],
    [
      'removes by an empty replacement',
      { source_labels: ['a'], target_label: 'a', replacement: '' },
      { b: 'bar', c: 'baz' },
    ],
    [
      'names its target by a group',
      { source_labels: ['a'], regex: '(f)oo', target_label: '${1}_x', replacement: 'v' },
      { ...abc, f_x: 'v' },
    ],
    [
      'leaves alone a target that is no name',
      { source_labels: ['a'], regex: '(.*)', target_label: '${1}-x', replacement: 'v' },
      abc,
    ],
    ['keeps', { action: 'keep', source_labels: ['a'], regex: 'fo.' }, abc],
    ['keeps not', { action: 'keep', source_labels: ['a'], regex: 'bar' }, undefined],
    ['drops', { action: 'drop', source_labels: ['a', 'missing'], regex: 'foo;' }, undefined],
    ['keeps equal ones', { action: 'keepequal', source_labels: ['a'], target_label: 'b' }, undefined],
    ['drops equal ones', { action: 'dropequal', source_labels: ['a'], target_label: 'a' }, undefined],
    ['maps names', { action: 'labelmap', regex: '(a|b)', replacement: 'x_$1' }, { ...abc, x_a: 'foo', x_b: 'bar' }],
    ['drops names', { action: 'labeldrop', regex: 'a|b' }, { c: 'baz' }],
    ['keeps names', { action: 'labelkeep', regex: 'a|b' }, { a: 'foo', b: 'bar' }],
    ['makes upper case', { action: 'uppercase', source_labels: ['a'], target_label: 'a' }, { ...abc, a: 'FOO' }],
    [
      'makes lower case',
      { action: 'lowercase', source_labels: ['a', 'b'], target_label: 'd' },
      { ...abc, d: 'foo;bar' },
    ],
    ['hashes', { action: 'hashmod', source_labels: ['c'], target_label: 'd', modulus: 1000 }, { ...abc, d: '976' }],
  ])('%s', (_name, written, expected) => expect(after(abc, written)).toEqual(expected))

  test.each<[Partial<RelabelRule>, string]>([
    [{}, 'needs a target_label'],
    [{ action: 'hashmod', target_label: 'a' }, 'needs a modulus'],
    [{ action: 'lowercase', target_label: 'a-b' }, '"a-b" is no name of a label'],
    [{ action: 'keep', regex: '(' }, ''],
    [{ action: 'keep', regex: '(?=a)' }, ''],
  ])('%j is refused', (written, message) => expect(relabelFault(rule(written))).toContain(message))
})

test('rules work one after the other', () => {
  const first = { source_labels: ['a'], target_label: 'd', replacement: 'x' }
  expect(
    after(abc, first, { action: 'keep', source_labels: ['d'], regex: 'x' }, { action: 'labelkeep', regex: 'd' }),
  ).toEqual({ d: 'x' })
})
