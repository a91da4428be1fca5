/** `2026-11-21T08:00:00.000Z`; a clock may be set to anything. */
export function rfc3339(ms: number): string {
  const at = new Date(ms)
  return Number.isNaN(at.getTime()) ? 'unknown' : at.toISOString()
}
