import { createHash } from 'node:crypto'
import { toBool, toDouble, toInt } from './casts.ts'
import { type Converter, need, of1, ofText, ofTexts, value } from './converter.ts'
import {
  describe,
  Encoded,
  encodeList,
  encodeMap,
  fromJson,
  listItems,
  mapEntries,
  type Ottl,
  StatementError,
  textOf,
} from './ottl-value.ts'
import { pointConverters } from './point-converters.ts'
import { timeConverters } from './time-converters.ts'

const hash = (name: string, algorithm: string): Converter =>
  ofText(name, `${algorithm.toUpperCase()} of a text, in hexadecimal`, (text) =>
    createHash(algorithm).update(text).digest('hex'),
  )

/** The functions that make values, by name (Collector: pkg/ottl/ottlfuncs). */
export const converters: Readonly<Record<string, Converter>> = {
  Concat: {
    summary: 'texts of a list, joined; nil is written `<nil>`',
    parameters: [value('values'), { name: 'delimiter', takes: 'text' }],
    make(compiler, [values, delimiter]) {
      if (values!.kind !== 'list')
        throw compiler.error(values!.at, 'expected a list such as [name, "-", attributes["a"]]')
      const items = values!.items.map((item) => compiler.expression(item))
      const between = compiler.text(delimiter!)
      return (cursor) => {
        let text = ''
        for (let i = 0; i < items.length; i++) {
          if (i > 0) text += between
          text += textOf(items[i]!.get(cursor)) ?? '<nil>'
        }
        return text
      }
    },
  },
  IsMatch: {
    summary: 'whether a value, as text, matches a regular expression; false for nil',
    parameters: [value('target'), { name: 'pattern', takes: 'pattern' }],
    make(compiler, [target, pattern]) {
      const { get } = compiler.expression(target!)
      const regex = compiler.pattern(pattern!)
      return (cursor) => {
        const text = textOf(get(cursor))
        return text !== undefined && regex.test(text)
      }
    },
  },
  IsString: of1('whether it is text', (given) => typeof given === 'string'),
  IsInt: of1('whether it is an integer', (given) => typeof given === 'bigint'),
  IsDouble: of1('whether it is a double', (given) => typeof given === 'number'),
  IsBool: of1('whether it is true or false', (given) => typeof given === 'boolean'),
  IsMap: of1('whether it is a map', (given) => given instanceof Encoded && given.kind === 'map'),
  IsList: of1('whether it is a list', (given) => given instanceof Encoded && given.kind === 'list'),
  IsRootSpan: {
    summary: 'whether a span has no parent',
    pure: false,
    parameters: [],
    make(compiler, _, at) {
      const parent = compiler.path({ kind: 'path', at, name: 'span.parent_span_id', keys: [] })
      return (cursor) => (parent.get(cursor) as Uint8Array).every((byte) => byte === 0)
    },
  },
  Int: of1('an integer: of text in decimal, of a double without its fraction, of true 1; else nil', toInt),
  Double: of1('a double: of text, an integer, true 1; else nil', toDouble),
  String: of1('text: numbers in decimal, maps and lists as JSON, bytes in base64; nil stays nil', textOf),
  Bool: of1('true or false: of text such as "true" and "0", of numbers whether they are not 0', toBool),
  Len: {
    summary: 'length of text (in bytes), a list, a map, or how many events or links there are',
    parameters: [value('target')],
    make(compiler, [target]) {
      const { get, path } = compiler.expression(target!)
      return path?.counts ? get : (cursor) => lengthOf(get(cursor))
    },
  },
  Substring: {
    summary: 'part of a text: from a position, of a length (in bytes); an error when it ends before',
    parameters: [value('target'), value('start'), value('length')],
    make(compiler, [target, start, length]) {
      const [text, from, size] = [target!, start!, length!].map((each) => compiler.expression(each))
      return (cursor) => substring(need('Substring', text!.get(cursor)), from!.get(cursor), size!.get(cursor))
    },
  },
  Split: ofTexts('Split', 'delimiter', 'a list of what stands between the delimiters', (text, delimiter) =>
    encodeList(delimiter === '' ? [...text] : text.split(delimiter)),
  ),
  ToLowerCase: ofText('ToLowerCase', 'text in small letters', (text) => text.toLowerCase()),
  ToUpperCase: ofText('ToUpperCase', 'text in capitals', (text) => text.toUpperCase()),
  Trim: {
    summary: 'text without the given characters (a space, when none are) at both ends',
    parameters: [value('target'), { name: 'replacement', takes: 'text', optional: true }],
    make(compiler, [target, cut]) {
      const { get } = compiler.expression(target!)
      const letters = new Set(cut ? compiler.text(cut) : ' ')
      return (cursor) => {
        const text = [...need('Trim', get(cursor))]
        let [start, end] = [0, text.length]
        while (start < end && letters.has(text[start]!)) start++
        while (end > start && letters.has(text[end - 1]!)) end--
        return text.slice(start, end).join('')
      }
    },
  },
  HasPrefix: ofTexts('HasPrefix', 'prefix', 'whether a text begins with another', (text, start) =>
    text.startsWith(start),
  ),
  HasSuffix: ofTexts('HasSuffix', 'suffix', 'whether a text ends with another', (text, end) => text.endsWith(end)),
  ParseJSON: ofText('ParseJSON', 'the map, list or value of a JSON text; an error when it is none', parseJson),
  ExtractPatterns: {
    summary: 'a map of what the named groups of a regular expression match; empty when it does not match',
    parameters: [value('target'), { name: 'pattern', takes: 'pattern' }],
    make(compiler, [target, pattern]) {
      const { get } = compiler.expression(target!)
      const regex = compiler.pattern(pattern!)
      if (!regex.groups.some((name) => name !== '')) {
        throw compiler.error(pattern!.at, 'the regular expression needs a named group, (?P<name>...)')
      }
      return (cursor) => {
        const match = regex.exec(need('ExtractPatterns', get(cursor)))
        const named = regex.groups.flatMap((name, i) => (name === '' ? [] : [[name, match?.[i] ?? ''] as const]))
        return encodeMap(match ? named : [])
      }
    },
  },
  SHA256: hash('SHA256', 'sha256'),
  SHA1: hash('SHA1', 'sha1'),
  MD5: hash('MD5', 'md5'),
  ...timeConverters,
  TraceID: id('TraceID', 16),
  SpanID: id('SpanID', 8),
  ...pointConverters,
}

function lengthOf(given: Ottl): Ottl {
  if (typeof given === 'string') return BigInt(Buffer.byteLength(given))
  if (given instanceof Encoded) return BigInt((given.kind === 'map' ? mapEntries(given) : listItems(given)).length)
  if (given instanceof Uint8Array) return BigInt(given.length)
  throw new StatementError(`Len takes text, a list or a map, got ${describe(given)}`)
}

function substring(text: string, start: Ottl, length: Ottl): string {
  const [from, size] = [Number(start), Number(length)]
  if (typeof start !== 'bigint' || typeof length !== 'bigint' || from < 0 || size <= 0) {
    throw new StatementError('Substring takes a start of 0 or more and a length of 1 or more')
  }
  const bytes = Buffer.from(text)
  if (from + size > bytes.length) {
    throw new StatementError(`Substring ends at ${from + size}, behind the end of a text of ${bytes.length} bytes`)
  }
  return bytes.toString('utf8', from, from + size)
}

function parseJson(text: string): Ottl {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw new StatementError('ParseJSON was given text that is not JSON')
  }
  return fromJson(parsed)
}

function id(name: string, size: number): Converter {
  return of1(
    `an id of ${size} bytes, of 0x... or of ${size * 2} hexadecimal digits in text`,
    (given) => {
      const bytes = typeof given === 'string' ? Buffer.from(given, 'hex') : given
      if (bytes instanceof Uint8Array && bytes.length === size) return bytes
      throw new StatementError(`${name} takes ${size} bytes, got ${describe(given)}`)
    },
    'bytes',
  )
}
