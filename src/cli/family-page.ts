import type { Distribution } from '../runtime/distribution.ts'
import { type Attributes, added, type OwnMetric, type OwnPoint } from '../runtime/own-metric.ts'
import { type Instrument, instruments, type MetricsLevel } from './otelcol-instruments.ts'

const levels: readonly MetricsLevel[] = ['basic', 'normal', 'detailed']

/** Families under construction, in the order of their first sample; what the level does not show is left out. */
export class FamilyPage {
  private readonly level: MetricsLevel
  private readonly families = new Map<Instrument, OwnPoint[]>()

  constructor(level: MetricsLevel) {
    this.level = level
  }

  /** `name` as in `instruments`. Attributes with an empty text are left out. */
  add(name: string, attributes: Attributes, value: number | Distribution): void {
    const instrument = instruments.get(name)!
    if (levels.indexOf(instrument.level) > levels.indexOf(this.level)) return
    const points = this.families.get(instrument) ?? []
    this.families.set(instrument, points)
    const given = Object.entries(attributes).filter(([, text]) => text !== '')
    points.push({ attributes: Object.fromEntries(given), value })
  }

  /** Queues of several destinations are one exporter there. */
  all(): OwnMetric[] {
    return Array.from(this.families, ([instrument, points]) => ({ ...instrument, points: added(points) }))
  }
}
