import type { Family, Metrics } from '../../runtime/metrics.ts'

/** What one drain URL has sent and lost, whoever uses it: two apps with one URL are one series. */
export interface DrainSeries {
  readonly labels: { readonly id: string; readonly drain_scope: string; readonly drain_url: string }
  sent: number
  lost: number
  users: number
}

/** The series of all drains. They come with the first use of a drain and go with the last binding. */
export class SeriesTable {
  private readonly id: string
  private readonly byKey = new Map<string, DrainSeries>()

  constructor(id: string, metrics: Metrics) {
    this.id = id
    const family = (name: string, help: string, count: 'sent' | 'lost'): Family => {
      const all = this.byKey
      return {
        name: `tailrace_syslog_drains_${name}_total`,
        help,
        type: 'counter',
        get series() {
          return [...all.values()].map((one) => ({ labels: one.labels, value: one[count] }))
        },
      }
    }
    metrics.adopt(family('sent', 'Messages that drains have taken.', 'sent'))
    metrics.adopt(family('lost', 'Messages lost in front of drains.', 'lost'))
  }

  /** The series of a drain; give it back with `close`. */
  open(scope: string, url: string): DrainSeries {
    const key = `${scope} ${url}`
    let found = this.byKey.get(key)
    if (!found) {
      found = { labels: { id: this.id, drain_scope: scope, drain_url: url }, sent: 0, lost: 0, users: 0 }
      this.byKey.set(key, found)
    }
    found.users++
    return found
  }

  close(series: DrainSeries): void {
    series.users--
    const { drain_scope, drain_url } = series.labels
    if (series.users === 0) this.byKey.delete(`${drain_scope} ${drain_url}`)
  }

  get size(): number {
    return this.byKey.size
  }
}
