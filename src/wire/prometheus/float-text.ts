/**
 * Numbers as Prometheus prints them: shortest digits that read back the same, exponent form below 1e-4 and from 1e6 on,
 * with two exponent digits at least: `0.005`, `100000`, `1e+06`, `1e-05`, `+Inf`, `NaN`.
 */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const size = Math.abs(value)
  if (size >= 1e-4 && size < 1e6) return String(value)
  const [digits, exponent] = value.toExponential().split('e') as [string, string]
  const power = exponent.slice(1)
  return `${digits}e${exponent[0]}${power.length < 2 ? '0' : ''}${power}`
}
