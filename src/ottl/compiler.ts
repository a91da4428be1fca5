import { nearest } from '../config/nearest.ts'
import type { Cursor } from '../telemetry/cursor.ts'
import type { Format } from '../telemetry/format.ts'
import { type PathContext, PathError, pathOf } from '../telemetry/paths.ts'
import { Value, ValueType } from '../telemetry/value.ts'
import { calculate } from './arithmetic.ts'
import { type Cache, namesCache } from './cache.ts'
import { comparison, whichever } from './comparison.ts'
import { converters } from './converters.ts'
import { enums } from './enums.ts'
import { type Condition, computed, constant, type Expression, type Field, type Signature } from './expression.ts'
import { globRegex } from './glob-regex.ts'
import { GoRegex, PatternError } from './go-regex.ts'
import { nearestNames } from './nearest-names.ts'
import { encodeList, encodeMap, type Ottl, ottlOf, partOf, StatementError } from './ottl-value.ts'
import { Time } from './times.ts'
import { ConditionError } from './tokens.ts'
import type { Argument, CallNode, Node, PathNode } from './tree.ts'

/** Compiles what stands in one source text, for one format and context. */
export class Compiler {
  readonly source: string
  readonly format: Format
  readonly context: PathContext | undefined
  private readonly cache: Cache | undefined
  /** The fields that were read so far. */
  readonly paths: Field[] = []
  /** Whether some function looks at other records than the one that is asked about. */
  readonly looks = { aside: false }

  constructor(source: string, format: Format, context?: PathContext, cache?: Cache) {
    this.source = source
    this.format = format
    this.context = context
    this.cache = cache
  }

  error(at: number, message: string): ConditionError {
    return new ConditionError(this.source, at, message)
  }

  condition(node: Node): Condition {
    switch (node.kind) {
      case 'and': {
        const [first, second] = [this.condition(node.sides[0]), this.condition(node.sides[1])]
        return (cursor) => first(cursor) && second(cursor)
      }
      case 'or': {
        const [first, second] = [this.condition(node.sides[0]), this.condition(node.sides[1])]
        return (cursor) => first(cursor) || second(cursor)
      }
      case 'not': {
        const inner = this.condition(node.inner)
        return (cursor) => !inner(cursor)
      }
      case 'compare':
        return comparison(this, node)
      case 'bool':
        return () => node.value
      case 'call':
        return this.predicate(node)
    }
    throw this.error(node.at, 'expected a condition')
  }

  expression(node: Node): Expression {
    const { at } = node
    switch (node.kind) {
      case 'text':
        return constant(at, node.text)
      case 'integer':
        if (BigInt.asIntN(64, node.value) !== node.value && BigInt.asUintN(64, node.value) !== node.value) {
          throw this.error(at, `${node.value} does not fit 64 bits`)
        }
        return constant(at, node.value)
      case 'double':
      case 'bool':
        return constant(at, node.value)
      case 'bytes':
        return constant(at, node.bytes)
      case 'nil':
        return constant(at, undefined)
      case 'path':
        return this.path(node)
      case 'call':
        return this.call(node)
      case 'list': {
        const items = node.items.map((item) => this.expression(item))
        return computed(at, items, (cursor) => encodeList(items.map((item) => item.get(cursor))))
      }
      case 'map': {
        const entries = node.entries.map(([key, value]) => [key, this.expression(value)] as const)
        const values = entries.map(([, value]) => value)
        return computed(at, values, (cursor) =>
          encodeMap(entries.map(([key, value]) => [key, value.get(cursor)] as const)),
        )
      }
      case 'arithmetic': {
        const [left, right] = [this.expression(node.sides[0]), this.expression(node.sides[1])]
        return computed(at, [left, right], (cursor) => calculate(node.op, left.get(cursor), right.get(cursor)))
      }
    }
    throw this.error(at, 'a condition stands where a value is expected')
  }

  path(node: PathNode): Expression {
    const { name, keys, at } = node
    if (keys.length === 0 && Object.hasOwn(enums, name)) return constant(at, enums[name])
    const path = this.pathOf(node)
    const value = new Value()
    const { read, textual, isTime } = path
    const get = (cursor: Cursor) => {
      read(cursor, value, false)
      return ottlOf(value, textual)
    }
    if (!isTime) return { at, path, get, constant: false }
    return { at, get: (cursor) => new Time(BigInt.asIntN(64, get(cursor) as bigint)), constant: false }
  }

  pathOf({ name, keys, at }: PathNode): Field {
    const { format, context } = this
    try {
      const cached = this.cache?.path(name, keys, format, context)
      if (cached) return cached
      const path = timePathOf(name, keys, format, context) ?? pathOf(name, keys, format, context)
      this.paths.push(path)
      return path
    } catch (cause) {
      throw cause instanceof PathError ? this.unknownField(cause, name, keys, at) : cause
    }
  }

  private unknownField(cause: PathError, name: string, keys: PathNode['keys'], at: number): ConditionError {
    if (/^[A-Z][A-Z_\d]+$/.test(name)) return this.error(at, `${name} is no name of a number that is known here`)
    if (namesCache(name)) {
      const own = `the statements of a group have one cache, that of their context${this.context ? `: ${this.context}.cache` : ''}`
      return this.error(at, this.cache ? own : 'there is no cache here: only statements of transform have one')
    }
    const prefix = /^(?:log|span|datapoint|envelope)\./.exec(name)?.[0] ?? ''
    const word = name.slice(prefix.length)
    const near = nearest(word, cause.known)
    if (near !== undefined && !near.startsWith(word))
      return this.error(at, cause.message.replace('; ', `: did you mean ${prefix}${near}?; `))
    const hint = keys.length === 0 && !name.includes('.') ? `; text stands in quotes: "${name}"` : ''
    return this.error(at, cause.message + hint)
  }

  /** Puts the arguments of a call in the order of its parameters. Throws ConditionError. */
  arguments(call: CallNode, { parameters }: Signature): (Node | undefined)[] {
    const named = new Map<string, Argument>()
    const placed: (Node | undefined)[] = []
    const written = `${call.name}(${parameters.map(({ name, optional }) => (optional ? `[${name}]` : name)).join(', ')})`
    for (const argument of call.args) {
      if (argument.name !== undefined) named.set(argument.name, argument)
      else if (placed.length === parameters.length)
        throw this.error(argument.at, `too many arguments: write ${written}`)
      else placed.push(argument.value)
    }
    for (const [name, { at }] of named) {
      if (!parameters.some((each) => each.name === name))
        throw this.error(at, `${call.name} has no argument ${name}: write ${written}`)
    }
    return parameters.map(({ name, optional }, i) => {
      const node = placed[i] ?? named.get(name)?.value
      if (!node && !optional) throw this.error(call.at, `the argument ${name} is missing: write ${written}`)
      return node
    })
  }

  pattern(node: Node): GoRegex {
    if (node.kind !== 'text') throw this.error(node.at, 'expected a regular expression in quotes')
    return this.regex(node.at, () => new GoRegex(node.text))
  }

  glob(node: Node): GoRegex {
    return this.regex(node.at, () => globRegex(this.text(node)))
  }

  private regex(at: number, make: () => GoRegex): GoRegex {
    try {
      return make()
    } catch (cause) {
      if (cause instanceof PatternError) throw this.error(at, cause.message)
      throw cause
    }
  }

  text(node: Node): string {
    if (node.kind === 'text') return node.text
    throw this.error(node.at, 'expected "text" in quotes')
  }

  integer(node: Node): number {
    if (node.kind === 'integer' && node.value >= 0n && node.value <= 0x7fffffffn) return Number(node.value)
    throw this.error(node.at, 'expected an integer that is not negative')
  }

  texts(node: Node): string[] {
    if (node.kind !== 'list') throw this.error(node.at, 'expected a list such as ["a", "b"]')
    return node.items.map((item) => this.text(item))
  }

  private call(node: CallNode): Expression {
    const { name, keys, at } = node
    const converter = Object.hasOwn(converters, name) ? converters[name] : undefined
    if (!converter) throw this.error(at, unknownFunction(name))
    const args = this.arguments(node, converter)
    const expressions: Expression[] = []
    const own = Object.create(this) as Compiler
    // What a function reads decides with it whether it is the same for every record.
    own.expression = (inner) => {
      const made = this.expression(inner)
      expressions.push(made)
      return made
    }
    const get = converter.make(own, args, at)
    const whole = keys.length === 0 ? get : (cursor: Cursor) => keys.reduce<Ottl>(partOf, get(cursor))
    const made: Expression = { at, get: whole, constant: false }
    const isConstant = converter.pure !== false && expressions.every((each) => each.constant) && !args.some(hasPath)
    return isConstant ? this.folded(made) : made
  }

  /** A value that is the same for every record is made once; one that fails says so before anything starts. */
  private folded(expression: Expression): Expression {
    try {
      return constant(expression.at, expression.get(undefined as never))
    } catch (cause) {
      if (cause instanceof StatementError) throw this.error(expression.at, cause.message)
      throw cause
    }
  }

  private predicate(node: CallNode): Condition {
    if (node.name === 'IsMatch' && node.args.length === 2 && node.args[0]!.value.kind === 'path') {
      const target = this.expression(node.args[0]!.value)
      const regex = this.pattern(node.args[1]!.value)
      if (target.path) {
        return whichever(target.path, (value) => value.type !== ValueType.none && regex.test(plainText(value)))
      }
    }
    const { get } = this.expression(node)
    return (cursor) => get(cursor) === true
  }
}

/** `log.time` and its like: what `log.time_unix_nano` holds, as a time. */
function timePathOf(name: string, keys: PathNode['keys'], format: Format, context?: PathContext): Field | undefined {
  if (!/^(?:\w+\.)?(?:(?:observed|start|end)_)?time$/.test(name) || keys.length > 0) return undefined
  try {
    return { ...pathOf(`${name}_unix_nano`, keys, format, context), text: name, isTime: true }
  } catch (cause) {
    if (cause instanceof PathError) return undefined
    throw cause
  }
}

const hasPath = (node: Node | undefined): boolean => node?.kind === 'path' && !Object.hasOwn(enums, node.name)

const plainText = (value: Value): string => value.toString()

function unknownFunction(name: string): string {
  const known = Object.keys(converters)
  return `there is no function ${name}${nearestNames(name, known)}; there are ${known.join(', ')}`
}
