/** A metrics page as tests read it: `egress{metric_version="2.0"}` to its value. */
export interface Page {
  /** Series in the order of the page, labels as they are written. */
  readonly series: ReadonlyMap<string, number>
  /** `# TYPE` of each family. */
  readonly types: ReadonlyMap<string, string>
  /** The value of a series as it is written; fails when the page has none. */
  get(series: string): number
  /** The sum over all series of a family whose labels contain these, e.g. `reason="rule"`. */
  sum(family: string, ...labels: string[]): number
}

export function parsePage(text: string): Page {
  const series = new Map<string, number>()
  const types = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (name) types.set(name, type!)
    const sample = /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$/.exec(line)
    if (sample) series.set(sample[1]!, Number(sample[2]!.replace('Inf', 'Infinity')))
  }
  return {
    series,
    types,
    get(wanted) {
      const value = series.get(wanted)
      if (value === undefined) throw new Error(`no series ${wanted} on the page:\n${text}`)
      return value
    },
    sum(family, ...labels) {
      let total = 0
      for (const [key, value] of series) {
        const own = key === family || key.startsWith(`${family}{`)
        if (own && labels.every((label) => key.includes(label))) total += value
      }
      return total
    },
  }
}
