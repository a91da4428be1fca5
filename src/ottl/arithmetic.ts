import { describe, isNumber, type Ottl, StatementError } from './ottl-value.ts'
import { Duration, Time } from './times.ts'

/** `a + b` and its like: two integers make an integer, times and durations one of these. Throws StatementError. */
export function calculate(op: string, a: Ottl, b: Ottl): Ottl {
  if (isTemporal(a) || isTemporal(b)) return calculateTime(op, a, b)
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

const isTemporal = (value: Ottl): value is Time | Duration => value instanceof Time || value instanceof Duration

/** A time and a duration make a time; two times, or two durations, a duration. */
function calculateTime(op: string, a: Ottl, b: Ottl): Ottl {
  if (op === '+' && isTemporal(a) && isTemporal(b)) {
    if (a instanceof Duration && b instanceof Duration) return new Duration(a.nanos + b.nanos)
    if (a instanceof Duration || b instanceof Duration) return timeAt(a.nanos + b.nanos)
  } else if (op === '-' && a instanceof Time && isTemporal(b)) {
    return b instanceof Time ? new Duration(a.nanos - b.nanos) : timeAt(a.nanos - b.nanos)
  } else if (op === '-' && a instanceof Duration && b instanceof Duration) return new Duration(a.nanos - b.nanos)
  throw new StatementError(`${describe(a)} ${op} ${describe(b)} makes nothing`)
}

/** A time, if 64 bits hold it. Throws StatementError. */
export function timeAt(nanos: bigint): Time {
  if (BigInt.asIntN(64, nanos) === nanos) return new Time(nanos)
  throw new StatementError('the time is more than 292 years from 1970')
}

/** Go counts from the first of January of the year 1 when it truncates. */
const yearOne = 62_135_596_800_000_000_000n

/** The last multiple of a duration, counted from the year 1, that is not behind a time. */
export function truncated({ nanos }: Time, { nanos: step }: Duration): Time {
  if (step <= 0n) return timeAt(nanos)
  return timeAt(nanos - ((((nanos + yearOne) % step) + step) % step))
}
