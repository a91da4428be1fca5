import { nearest } from '../../../config/nearest.ts'
import { GoRegex, PatternError } from '../../../ottl/go-regex.ts'
import { type Entry, type EntryValue, nameOf, OperatorFault } from './entry.ts'
import { ExpressionError, type ExprToken, exprTokens } from './expression-tokens.ts'
import { arithmetic, type Binary, comparisons, functions, member, number, truth } from './expression-values.ts'

/** A compiled expression. Throws OperatorFault where an entry's values will not do. */
export type Expression = (entry: Entry) => EntryValue

/** Whether an entry meets a condition. Throws OperatorFault. */
export type EntryCondition = (entry: Entry) => boolean

/**
 * Compiles a condition in the language of `if` (expr-lang), in a subset: `attributes.level == "x" and body matches "^a"`.
 * Throws ExpressionError.
 */
export function compileIf(source: string): EntryCondition {
  const value = compileExpression(source)
  return (entry) => {
    const met = value(entry)
    if (typeof met === 'boolean') return met
    throw new OperatorFault(`the expression is ${nameOf(met)}, not true or false`)
  }
}

/** Compiles an expression. Throws ExpressionError. */
export function compileExpression(source: string): Expression {
  const parser = new Parser(source)
  return parser.all()
}

/** Fields that an expression may name. */
const variables: Readonly<Record<string, Expression>> = {
  body: ({ body }) => body,
  $: ({ body }) => body,
  $body: ({ body }) => body,
  attributes: ({ attributes }) => attributes,
  $attributes: ({ attributes }) => attributes,
  resource: ({ resource }) => resource,
  $resource: ({ resource }) => resource,
  timestamp: ({ time }) => time,
  severity_text: ({ severityText }) => severityText,
  severity_number: ({ severity }) => BigInt(severity),
}
const words = new Set(['and', 'or', 'not', 'in', 'matches', 'contains', 'startsWith', 'endsWith'])
const mostDeep = 100

class Parser {
  private readonly source: string
  private readonly tokens: ExprToken[]
  private at = 0
  private depth = 0

  constructor(source: string) {
    this.source = source
    this.tokens = exprTokens(source)
  }

  all(): Expression {
    const value = this.ternary()
    if (this.peek().kind !== 'end') throw this.expected('an operator or the end')
    return value
  }

  private ternary(): Expression {
    return this.nested(() => {
      const condition = this.or()
      if (!this.take('?')) return condition
      const first = this.ternary()
      this.need(':')
      const second = this.ternary()
      return (entry) => (truth(condition(entry)) ? first(entry) : second(entry))
    })
  }

  private or(): Expression {
    let left = this.and()
    while (this.take('or') || this.take('||')) {
      const [a, b] = [left, this.and()]
      left = (entry) => truth(a(entry)) || truth(b(entry))
    }
    return left
  }

  private and(): Expression {
    let left = this.comparison()
    while (this.take('and') || this.take('&&')) {
      const [a, b] = [left, this.comparison()]
      left = (entry) => truth(a(entry)) && truth(b(entry))
    }
    return left
  }

  private comparison(): Expression {
    let left = this.sum()
    for (;;) {
      const isNegated =
        this.peek().text === 'not' &&
        ['in', 'matches', 'contains', 'startsWith', 'endsWith'].includes(this.tokens[this.at + 1]?.text ?? '')
      if (isNegated) this.at++
      const { kind, text } = this.peek()
      const isOperator =
        (kind === 'mark' || kind === 'word') && (Object.hasOwn(comparisons, text) || text === 'matches')
      if (!isOperator) return left
      this.at++
      const a = left
      const holds = text === 'matches' ? this.match(a) : this.compared(a, comparisons[text]!)
      left = isNegated ? (entry) => holds(entry) !== true : holds
    }
  }

  private compared(a: Expression, compare: Binary): Expression {
    const b = this.sum()
    return (entry) => compare(a(entry), b(entry))
  }

  private match(a: Expression): Expression {
    const { kind, text, at } = this.peek()
    if (kind !== 'text') throw this.expected('a regular expression in quotes')
    this.at++
    let regex: GoRegex
    try {
      regex = new GoRegex(text)
    } catch (cause) {
      if (cause instanceof PatternError) throw new ExpressionError(this.source, at, cause.message)
      throw cause
    }
    return (entry) => {
      const value = a(entry)
      if (value === null) return false
      if (typeof value === 'string') return regex.test(value)
      throw new OperatorFault(`${nameOf(value)} cannot be matched: it is no text`)
    }
  }

  private sum(): Expression {
    return this.calculated(['+', '-'], () => this.product())
  }

  private product(): Expression {
    return this.calculated(['*', '/', '%'], () => this.unary())
  }

  private calculated(marks: readonly string[], side: () => Expression): Expression {
    let left = side()
    for (let { text } = this.peek(); marks.some((mark) => this.take(mark)); { text } = this.peek()) {
      const [a, b, make] = [left, side(), arithmetic[text]!]
      left = (entry) => make(a(entry), b(entry))
    }
    return left
  }

  private unary(): Expression {
    return this.nested(() => {
      if (this.take('not') || this.take('!')) {
        const inner = this.unary()
        return (entry) => !truth(inner(entry))
      }
      if (this.take('-')) {
        const inner = this.unary()
        return (entry) => -number(inner(entry))
      }
      return this.postfix()
    })
  }

  private postfix(): Expression {
    let value = this.primary()
    for (;;) {
      const isOptional = this.take('?.')
      if (isOptional || this.take('.')) {
        const { kind, text } = this.peek()
        if (kind !== 'word') throw this.expected('a key')
        this.at++
        value = memberOf(value, () => text, isOptional)
      } else if (this.take('[')) {
        const key = this.ternary()
        this.need(']')
        value = memberOf(value, key, false)
      } else if (this.take('??')) {
        const [a, b] = [value, this.unary()]
        value = (entry) => a(entry) ?? b(entry)
      } else return value
    }
  }

  private primary(): Expression {
    const { kind, text, at } = this.peek()
    if (kind === 'text') return this.constant(text)
    if (kind === 'number') return this.constant(/^\d+$/.test(text) ? BigInt(text) : Number(text))
    if (this.take('(')) {
      const inner = this.ternary()
      this.need(')')
      return inner
    }
    if (this.take('[')) {
      const items = this.items(']')
      return (entry) => items.map((item) => item(entry))
    }
    if (kind !== 'word' || words.has(text)) throw this.expected('a field, "text", a number, true, false or nil')
    this.at++
    if (text === 'true' || text === 'false') return () => text === 'true'
    if (text === 'nil' || text === 'null') return () => null
    if (this.take('(')) return this.call(text, at)
    const variable = Object.hasOwn(variables, text) ? variables[text] : undefined
    if (variable) return variable
    throw new ExpressionError(this.source, at, unknown(`unknown name ${text}`, text, Object.keys(variables)))
  }

  private call(name: string, at: number): Expression {
    const make = Object.hasOwn(functions, name) ? functions[name] : undefined
    if (!make)
      throw new ExpressionError(this.source, at, unknown(`there is no function ${name}`, name, Object.keys(functions)))
    const args = this.items(')')
    if (args.length !== 1) throw new ExpressionError(this.source, at, `${name} takes one argument`)
    return (entry) => make(args.map((arg) => arg(entry)))
  }

  private items(close: string): Expression[] {
    const items: Expression[] = []
    while (!this.take(close)) {
      if (items.length > 0) this.need(',')
      items.push(this.ternary())
    }
    return items
  }

  private constant(value: EntryValue): Expression {
    this.at++
    return () => value
  }

  private nested(read: () => Expression): Expression {
    if (++this.depth > mostDeep) throw new ExpressionError(this.source, this.peek().at, 'nested too deeply')
    const value = read()
    this.depth--
    return value
  }

  private peek(): ExprToken {
    return this.tokens[this.at]!
  }

  private take(text: string): boolean {
    const token = this.peek()
    const isIt = token.text === text && (token.kind === 'mark' || token.kind === 'word')
    if (isIt) this.at++
    return isIt
  }

  private need(text: string): void {
    if (!this.take(text)) throw this.expected(JSON.stringify(text))
  }

  private expected(what: string): ExpressionError {
    const { kind, text, at } = this.peek()
    return new ExpressionError(this.source, at, `expected ${what}, got ${kind === 'end' ? text : JSON.stringify(text)}`)
  }
}

function unknown(what: string, name: string, known: readonly string[]): string {
  const plain = known.filter((each) => !each.startsWith('$'))
  const meant = nearest(name, plain)
  return meant === undefined ? `${what}: there are ${plain.join(', ')}` : `${what}: did you mean ${meant}?`
}

const memberOf =
  (of: Expression, key: Expression | (() => string), isOptional: boolean): Expression =>
  (entry) =>
    member(of(entry), key(entry), isOptional)
