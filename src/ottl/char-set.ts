/** Code points as ranges: first and last, first and last, ..., in order and apart. */
export type CharSet = readonly number[]

/** For texts without surrogate pairs; with them; with them and the ends of lines other than \n replaced (`hideLineEnds`). */
export type Spelling = 'plain' | 'wide' | 'hidden'

const last = 0x10ffff

/** Sorted and joined. */
export function charSet(pairs: readonly number[]): CharSet {
  const sorted: [number, number][] = []
  for (let at = 0; at < pairs.length; at += 2) sorted.push([pairs[at]!, pairs[at + 1]!])
  sorted.sort((a, b) => a[0] - b[0])
  const out: number[] = []
  for (const [from, to] of sorted) {
    if (out.length > 0 && from <= out.at(-1)! + 1) out[out.length - 1] = Math.max(out.at(-1)!, to)
    else out.push(from, to)
  }
  return out
}

/** Every other code point. */
export function inverted(set: CharSet): CharSet {
  const out: number[] = []
  let next = 0
  for (let at = 0; at < set.length; at += 2) {
    if (set[at]! > next) out.push(next, set[at]! - 1)
    next = set[at + 1]! + 1
  }
  if (next <= last) out.push(next, last)
  return out
}

/** With the other case of its ASCII letters. */
export function withBothCases(set: CharSet): CharSet {
  const out = [...set]
  for (let at = 0; at < set.length; at += 2) {
    for (const [first, by] of [
      [65, 32],
      [97, -32],
    ] as const) {
      const from = Math.max(set[at]!, first)
      const to = Math.min(set[at + 1]!, first + 25)
      if (from <= to) out.push(from + by, to + by)
    }
  }
  return charSet(out)
}

const properties = new Map<string, CharSet>()

/** What `\p{name}` of JavaScript matches, such as `L` or `Script=Greek`. There are few hundred, each looked up once. Throws a SyntaxError. */
export function property(name: string): CharSet {
  let set = properties.get(name)
  if (!set) {
    set = scan(new RegExp(`\\p{${name}}+`, 'gu'))
    properties.set(name, set)
  }
  return set
}

function scan(regex: RegExp): CharSet {
  const out: number[] = []
  for (let plane = 0; plane <= last; plane += 0x10000) {
    const units = plane === 0 ? 1 : 2
    for (const [from, to] of plane === 0
      ? ([
          [0, 0xd7ff],
          [0xe000, 0xffff],
        ] as const)
      : ([[plane, plane + 0xffff]] as const)) {
      let text = ''
      for (let code = from; code <= to; code++) text += String.fromCodePoint(code)
      for (const { 0: run, index } of text.matchAll(regex))
        out.push(from + index / units, from + (index + run.length) / units - 1)
    }
  }
  return charSet(out)
}

const lineEnds = [0x0d, 0x2028, 0x2029]
/** Characters that Unicode promises never to use stand for those line ends; where a text has them, `spare` stands for them. */
const standIns = [0xfdd0, 0xfdd1, 0xfdd2]
const spare = '\ufdd3'

/** A text where `^` and `$` with the flag `m` know \n alone. As long as before. */
export function hideLineEnds(text: string): string {
  return text
    .replace(/[\ufdd0-\ufdd2]/g, spare)
    .replace(/[\r\u2028\u2029]/g, (char) => String.fromCharCode(standIns[lineEnds.indexOf(char.charCodeAt(0))]!))
}

export function showLineEnds(text: string): string {
  return text.replace(/[\ufdd0-\ufdd2]/g, (char) =>
    String.fromCharCode(lineEnds[standIns.indexOf(char.charCodeAt(0))]!),
  )
}

function hidden(set: CharSet): CharSet {
  const has = (code: number) => set.some((from, at) => at % 2 === 0 && from <= code && code <= set[at + 1]!)
  const both = [...lineEnds, ...standIns].flatMap((code) => [code, code])
  const rest = inverted(charSet([...inverted(set), ...both]))
  const added = standIns.filter((_, at) => has(lineEnds[at]!))
  return charSet([...rest, ...added.flatMap((code) => [code, code])])
}

/** As part of a pattern without the flag `u`, which the linear matcher of V8 does not take; can be repeated. */
export function spelled(given: CharSet, spelling: Spelling): string {
  const set = spelling === 'hidden' ? hidden(given) : given
  if (spelling === 'plain') return unitClass(within(set, 0, 0xffff))
  const single = unitClass([...within(set, 0, 0xd7ff), ...within(set, 0xe000, 0xffff)])
  const pairs = surrogatePairs(within(set, 0x10000, last))
  if (pairs.length === 0) return single
  return `(?:${[...(single === '[]' ? [] : [single]), ...pairs].join('|')})`
}

function within(set: CharSet, from: number, to: number): number[] {
  const out: number[] = []
  for (let at = 0; at < set.length; at += 2)
    if (set[at]! <= to && set[at + 1]! >= from) out.push(Math.max(set[at]!, from), Math.min(set[at + 1]!, to))
  return out
}

/** High surrogates that go with the same low ones are one alternative. */
function surrogatePairs(set: CharSet): string[] {
  const lows = new Map<number, number[]>()
  for (let at = 0; at < set.length; at += 2) {
    for (let block = set[at]! >> 10; block <= set[at + 1]! >> 10; block++) {
      const [from, to] = within([set[at]!, set[at + 1]!], block << 10, (block << 10) + 0x3ff) as [number, number]
      const low = lows.get(block) ?? []
      low.push(0xdc00 + (from & 0x3ff), 0xdc00 + (to & 0x3ff))
      lows.set(block, low)
    }
  }
  const highs = new Map<string, number[]>()
  for (const [block, low] of lows) {
    const key = unitClass(low)
    const high = highs.get(key) ?? []
    high.push(0xd7c0 + block, 0xd7c0 + block)
    highs.set(key, high)
  }
  return [...highs].map(([low, high]) => unitClass(charSet(high)) + low)
}

function unitClass(set: CharSet): string {
  if (set.length === 2 && set[0] === set[1]) return unit(set[0]!)
  let out = ''
  for (let at = 0; at < set.length; at += 2)
    out += set[at] === set[at + 1] ? unit(set[at]!) : `${unit(set[at]!)}-${unit(set[at + 1]!)}`
  return `[${out}]`
}

const unit = (code: number) => {
  const char = String.fromCharCode(code)
  return /[0-9A-Za-z_]/.test(char) ? char : `\\u${code.toString(16).padStart(4, '0')}`
}
