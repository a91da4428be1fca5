import { type CharSet, charSet, inverted } from './char-set.ts'

/** Characters and ranges, each written as its first and last character. */
export const setOf = (...pieces: string[]): CharSet =>
  charSet(pieces.flatMap((piece) => [piece.codePointAt(0)!, [...piece].at(-1)!.codePointAt(0)!]))
const digits = setOf('09')
const words = setOf('09', 'AZ', 'az', '_')
const spaces = setOf('\t\n', '\f\r', ' ')
/** Classes of Go by letter. */
export const perl: Readonly<Record<string, CharSet>> = {
  d: digits,
  w: words,
  s: spaces,
  D: inverted(digits),
  W: inverted(words),
  S: inverted(spaces),
}
/** The same within brackets: `[[:alpha:]]`. */
export const posix: Readonly<Record<string, CharSet>> = {
  alnum: setOf('09', 'AZ', 'az'),
  alpha: setOf('AZ', 'az'),
  ascii: setOf('\0\x7f'),
  blank: setOf('\t', ' '),
  cntrl: setOf('\0\x1f', '\x7f'),
  digit: digits,
  graph: setOf('!~'),
  lower: setOf('az'),
  print: setOf(' ~'),
  punct: setOf('!/', ':@', '[`', '{~'),
  space: setOf('\t\r', ' '),
  upper: setOf('AZ'),
  word: words,
  xdigit: setOf('09', 'AF', 'af'),
}
export const anything = inverted([])
export const noNewline = inverted(setOf('\n'))
export const controls: Readonly<Record<string, string>> = { a: '\x07', f: '\f', t: '\t', n: '\n', r: '\r', v: '\v' }
