import type { Cursor } from '../telemetry/cursor.ts'
import type { FieldPath } from '../telemetry/paths.ts'
import { Value, ValueType } from '../telemetry/value.ts'
import { splitBigInt } from '../wire/protobuf.ts'
import type { Compiler } from './compiler.ts'
import type { Condition, Expression } from './expression.ts'
import { equals, isNumber, type Ottl, order, ottlOf } from './ottl-value.ts'
import type { Node } from './tree.ts'

/** Compiles `a == b` and its like. */
export function comparison(compiler: Compiler, node: Extract<Node, { kind: 'compare' }>): Condition {
  let { op } = node
  let [left, right] = [compiler.expression(node.sides[0]), compiler.expression(node.sides[1])]
  if (right.path && !left.path) {
    ;[left, right] = [right, left]
    op = mirrored[op] ?? op
  }
  if (left.path?.map) throw compiler.error(left.at, `${left.path.text} needs a key, such as ${left.path.text}["k"]`)
  if (op === '==' || op === '!=') {
    const equal = equality(left, right)
    return op === '==' ? equal : (cursor) => !equal(cursor)
  }
  const holds = orders[op]
  if (!left.path) return (cursor) => holds(order(left.get(cursor), right.get(cursor)))
  const { textual } = left.path
  if (!right.constant) {
    return (cursor) => {
      const other = right.get(cursor)
      return some(left.path!, cursor, (value) => holds(order(ottlOf(value, textual), other)))
    }
  }
  const other = right.get(undefined as never)
  const small = isNumber(other) && Number.isSafeInteger(Number(other)) ? Number(other) : undefined
  return whichever(left.path, (value) => {
    // A small integer needs no BigInt.
    const isSmall = value.hi === 0 && (value.type === ValueType.int || value.type === ValueType.uint)
    if (small !== undefined && isSmall) return holds(value.lo - small)
    if (small !== undefined && value.type === ValueType.double) return holds(value.double - small)
    return holds(order(ottlOf(value, textual), other))
  })
}

function equality(left: Expression, right: Expression): Condition {
  const { path } = left
  if (!path) return (cursor) => equals(left.get(cursor), right.get(cursor))
  if (!right.constant) {
    return (cursor) => {
      const other = right.get(cursor)
      return some(path, cursor, (value) => equals(ottlOf(value, path.textual), other))
    }
  }
  return whichever(path, equalTo(right.get(undefined as never)))
}

const mirrored: Readonly<Record<string, '<' | '<=' | '>' | '>='>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' }
const orders = {
  '<': (sign: number | undefined) => sign !== undefined && sign < 0,
  '<=': (sign: number | undefined) => sign !== undefined && sign <= 0,
  '>': (sign: number | undefined) => sign !== undefined && sign > 0,
  '>=': (sign: number | undefined) => sign !== undefined && sign >= 0,
}

/** A test for one constant that compares bytes and halves, and makes nothing. */
function equalTo(other: Ottl): (value: Value) => boolean {
  if (other === undefined) return (value) => value.type === ValueType.none
  if (typeof other === 'string') {
    const bytes = Buffer.from(other)
    return (value) => value.equals(bytes)
  }
  if (typeof other === 'boolean') {
    const bit = other ? 1 : 0
    return (value) => value.type === ValueType.bool && value.lo === bit
  }
  if (typeof other === 'number' && !Number.isInteger(other)) {
    return (value) => value.type === ValueType.double && value.double === other
  }
  if (typeof other === 'bigint') {
    const double = Number(other)
    const [lo, hi] = splitBigInt(other)
    const fitsInt = BigInt.asIntN(64, other) === other
    const fitsUint = BigInt.asUintN(64, other) === other
    return (value) => {
      if (value.type === ValueType.double) return value.double === double
      const fits = value.type === ValueType.int ? fitsInt : value.type === ValueType.uint && fitsUint
      return fits && value.lo >>> 0 === lo && value.hi >>> 0 === hi
    }
  }
  if (other instanceof Uint8Array) return (value) => value.equals(other)
  return (value) => equals(ottlOf(value), other)
}

const scratch = new Value()

/** True when the test holds for any value of the path: a gauge has several. */
export function whichever({ read }: FieldPath, test: (value: Value) => boolean): Condition {
  return (cursor) => {
    for (let again = false; read(cursor, scratch, again); again = true) if (test(scratch)) return true
    return false
  }
}

function some({ read }: FieldPath, cursor: Cursor, test: (value: Value) => boolean): boolean {
  const value = new Value()
  for (let again = false; read(cursor, value, again); again = true) if (test(value)) return true
  return false
}
