import { splitBigInt } from '../wire/protobuf.ts'
import type { Batch } from './batch.ts'
import { ConditionError, type Token, tokens } from './condition-tokens.ts'
import { Cursor } from './cursor.ts'
import type { Format } from './format.ts'
import { type FieldPath, PathError, pathOf } from './paths.ts'
import { Value, ValueType } from './value.ts'

export { ConditionError } from './condition-tokens.ts'

/** Whether the record under the cursor meets a condition. */
export type Condition = (cursor: Cursor) => boolean

/**
 * Compiles a condition for one format: `kind == "log" and not (attributes["k"] == nil or IsMatch(name, "^a"))`.
 * Comparisons `==` and `!=` of a path with "text", a number, true, false or nil (absent); `IsMatch(path, "regex")`;
 * `not` before `and` before `or`; parentheses. Throws ConditionError.
 */
export function compileCondition(source: string, format: Format): Condition {
  return new Parser(source, format).parse()
}

/** Compiles a list: a record meets it when it meets any of the conditions. Throws ConditionError. */
export function compileAny(sources: readonly string[], format: Format): Condition {
  const conditions = sources.map((source) => compileCondition(source, format))
  return (cursor) => {
    for (let i = 0; i < conditions.length; i++) if (conditions[i]!(cursor)) return true
    return false
  }
}

const cursor = new Cursor()

/** The records of `batch` that do not meet the condition, over the same bytes. */
export function without(batch: Batch, condition: Condition): Batch {
  cursor.over(batch)
  return batch.where((row) => !condition(cursor.at(row)))
}

/** Parentheses and `not` deeper than this are a mistake or an attack. */
const deepest = 100

/** Recursive descent over the tokens of one condition. */
class Parser {
  private readonly source: string
  private readonly format: Format
  private readonly list: Token[]
  private at = 0
  private depth = 0

  constructor(source: string, format: Format) {
    this.source = source
    this.format = format
    this.list = tokens(source)
  }

  parse(): Condition {
    const condition = this.any()
    if (this.peek().kind !== 'end') throw this.expected('"and", "or" or the end')
    return condition
  }

  private any(): Condition {
    let left = this.all()
    while (this.takeWord('or')) {
      const [first, second] = [left, this.all()]
      left = (cursor) => first(cursor) || second(cursor)
    }
    return left
  }

  private all(): Condition {
    let left = this.one()
    while (this.takeWord('and')) {
      const [first, second] = [left, this.one()]
      left = (cursor) => first(cursor) && second(cursor)
    }
    return left
  }

  private one(): Condition {
    if (++this.depth > deepest) throw this.error('nested too deeply')
    const condition = this.single()
    this.depth--
    return condition
  }

  private single(): Condition {
    if (this.takeWord('not')) {
      const inner = this.one()
      return (cursor) => !inner(cursor)
    }
    if (this.takeMark('(')) {
      const inner = this.any()
      this.needMark(')')
      return inner
    }
    if (this.takeWord('IsMatch')) return this.isMatch()
    if (this.peek().kind !== 'word') throw this.expected('a field, "not", "IsMatch" or "("')
    const path = this.path()
    const negated = this.takeMark('!=')
    if (!negated && !this.takeMark('==')) throw this.expected('"==" or "!="')
    const equal = comparison(path, this.constant())
    return negated ? (cursor) => !equal(cursor) : equal
  }

  private isMatch(): Condition {
    this.needMark('(')
    const path = this.path()
    this.needMark(',')
    const token = this.next('string', 'a regular expression in quotes')
    this.needMark(')')
    const regex = this.regex(token)
    return whichever(path, (value) => value.type !== ValueType.none && regex.test(value.toString()))
  }

  private regex(token: Token): RegExp {
    // Flags at the front, as the Go flavour has them: (?i)
    const flags = /^\(\?([ims]+)\)/.exec(token.text)
    try {
      return new RegExp(flags ? token.text.slice(flags[0].length) : token.text, [...new Set(flags?.[1])].join(''))
    } catch (cause) {
      throw new ConditionError(this.source, token.at, (cause as Error).message)
    }
  }

  private path(): FieldPath {
    const word = this.next('word', 'a field')
    let key: string | undefined
    if (this.takeMark('[')) {
      key = this.next('string', 'a key in quotes').text
      this.needMark(']')
    }
    try {
      return pathOf(word.text, key, this.format)
    } catch (cause) {
      if (cause instanceof PathError) throw new ConditionError(this.source, word.at, cause.message)
      throw cause
    }
  }

  private constant(): Constant {
    const token = this.peek()
    this.at++
    if (token.kind === 'string') return token.text
    if (token.kind === 'number') return /^[-+]?\d+$/.test(token.text) ? BigInt(token.text) : Number(token.text)
    if (token.kind === 'word' && Object.hasOwn(words, token.text)) return words[token.text]!
    this.at--
    throw this.expected('"text", a number, true, false or nil')
  }

  private peek(): Token {
    return this.list[this.at]!
  }

  private next(kind: Token['kind'], what: string): Token {
    const token = this.peek()
    if (token.kind !== kind) throw this.expected(what)
    this.at++
    return token
  }

  private takeWord(word: string): boolean {
    const { kind, text } = this.peek()
    const taken = kind === 'word' && text === word
    if (taken) this.at++
    return taken
  }

  private takeMark(mark: string): boolean {
    const { kind, text } = this.peek()
    const taken = kind === 'mark' && text === mark
    if (taken) this.at++
    return taken
  }

  private needMark(mark: string): void {
    if (!this.takeMark(mark)) throw this.expected(JSON.stringify(mark))
  }

  private expected(what: string): ConditionError {
    const { kind, text } = this.peek()
    return this.error(`expected ${what}, got ${kind === 'end' ? text : JSON.stringify(text)}`)
  }

  private error(message: string): ConditionError {
    return new ConditionError(this.source, this.peek().at, message)
  }
}

type Constant = string | number | bigint | boolean | null
const words: Readonly<Record<string, boolean | null>> = { true: true, false: false, nil: null, null: null }

function comparison(path: FieldPath, constant: Constant): Condition {
  if (constant === null) return whichever(path, (value) => value.type === ValueType.none)
  if (typeof constant === 'string') {
    const bytes = Buffer.from(constant)
    return whichever(path, (value) => value.equals(bytes))
  }
  if (typeof constant === 'boolean') {
    const bit = constant ? 1 : 0
    return whichever(path, (value) => value.type === ValueType.bool && value.lo === bit)
  }
  const double = Number(constant)
  if (typeof constant === 'number') {
    return whichever(path, (value) => value.type === ValueType.double && value.double === double)
  }
  const [lo, hi] = splitBigInt(constant)
  const fitsInt = BigInt.asIntN(64, constant) === constant
  const fitsUint = BigInt.asUintN(64, constant) === constant
  return whichever(path, (value) => {
    if (value.type === ValueType.double) return value.double === double
    const fits = value.type === ValueType.int ? fitsInt : value.type === ValueType.uint && fitsUint
    return fits && value.lo === lo && value.hi === hi
  })
}

const value = new Value()

/** True when the test holds for any value of the path: a gauge has several. */
function whichever({ read }: FieldPath, test: (value: Value) => boolean): Condition {
  return (cursor) => {
    for (let again = false; read(cursor, value, again); again = true) if (test(value)) return true
    return false
  }
}
