import type { Page } from '../../wire/prometheus/page.ts'
import type { ScrapeTarget } from './scrape-target.ts'

/** Throws, with the culprit's name, when a page has more than its target may. */
export function checkLimits(page: Page, samples: number, target: ScrapeTarget): void {
  const { sampleLimit, maxSeries } = target
  if (sampleLimit > 0 && samples > sampleLimit)
    throw new Error(`sample limit exceeded: ${samples} samples, the limit is ${sampleLimit}${culprit(page)}`)
  if (maxSeries > 0 && samples > maxSeries)
    throw new Error(`max_series exceeded: ${samples} series, the limit is ${maxSeries}${culprit(page)}`)
  checkLabels(page, target)
}

/** The metric with most series. */
function culprit(page: Page): string {
  let most = 0
  let found = -1
  for (let family = 0; family < page.familyCount; family++) {
    const metrics = metricsOf(page, family)
    if (metrics <= most) continue
    most = metrics
    found = family
  }
  if (found < 0) return ''
  return `; ${page.string(page.familyNameStart[found]!, page.familyNameEnd[found]!)} has most, ${most}`
}

function metricsOf(page: Page, family: number): number {
  let metrics = 0
  for (let metric = page.familyFirst[family]!; metric >= 0; metric = page.metricNext[metric]!) metrics++
  return metrics
}

function checkLabels(page: Page, { labelLimits }: ScrapeTarget): void {
  const { count, nameLength, valueLength } = labelLimits
  if (count === 0 && nameLength === 0 && valueLength === 0) return
  const { labelNames } = page
  for (let metric = 0; metric < page.metricCount; metric++) {
    const from = page.metricLabelFrom[metric]!
    // The name of the metric is a label too.
    const labels = page.metricLabelCount[metric]! + 1
    if (count > 0 && labels > count) throw new Error(`label_limit exceeded: ${labels} labels, the limit is ${count}`)
    for (let i = from; i < from + labels - 1; i++) {
      const id = page.labelName[i]!
      const name = labelNames.end[id]! - labelNames.start[id]!
      const value = page.labelEnd[i]! - page.labelStart[i]!
      const where = () => page.string(labelNames.start[id]!, labelNames.end[id]!)
      if (nameLength > 0 && name > nameLength)
        throw new Error(`label_name_length_limit exceeded: ${where()} has ${name} bytes, the limit is ${nameLength}`)
      if (valueLength > 0 && value > valueLength)
        throw new Error(`label_value_length_limit exceeded: ${where()} has ${value} bytes, the limit is ${valueLength}`)
    }
  }
}
