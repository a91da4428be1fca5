import { describe, isNumber, type Ottl, StatementError } from './ottl-value.ts'

/** `a + b` and its like: two integers make an integer. Throws StatementError. */
export function calculate(op: string, a: Ottl, b: Ottl): Ottl {
  if (!isNumber(a) || !isNumber(b)) {
    throw new StatementError(`${describe(isNumber(a) ? b : a)} is no number to calculate with`)
  }
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (op === '/' && b === 0n) throw new StatementError('an integer was divided by zero')
    const result = op === '+' ? a + b : op === '-' ? a - b : op === '*' ? a * b : a / b
    return BigInt.asIntN(64, result)
  }
  const [x, y] = [Number(a), Number(b)]
  return op === '+' ? x + y : op === '-' ? x - y : op === '*' ? x * y : x / y
}
