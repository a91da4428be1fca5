import { parseDuration } from '../config/units.ts'

/** A point in time, in nanoseconds since 1970. */
export class Time {
  readonly nanos: bigint

  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

/** A length of time, in nanoseconds. */
export class Duration {
  readonly nanos: bigint

  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

/** `1h30m`, `100ms` (Go's time.ParseDuration); undefined when it is none. */
export function durationOf(text: string): Duration | undefined {
  const ms = parseDuration(text)
  return typeof ms === 'number' ? new Duration(BigInt(Math.round(ms * 1e6))) : undefined
}

/** A duration as Go writes it: `1h30m0s`, `1.5ms`. */
export function durationText({ nanos }: Duration): string {
  if (nanos === 0n) return '0s'
  if (nanos < 0n) return `-${durationText(new Duration(-nanos))}`
  if (nanos < 1_000n) return `${nanos}ns`
  if (nanos < 1_000_000n) return `${decimal(nanos, 3)}µs`
  if (nanos < 1_000_000_000n) return `${decimal(nanos, 6)}ms`
  const minutes = nanos / 60_000_000_000n
  const seconds = `${decimal(nanos % 60_000_000_000n, 9)}s`
  if (minutes === 0n) return seconds
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`
}

/** `value / 10 ** digits` without zeros at the end. */
function decimal(value: bigint, digits: number): string {
  const text = String(value).padStart(digits + 1, '0')
  const fraction = text.slice(-digits).replace(/0+$/, '')
  return text.slice(0, -digits) + (fraction === '' ? '' : `.${fraction}`)
}
