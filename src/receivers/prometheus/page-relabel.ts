import { floatText } from '../../wire/prometheus/float-text.ts'
import { Has, Kind, type Page } from '../../wire/prometheus/page.ts'
import { append } from './page-labels.ts'
import type { LabelMap, Relabel } from './relabel.ts'

const GROUPED = new Set<number>([Kind.histogram, Kind.summary, Kind.gaugeHistogram])

/** Labels that rules see beside those of the page, and that are not the page's afterwards. */
export type Beside = Readonly<Record<string, string>>

/**
 * Applies rules to every sample of a page: what they drop is gone from it, what they rename stands in another family. The
 * lines of a histogram or summary keep their place together: its labels afterwards are those of its first line that stays.
 */
export function relabelPage(page: Page, relabel: Relabel, beside: Beside): void {
  const families = new Map<string, number>()
  const count = page.familyCount
  for (let family = 0; family < count; family++) families.set(familyKey(page, family), family)
  const chains = Array.from({ length: count }, (_, family) => page.familyFirst[family]!)
  for (let family = 0; family < count; family++) page.familyFirst[family] = page.familyLast[family] = -1
  for (let family = 0; family < count; family++) {
    for (let metric = chains[family]!; metric >= 0; ) {
      const next = page.metricNext[metric]!
      page.metricNext[metric] = -1
      const labels = GROUPED.has(page.familyKind[family]!)
        ? groupLabels(page, family, metric, relabel, beside)
        : sampleLabels(page, family, metric, relabel, beside)
      if (labels) link(page, familyOf(page, family, labels, families), metric, labels, beside)
      metric = next
    }
  }
}

const nameOf = (page: Page, family: number) => page.string(page.familyNameStart[family]!, page.familyNameEnd[family]!)
const familyKey = (page: Page, family: number) => `${page.familyKind[family]} ${nameOf(page, family)}`

/** What the family's name lacks in the page. */
function suffixOf(page: Page, family: number): string {
  if (!page.openMetrics) return ''
  const kind = page.familyKind[family]
  return kind === Kind.counter ? '_total' : kind === Kind.info ? '_info' : ''
}

function labelsOf(page: Page, metric: number, beside: Beside): LabelMap {
  const labels: LabelMap = new Map(Object.entries(beside))
  const from = page.metricLabelFrom[metric]!
  for (let i = from; i < from + page.metricLabelCount[metric]!; i++) {
    const name = page.labelName[i]!
    const value = page.string(page.labelStart[i]!, page.labelEnd[i]!)
    if (value !== '') labels.set(page.string(page.labelNames.start[name]!, page.labelNames.end[name]!), value)
  }
  return labels
}

function sampleLabels(page: Page, family: number, metric: number, relabel: Relabel, beside: Beside) {
  const labels = labelsOf(page, metric, beside)
  const suffix = suffixOf(page, family)
  labels.set('__name__', nameOf(page, family) + suffix)
  if (!relabel(labels)) return undefined
  stripName(labels, suffix)
  return labels
}

function stripName(labels: LabelMap, suffix: string): void {
  const name = labels.get('__name__') ?? ''
  labels.set('__name__', suffix !== '' && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name)
}

function groupLabels(page: Page, family: number, metric: number, relabel: Relabel, beside: Beside) {
  const base = nameOf(page, family)
  const isSummary = page.familyKind[family] === Kind.summary
  const bound = isSummary ? 'quantile' : 'le'
  let kept: LabelMap | undefined
  const line = (suffix: string, value?: number): boolean => {
    const labels = labelsOf(page, metric, beside)
    labels.set('__name__', base + suffix)
    if (value !== undefined) labels.set(bound, floatText(value))
    if (!relabel(labels)) return false
    stripName(labels, suffix)
    labels.delete(bound)
    kept ??= labels
    return true
  }
  if ((page.metricFlags[metric]! & Has.count) !== 0 && !line('_count')) page.metricFlags[metric]! &= ~Has.count
  if ((page.metricFlags[metric]! & Has.sum) !== 0 && !line('_sum')) page.metricFlags[metric]! &= ~Has.sum
  let last = -1
  let point = page.metricFirst[metric]!
  page.metricFirst[metric] = page.metricLast[metric] = -1
  for (; point >= 0; point = page.pointNext[point]!) {
    if (!line(isSummary ? '' : '_bucket', page.pointBound[point]!)) continue
    if (last < 0) page.metricFirst[metric] = point
    else page.pointNext[last] = point
    last = point
  }
  if (last >= 0) page.pointNext[last] = -1
  page.metricLast[metric] = last
  return kept
}

function familyOf(page: Page, family: number, labels: LabelMap, families: Map<string, number>): number {
  const name = labels.get('__name__')!
  if (name === nameOf(page, family)) return family
  const key = `${page.familyKind[family]} ${name}`
  const known = families.get(key)
  if (known !== undefined) return known
  const { start, end } = append(page, Buffer.from(name))
  const made = page.addFamily(start, end)
  page.familyKind[made] = page.familyKind[family]!
  page.familyHelpStart[made] = page.familyHelpStart[family]!
  page.familyHelpEnd[made] = page.familyHelpEnd[family]!
  families.set(key, made)
  return made
}

function link(page: Page, family: number, metric: number, labels: LabelMap, beside: Beside): void {
  const from = page.labelCount
  for (const [name, value] of labels) {
    if (name === '__name__' || beside[name] === value) continue
    const key = append(page, Buffer.from(name))
    const id = page.labelNames.intern(page.text, key.start, key.end)
    const span = append(page, Buffer.from(value))
    page.addLabel(id, span.start, span.end)
  }
  page.metricLabelFrom[metric] = from
  page.metricLabelCount[metric] = page.labelCount - from
  page.metricFamily[metric] = family
  const last = page.familyLast[family]!
  if (last < 0) page.familyFirst[family] = metric
  else page.metricNext[last] = metric
  page.familyLast[family] = metric
}
