/** Where the clock hangs that wrote a time. */
export interface Location {
  /** How far the clock is ahead of UTC when it shows `wall`, milliseconds as if it were UTC. */
  offsetMs(wall: number): number
  /** What the clock's zone is called then: `CET`. */
  zoneAt(wall: number): string
}

export const utc: Location = { offsetMs: () => 0, zoneAt: () => 'UTC' }

/** Clocks change at full quarters of an hour. */
const quarterMs = 15 * 60 * 1000

/** A place of the time zone database, `Europe/Berlin`; undefined when there is none. `Local`: where this process is. */
export function locationOf(name: string): Location | undefined {
  if (name === 'UTC') return utc
  const timeZone = name === 'Local' ? undefined : name
  let format: Intl.DateTimeFormat
  let zones: Intl.DateTimeFormat
  try {
    const numeric = { year: 'numeric', month: 'numeric', day: 'numeric' } as const
    const clock = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23', era: 'short' } as const
    format = new Intl.DateTimeFormat('en-US', { ...numeric, ...clock, ...(timeZone && { timeZone }) })
    zones = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short', ...(timeZone && { timeZone }) })
  } catch {
    return undefined
  }
  /** What the clock shows at a moment. */
  const shows = (moment: number): number => {
    const parts: Record<string, string> = {}
    for (const { type, value } of format.formatToParts(moment)) parts[type] = value
    const { year, month, day, hour, minute, second } = parts
    return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  }
  let lastQuarter = Number.NaN
  let lastOffset = 0
  const offsetMs = (wall: number): number => {
    const quarter = Math.floor(wall / quarterMs)
    if (quarter === lastQuarter) return lastOffset
    const at = quarter * quarterMs
    const guess = shows(at) - at
    lastOffset = shows(at - guess) - (at - guess)
    lastQuarter = quarter
    return lastOffset
  }
  return {
    offsetMs,
    zoneAt: (wall) =>
      zones.formatToParts(wall - offsetMs(wall)).find(({ type }) => type === 'timeZoneName')?.value ?? '',
  }
}

/** Where the clock hangs that writes times of a layout, unless one is told: here, or at UTC when the layout ends in Z. */
export const locationOfLayout = (layout: string): Location => (/[^%]Z$/.test(layout) ? utc : locationOf('Local')!)

const byZone = new Map<string, Location | undefined>()
const mostZones = 100

/** The offset of an abbreviation: the location's own, or a zone that the database has by that name; else NaN. */
export function offsetOfZone(zone: string, location: Location, wall: number): number {
  if (zone === 'UTC' || zone === 'GMT') return 0
  if (location.zoneAt(wall) === zone) return location.offsetMs(wall)
  const hours = /^[+-]\d\d$/.exec(zone)
  if (hours) return Number(zone) * 3600 * 1000
  if (!byZone.has(zone)) {
    // Names come from lines: what nobody ever heard of must not pile up.
    if (byZone.size >= mostZones) byZone.clear()
    byZone.set(zone, locationOf(zone))
  }
  return byZone.get(zone)?.offsetMs(wall) ?? Number.NaN
}
