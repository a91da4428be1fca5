/** Milliseconds a unit of `grpc-timeout` stands for. */
const units: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** Timers of the runtime hold 2^31 - 1 ms (24 days); longer deadlines are no deadlines. */
const MAX_TIMER_MS = 2_147_483_647

/** `100m`, `3S`, `99999999n` in milliseconds; undefined for none, too long to matter, or malformed. */
export function parseTimeout(text: string | undefined): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text ?? '')
  if (!match) return undefined
  const ms = Number(match[1]) * units[match[2]!]!
  return ms > MAX_TIMER_MS ? undefined : ms
}

/** At most eight digits and a unit: `1500m`; from 28 hours on in seconds, rounded up. */
export function formatTimeout(ms: number): string {
  if (ms <= 0) return '1n'
  if (ms < 1) return `${Math.ceil(ms * 1e6)}n`
  if (ms <= 99_999_999) return `${Math.ceil(ms)}m`
  return `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`
}
