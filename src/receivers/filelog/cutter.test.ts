import { writeFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { newFolder } from '../../../test/support/folder.ts'
import { takeUnbounded } from '../../config/bounded-regex.ts'
import { bodyOf, recordsOf } from './filelog.fixture.ts'
import { globFault, pathMatcher } from './glob-pattern.ts'
import { LineSink } from './line-sink.ts'
import { compilePattern, patternFault } from './pattern.ts'
import { Reader, type ReaderOptions } from './reader.ts'
import { Tail } from './tail.ts'

const base: ReaderOptions = {
  headSize: 1000,
  encoding: 'utf-8',
  maxEntry: 1 << 20,
  truncates: false,
  keepsLeading: true,
  keepsTrailing: true,
}

/** Reads a file that is written in these pieces, as a receiver would. */
async function readPieces(
  folder: string,
  pieces: readonly Buffer[],
  options: Partial<ReaderOptions>,
): Promise<string[]> {
  const path = `${folder}/x`
  writeFileSync(path, '')
  const tail = new Tail(1, path, { dev: 0, ino: 0, size: 0, mtimeMs: 0 }, 0)
  const reader = new Reader({ ...base, ...options })
  const sink = new LineSink({}, true)
  const bodies: string[] = []
  const { openFile } = await import('./tail.ts')
  tail.fd = openFile(path)
  const readAll = async () => {
    for (let outcome = 'more'; outcome === 'more'; ) {
      outcome = await reader.read(tail, sink)
      const batch = sink.take([])
      if (batch) bodies.push(...recordsOf(batch).map(bodyOf))
      expect(outcome).not.toBe('changed')
    }
  }
  for (const piece of pieces) {
    writeFileSync(path, piece, { flag: 'a' })
    await readAll()
  }
  tail.flushes = true
  await readAll()
  expect(tail.isAtEnd).toBe(true)
  tail.close()
  return bodies
}

const line = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 20, unit: 'binary' }) },
  fc.constantFrom('\r', ' ', 'é', '\ufeff', '\0', '😀'),
)
const text = fc.array(line, { maxLength: 30 }).map((lines) => lines.join('\n'))
const cutAt = (bytes: Buffer, places: number[]) => {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i]!, end))
}

test('lines come out as by a plain split, however the file grew', async () => {
  const folder = newFolder()
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 6 }), async (all, places) => {
      const wanted = all
        .replace(/^\ufeff/, '')
        .split('\n')
        .map((each) => each.replace(/\r$/, '').toWellFormed())
        .filter((each) => each !== '')
      expect(await readPieces(folder, cutAt(Buffer.from(all), places), {})).toEqual(wanted)
    }),
    { numRuns: 300 },
  )
})

test('short entries: nothing but what is too long is cut, and no byte is lost', async () => {
  const folder = newFolder()
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 6 }), async (all, places) => {
      const got = await readPieces(folder, cutAt(Buffer.from(all), places), { maxEntry: 16 })
      for (const body of got) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(19)
      const plain = (it: string) => it.toWellFormed().replace(/[\r\n]/g, '')
      expect(plain(got.join(''))).toBe(plain(all.replace(/^\ufeff/, '')))
    }),
    { numRuns: 300 },
  )
})

test('any bytes in any encoding end in records or nothing', async () => {
  const folder = newFolder()
  const multiline = fc.constantFrom(
    undefined,
    { line_start_pattern: '^[a-f]', omit_pattern: true },
    { line_end_pattern: '[0-9]', omit_pattern: false },
  )
  const encoding = fc.constantFrom('utf-8', 'ascii', 'utf-16le', 'utf-16be')
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    text.map((it) => Buffer.from(it)),
  )
  await fc.assert(
    fc.asyncProperty(bytes, encoding, multiline, fc.boolean(), async (all, encoding, multiline, truncates) => {
      const isWide = encoding.startsWith('utf-16')
      await readPieces(folder, cutAt(Buffer.from(all), [7, 50]), {
        encoding,
        multiline: isWide ? undefined : multiline,
        truncates,
        maxEntry: 16,
        keepsLeading: false,
      })
    }),
    { numRuns: 500 },
  )
})

test.each([
  ['/var/log/*.log', '/var/log/a.log', true],
  ['/var/log/*.log', '/var/log/x/a.log', false],
  ['/var/**/*.log', '/var/a.log', true],
  ['/var/**/*.log', '/var/b/c/a.log', true],
  ['/var/**', '/var/b/c/a.log', true],
  ['/v/{a,b{c,d}}.?', '/v/bd.x', true],
  ['/v/{a,b{c,d}}.?', '/v/b.x', false],
  ['/v/[!a-c]', '/v/d', true],
  ['/v/[!a-c]', '/v/b', false],
  ['/v/[a\\-c]', '/v/b', false],
  ['/v/[]x]', '/v/]', true],
  ['/v/\\*', '/v/*', true],
  ['/v/\\*', '/v/a', false],
  ['/v/a.c', '/v/abc', false],
])('glob %s and %s: %s', (glob, path, matches) => {
  expect(pathMatcher(glob).test(path)).toBe(matches)
})

test('globs and patterns never throw where they are checked', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'a*?[]{}\\,/!^-.(|)+é') }), (it) => {
      globFault(it)
      patternFault(it)
    }),
  )
})

test('patterns are read as RE2 has them', () => {
  expect(compilePattern('(?i)^abc').flags).toBe('gm')
  expect(compilePattern('(?P<y>\\d+)').exec('a12')?.groups?.y).toBe('12')
  expect(compilePattern('é|x').test(Buffer.from('é').toString('latin1'))).toBe(true)
  expect(patternFault('[[:alpha:]]')).toMatch('cannot be used')
  expect(patternFault('a*')).toMatch('matches nothing at all')
})

test.each<[string, string, boolean]>([
  ['(?i)^aBc', 'x\nAbC', true],
  ['(?i)[a-c_]x\\d', 'BX1', true],
  ['(?i)[^a-c]x', 'BX', false],
  ['(?i)[Z-_]$', 'z', true],
  ['(?i)[-a-]$', 'A', true],
  ['(?i)[-a-]$', 'B', false],
  ['(?i)\\x41', 'a', true],
  ['a(?i:b)c', 'aBc', true],
  ['a(?i:b)c', 'aBC', false],
  ['(?i)a(?-i:b)c', 'ABC', false],
  ['(?i)(?P<Name>x)', 'X', true],
  ['\\Ab', 'a\nb', false],
  ['b\\z', 'b\na', false],
  ['b\\z', 'a\nb', true],
])('the pattern %s on %j: %s', (pattern, text, matches) => expect(compilePattern(pattern).test(text)).toBe(matches))

test.each(['^(a+)+$', '(?i)^(a+)+$', '\\A(a+)+\\z', '^(?i:(a+)+)$'])('the pattern %s is bounded', (pattern) => {
  const started = performance.now()
  expect(compilePattern(pattern).test(`${'a'.repeat(20_000)}!`)).toBe(false)
  expect(performance.now() - started).toBeLessThan(5000)
})

test('a pattern that cannot be bounded is noted', () => {
  takeUnbounded()
  compilePattern('^(?:a+){20}$')
  compilePattern('(?i)a+')
  expect(takeUnbounded()).toEqual(['^(?:a+){20}$'])
})

test.each(['\\s+END', '^[ x]+c', '. .*c'])('%s is bounded in a window of spaces', (pattern) => {
  // What is not bounded takes longer than any test may.
  expect(compilePattern(pattern).test(' '.repeat(1 << 20))).toBe(false)
})
