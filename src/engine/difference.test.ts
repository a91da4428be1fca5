import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { object } from '../config/fields.ts'
import { Secret } from '../config/secret.ts'
import { GoRegex } from '../ottl/go-regex.ts'
import { type ComponentKind, defineExtension, defineReceiver } from '../plugin.ts'
import { difference, type Standing } from './difference.ts'
import { sameSettings } from './same-settings.ts'
import type { Wanted } from './wanted.ts'

const about = { stability: 'experimental', summary: 'For a test.', config: object({}) } as const
const life = { start: async () => {}, stop: async () => {} }
const spec = defineReceiver({ ...about, type: 'r', makes: ['logs'], pushesBack: true, create: () => life })
const otherSpec = defineExtension({ ...about, type: 'e', create: () => life })

interface Given {
  kind?: ComponentKind
  config?: unknown
  around?: string
  readsOrigins?: boolean
  spec?: typeof spec | typeof otherSpec
}

function want(id: string, given: Given = {}): Wanted {
  const { kind = 'receiver', config = {}, around = '', readsOrigins = false } = given
  const instance = { id, spec: given.spec ?? spec, config, required: true }
  return { key: `${kind} ${id}`, kind, id, instance, around, readsOrigins }
}

const stand = (wanted: Wanted, more: Partial<Omit<Standing, 'wanted'>> = {}): Standing => {
  return { wanted, uses: new Set(), knowsOrigins: false, failed: false, ...more }
}

const keys = (found: ReturnType<typeof difference>) => ({
  kept: found.kept.map(({ wanted }) => wanted.key),
  changed: found.changed.map(({ wanted }) => wanted.key),
  added: found.added.map(({ key }) => key),
  removed: found.removed.map(({ wanted }) => wanted.key),
})

describe('what becomes of a part', () => {
  const rows: [string, Standing, Wanted, 'kept' | 'changed'][] = [
    ['the same stays', stand(want('a', { config: { x: [1] } })), want('a', { config: { x: [1] } }), 'kept'],
    ['other settings', stand(want('a', { config: { x: 1 } })), want('a', { config: { x: 2 } }), 'changed'],
    ['another component', stand(want('a')), want('a', { spec: otherSpec }), 'changed'],
    ['other neighbours', stand(want('a', { around: '1' })), want('a', { around: '2' }), 'changed'],
    ['it did not start', stand(want('a'), { failed: true }), want('a'), 'changed'],
    [
      'it asks for nothing that is not there',
      stand(want('a'), { uses: new Set(['extension e']) }),
      want('a'),
      'changed',
    ],
    [
      'somebody reads origins now, and it wants to know',
      stand(want('a'), { knowsOrigins: true }),
      want('a', { readsOrigins: true }),
      'changed',
    ],
    ['somebody reads origins now, and it does not care', stand(want('a')), want('a', { readsOrigins: true }), 'kept'],
    [
      'nobody reads origins any more: they are kept apart for nothing',
      stand(want('a', { readsOrigins: true }), { knowsOrigins: true }),
      want('a'),
      'kept',
    ],
  ]
  test.each(rows)('%s', (_, before, after, fate) => {
    expect(keys(difference([before], [after]))).toEqual({
      kept: fate === 'kept' ? ['receiver a'] : [],
      changed: fate === 'changed' ? ['receiver a'] : [],
      added: [],
      removed: [],
    })
  })

  test('what is new is added, what is not wanted is removed, and one id of two kinds is two parts', () => {
    const found = difference([stand(want('a')), stand(want('b'))], [want('a', { kind: 'exporter' }), want('b')])
    expect(keys(found)).toEqual({
      kept: ['receiver b'],
      changed: [],
      added: ['exporter a'],
      removed: ['receiver a'],
    })
  })

  test('who uses an extension that changes is made anew with it, and so are its own users', () => {
    const extension = (id: string, config = {}) => want(id, { kind: 'extension', spec: otherSpec, config })
    const standing = [
      stand(extension('files', { path: 'a' })),
      stand(extension('auth'), { uses: new Set(['extension files']) }),
      stand(want('guarded'), { uses: new Set(['extension auth']) }),
      stand(want('open')),
    ]
    const wanted = [extension('files', { path: 'b' }), extension('auth'), want('guarded'), want('open')]
    expect(keys(difference(standing, wanted))).toMatchObject({
      kept: ['receiver open'],
      changed: ['extension files', 'extension auth', 'receiver guarded'],
    })
  })
})

test('whatever is compared: every part has one fate, what is kept is the same, and a plan against itself keeps all', () => {
  const ids = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 6 })
  const settings = fc.record({ x: fc.constantFrom(1, 2), deep: fc.array(fc.constantFrom('p', 'q'), { maxLength: 2 }) })
  const parts = ids.chain((all) =>
    fc.tuple(...all.map((id) => settings.map((config) => want(id, { config: structuredClone(config) })))),
  )
  const use = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('d', 'e', 'f')), { maxLength: 4 })
  fc.assert(
    fc.property(parts, parts, use, (before, after, uses) => {
      const usedBy = ({ id }: Wanted) => uses.filter(([user]) => user === id).map(([, used]) => `receiver ${used}`)
      const standing = (all: readonly Wanted[]) => all.map((one) => stand(one, { uses: new Set(usedBy(one)) }))
      const found = keys(difference(standing(before), after))
      const { kept, changed, added, removed } = found
      expect([...kept, ...changed, ...removed].sort()).toEqual(before.map(({ key }) => key).sort())
      expect([...kept, ...changed, ...added].sort()).toEqual(after.map(({ key }) => key).sort())
      for (const key of kept) {
        const [old, next] = [before, after].map((all) => all.find((one) => one.key === key)!)
        expect(next!.instance.config).toEqual(old!.instance.config)
        for (const used of usedBy(old!)) expect(kept).toContain(used)
      }
      const whole = (all: readonly Wanted[]) => uses.every(([, used]) => all.some(({ id }) => id === used))
      if (whole(before)) expect(keys(difference(standing(before), before)).changed).toEqual([])
    }),
  )
})

test('settings are the same when they say the same', () => {
  const read = new GoRegex('a+')
  read.replaceAll('xaax', () => '')
  const same: [unknown, unknown][] = [
    [
      { a: 1, b: { c: [1, 2] } },
      { b: { c: [1, 2] }, a: 1 },
    ],
    [new Secret('s'), new Secret('s')],
    [{ a: undefined }, {}],
    [/a/g, /a/g],
    [read, new GoRegex('a+')],
    [new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]])],
    [Number.NaN, Number.NaN],
    [Buffer.from('a'), Buffer.from('a')],
  ]
  for (const [a, b] of same) expect([a, sameSettings(a, b)]).toEqual([a, true])
  const different: [unknown, unknown][] = [
    [new Secret('s'), new Secret('t')],
    [new GoRegex('a+'), new GoRegex('a*')],
    [() => 1, () => 1],
    [
      [1, 2],
      [2, 1],
    ],
    [{ a: 1 }, { a: 1, b: 2 }],
    [[], {}],
    [null, {}],
    [/a/g, /a/i],
    ['1', 1],
    [new Date(1), new Date(2)],
    [new Set([1]), new Set([2])],
  ]
  for (const [a, b] of different) expect([a, sameSettings(a, b)]).toEqual([a, false])
})
