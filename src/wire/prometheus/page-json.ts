/** A page as plain objects, for `explain`-like output and tests: never for hot code. */
import { Has, Kind, type Page } from './page.ts'

export interface PageMetric {
  labels: [name: string, value: string][]
  value?: number
  sum?: number
  count?: number
  points?: [bound: number, value: number][]
  time?: number
  created?: number
}

export interface PageFamily {
  name: string
  type: string
  help?: string
  unit?: string
  metrics: PageMetric[]
}

const TYPE_NAMES = Object.fromEntries(Object.entries(Kind).map(([name, kind]) => [kind, name]))

/** Families with samples, in order of first appearance. */
export function pageFamilies(page: Page): PageFamily[] {
  const families: PageFamily[] = []
  for (let family = 0; family < page.familyCount; family++) {
    if (page.familyFirst[family]! < 0) continue
    const found: PageFamily = {
      name: page.string(page.familyNameStart[family]!, page.familyNameEnd[family]!),
      type: TYPE_NAMES[page.familyKind[family]!]!,
      metrics: [],
    }
    const help = page.familyHelpStart[family]!
    const unit = page.familyUnitStart[family]!
    if (help >= 0) found.help = page.string(help, page.familyHelpEnd[family]!)
    if (unit >= 0) found.unit = page.string(unit, page.familyUnitEnd[family]!)
    for (let m = page.familyFirst[family]!; m >= 0; m = page.metricNext[m]!) {
      found.metrics.push(metricOf(page, page.familyKind[family]!, m))
    }
    families.push(found)
  }
  return families
}

function metricOf(page: Page, kind: number, metric: number): PageMetric {
  const from = page.metricLabelFrom[metric]!
  const found: PageMetric = { labels: labelsOf(page, from, page.metricLabelCount[metric]!) }
  if (kind === Kind.histogram || kind === Kind.summary || kind === Kind.gaugeHistogram) {
    const flags = page.metricFlags[metric]!
    if ((flags & Has.sum) !== 0) found.sum = page.metricValue[metric]!
    if ((flags & Has.count) !== 0) found.count = page.metricCountValue[metric]!
    found.points = []
    for (let p = page.metricFirst[metric]!; p >= 0; p = page.pointNext[p]!) {
      found.points.push([page.pointBound[p]!, page.pointValue[p]!])
    }
  } else found.value = page.metricValue[metric]!
  if (!Number.isNaN(page.metricTime[metric]!)) found.time = page.metricTime[metric]!
  if (!Number.isNaN(page.metricCreated[metric]!)) found.created = page.metricCreated[metric]!
  return found
}

/** Label pairs `[from, from + count)` of the page. */
export function labelsOf(page: Page, from: number, count: number): [name: string, value: string][] {
  const { labelNames, labelName, labelStart, labelEnd } = page
  const labels: [string, string][] = []
  for (let i = from; i < from + count; i++) {
    const name = labelName[i]!
    labels.push([
      page.string(labelNames.start[name]!, labelNames.end[name]!),
      page.string(labelStart[i]!, labelEnd[i]!),
    ])
  }
  return labels
}
