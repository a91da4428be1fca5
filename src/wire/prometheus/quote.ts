/** Quoting of foreign bytes in error texts, as Go's `%q` writes them: readers of our logs grep for these texts. */

import { isUtf8 } from 'node:buffer'

const NAMED: Record<string, string> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

/** `"text"` with escapes; bytes that are not UTF-8 show as `\xff`. */
export function quoteBytes(bytes: Buffer): string {
  let text = ''
  for (let pos = 0; pos < bytes.length; ) {
    const size = sequenceSize(bytes, pos)
    if (size === 0) text += `\\x${hex(bytes[pos]!, 2)}`
    else text += quoteRune(bytes.toString('utf8', pos, pos + size), '"')
    pos += size || 1
  }
  return `"${text}"`
}

/** One byte taken as a code point: `'b'`, `'\''`, `'\n'`. */
export function quoteByte(byte: number): string {
  return `'${quoteRune(String.fromCharCode(byte), "'")}'`
}

function quoteRune(rune: string, quote: string): string {
  if (rune === quote) return `\\${quote}`
  const named = NAMED[rune]
  if (named !== undefined) return named
  if (PRINTABLE.test(rune)) return rune
  const code = rune.codePointAt(0)!
  if (code < 0x80) return `\\x${hex(code, 2)}`
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')

/** Length of the valid UTF-8 sequence at `pos`, 0 when there is none. */
function sequenceSize(bytes: Buffer, pos: number): number {
  const first = bytes[pos]!
  const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  const sequence = bytes.subarray(pos, pos + size)
  return isUtf8(sequence) && sequence.length === size ? size : 0
}
