import { ConditionError, type Token, tokens } from './tokens.ts'
import type { Argument, ArithmeticOp, CallNode, CompareOp, Node, PathNode, StatementNode } from './tree.ts'

/** Parses a condition: `name == "a" and not IsMatch(body, "^b")`. Throws ConditionError. */
export function parseCondition(source: string): Node {
  const parser = new Parser(source)
  const node = parser.any()
  parser.end('"and", "or" or the end')
  return node
}

/** Parses a statement: `set(attributes["a"], 1) where name == "b"`. Throws ConditionError. */
export function parseStatement(source: string): StatementNode {
  const parser = new Parser(source)
  const call = parser.editor()
  const where = parser.takeWord('where') ? parser.any() : undefined
  parser.end(where ? '"and", "or" or the end' : '"where" or the end')
  return where ? { call, where } : { call }
}

/** Parses a value alone: `attributes["a"]`, `5`, `Concat(["a", name], "-")`. Throws ConditionError. */
export function parseValue(source: string): Node {
  const parser = new Parser(source)
  const node = parser.sum()
  parser.end('the end')
  return node
}

/** Parentheses, lists and `not` deeper than this are a mistake or an attack. */
const deepest = 100
const mostJoined = 10_000
/** In one statement: each is as deep as those in front of it. */
const mostCalculations = 1000
const comparing = new Set(['==', '!=', '<', '<=', '>', '>='])
const literals: Readonly<Record<string, true>> = { true: true, false: true, nil: true, null: true }
const reserved = new Set(['and', 'or', 'not', 'where'])

/** Recursive descent over the tokens of one statement or condition. */
class Parser {
  private readonly source: string
  private readonly list: Token[]
  private at = 0
  private depth = 0
  private calculations = 0

  constructor(source: string) {
    this.source = source
    this.list = tokens(source)
  }

  end(expected: string): void {
    if (this.peek().kind !== 'end') throw this.expected(expected)
  }

  editor(): CallNode {
    const { kind, text } = this.peek()
    if (kind !== 'word' || this.list[this.at + 1]?.text !== '(') {
      throw this.expected('an editor such as set(attributes["key"], "value")')
    }
    if (!/^[a-z]/.test(text)) {
      throw this.error(`${text} makes a value and changes nothing: a statement begins with an editor such as set(...)`)
    }
    return this.call()
  }

  any(): Node {
    return this.joined('or', () => this.joined('and', () => this.one()))
  }

  private joined(kind: 'and' | 'or', side: () => Node): Node {
    const sides = [side()]
    while (this.takeWord(kind)) {
      if (sides.length === mostJoined) throw this.error(`more than ${mostJoined} conditions are joined by "${kind}"`)
      sides.push(side())
    }
    return halved(kind, sides)
  }

  private one(): Node {
    return this.nested(() => {
      const { at } = this.peek()
      if (this.takeWord('not')) return { kind: 'not', at, inner: this.one() }
      if (this.peek().text === '(' && this.peek().kind === 'mark' && !this.isArithmetic()) {
        this.at++
        const inner = this.any()
        this.needMark(')')
        return inner
      }
      return this.comparison()
    })
  }

  private comparison(): Node {
    const { kind, text, at } = this.peek()
    if (kind === 'end') throw this.expected('a field, a function, "not" or "("')
    const left = this.sum()
    const op = this.peek()
    if (op.kind !== 'mark' || !comparing.has(op.text)) {
      const holdsAlone = left.kind === 'call' || left.kind === 'bool'
      if (holdsAlone) return left
      if (op.kind === 'mark' && op.text === '=') throw this.expected('"==": one "=" compares nothing')
      if (left.kind === 'path') throw this.expected('"==", "!=", "<", "<=", ">" or ">="')
      throw new ConditionError(
        this.source,
        at,
        `expected a field or a comparison, got ${kind === 'string' ? JSON.stringify(text) : text}`,
      )
    }
    this.at++
    return { kind: 'compare', at: op.at, op: op.text as CompareOp, sides: [left, this.sum()] }
  }

  sum(): Node {
    let left = this.product()
    for (let op = this.peek(); this.takeMark('+') || this.takeMark('-'); op = this.peek()) {
      left = this.calculation(op, left, this.product())
    }
    return left
  }

  private product(): Node {
    let left = this.value()
    for (let op = this.peek(); this.takeMark('*') || this.takeMark('/'); op = this.peek()) {
      left = this.calculation(op, left, this.value())
    }
    return left
  }

  private calculation({ at, text }: Token, left: Node, right: Node): Node {
    if (++this.calculations > mostCalculations) {
      throw new ConditionError(this.source, at, `more than ${mostCalculations} times "+", "-", "*" or "/"`)
    }
    return { kind: 'arithmetic', at, op: text as ArithmeticOp, sides: [left, right] }
  }

  private value(): Node {
    return this.nested(() => {
      const { kind, text, at } = this.peek()
      if (kind === 'string') return this.took({ kind: 'text', at, text })
      if (kind === 'number') return this.took(numberNode(text, at, 1))
      if (kind === 'bytes') return this.took({ kind: 'bytes', at, bytes: this.bytesOf(text) })
      if (kind === 'mark') return this.marked(text, at)
      if (kind === 'word' && Object.hasOwn(literals, text)) {
        return this.took(
          text === 'nil' || text === 'null' ? { kind: 'nil', at } : { kind: 'bool', at, value: text === 'true' },
        )
      }
      if (kind !== 'word' || reserved.has(text))
        throw this.expected('a value: a field, "text", a number, true, false or nil')
      return this.list[this.at + 1]?.text === '(' && this.list[this.at + 1]?.kind === 'mark' ? this.call() : this.path()
    })
  }

  private marked(mark: string, at: number): Node {
    if (mark === '-' || mark === '+') {
      this.at++
      const { kind, text } = this.peek()
      if (kind !== 'number') throw this.expected('a number')
      return this.took(numberNode(text, at, mark === '-' ? -1 : 1))
    }
    if (mark === '(') {
      this.at++
      const inner = this.sum()
      this.needMark(')')
      return inner
    }
    if (mark === '[') {
      this.at++
      const items: Node[] = []
      while (!this.takeMark(']')) {
        if (items.length > 0) this.needMark(',', '"," or "]"')
        items.push(this.sum())
      }
      return { kind: 'list', at, items }
    }
    if (mark === '{') return this.map(at)
    throw this.expected('a field, "text", a number, true, false or nil')
  }

  private map(at: number): Node {
    this.at++
    const entries: [string, Node][] = []
    while (!this.takeMark('}')) {
      if (entries.length > 0) this.needMark(',', '"," or "}"')
      const key = this.next('string', 'a key in quotes').text
      this.needMark(':')
      entries.push([key, this.sum()])
    }
    return { kind: 'map', at, entries }
  }

  private call(): CallNode {
    const { text: name, at } = this.next('word', 'a function')
    this.needMark('(')
    const args: Argument[] = []
    while (!this.takeMark(')')) {
      if (args.length > 0) this.needMark(',', '"," or ")"')
      const first = this.peek()
      const isNamed =
        first.kind === 'word' && this.list[this.at + 1]?.text === '=' && this.list[this.at + 1]?.kind === 'mark'
      if (isNamed) this.at += 2
      // Predicates may stand as arguments, as in `Format(...)`; a comparison may not.
      const value = this.sum()
      args.push(isNamed ? { at: first.at, name: first.text, value } : { at: first.at, value })
    }
    return { kind: 'call', at, name, args, keys: this.keys() }
  }

  private path(): PathNode {
    const { text: name, at } = this.next('word', 'a field')
    return { kind: 'path', at, name, keys: this.keys() }
  }

  private keys(): (string | number)[] {
    const keys: (string | number)[] = []
    while (this.takeMark('[')) {
      if (keys.length === deepest) throw this.error(`more than ${deepest} keys in brackets`)
      const { kind, text } = this.peek()
      const negative = this.takeMark('-')
      if ((kind === 'number' || negative) && /^\d+$/.test(this.peek().text)) {
        keys.push(Number(this.peek().text) * (negative ? -1 : 1))
        this.at++
      } else {
        if (kind !== 'string') throw this.expected('a key in quotes')
        keys.push(text)
        this.at++
      }
      this.needMark(']')
    }
    return keys
  }

  /** Whether the parenthesis here holds a sum rather than a condition: what follows its end tells. */
  private isArithmetic(): boolean {
    let open = 0
    for (let i = this.at; i < this.list.length; i++) {
      const { kind, text } = this.list[i]!
      if (kind === 'word' && (text === 'and' || text === 'or' || text === 'not') && open === 1) return false
      if (kind !== 'mark') continue
      if (text === '(') open++
      else if (open === 1 && comparing.has(text)) return false
      else if (text === ')' && --open === 0) {
        const next = this.list[i + 1]!
        return next.kind === 'mark' && (comparing.has(next.text) || '+-*/'.includes(next.text))
      }
    }
    return false
  }

  private bytesOf(hex: string): Buffer {
    if (hex.length % 2 === 1) throw this.error('bytes are written with two hexadecimal digits each')
    return Buffer.from(hex, 'hex')
  }

  private nested(read: () => Node): Node {
    if (++this.depth > deepest) throw this.error('nested too deeply')
    const node = read()
    this.depth--
    return node
  }

  private took(node: Node): Node {
    this.at++
    return node
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

  takeWord(word: string): boolean {
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

  private needMark(mark: string, expected = JSON.stringify(mark)): void {
    if (!this.takeMark(mark)) throw this.expected(expected)
  }

  private expected(what: string): ConditionError {
    const { kind, text } = this.peek()
    return this.error(`expected ${what}, got ${kind === 'end' ? text : JSON.stringify(text)}`)
  }

  private error(message: string): ConditionError {
    return new ConditionError(this.source, this.peek().at, message)
  }
}

/** Many conditions as a tree that is not deep. */
function halved(kind: 'and' | 'or', sides: readonly Node[]): Node {
  if (sides.length === 1) return sides[0]!
  const middle = sides.length >> 1
  const [left, right] = [halved(kind, sides.slice(0, middle)), halved(kind, sides.slice(middle))]
  return { kind, at: right.at, sides: [left, right] }
}

function numberNode(text: string, at: number, sign: 1 | -1): Node {
  if (/^\d+$/.test(text)) return { kind: 'integer', at, value: BigInt(text) * BigInt(sign) }
  return { kind: 'double', at, value: Number(text) * sign }
}
