import { Has, type Page } from '../../wire/prometheus/page.ts'

/** A name or value that was written behind the page's own text. */
interface Span {
  start: number
  end: number
}

/** Writes bytes behind the page's text. */
export function append(page: Page, bytes: Buffer): Span {
  page.reserveText(bytes.length)
  const start = page.used
  page.text.set(bytes, start)
  page.used += bytes.length
  return { start, end: page.used }
}

function nameId(page: Page, name: string): number {
  const { start, end } = append(page, Buffer.from(name))
  return page.labelNames.find(page.text, start, end)
}

/**
 * Renames labels of the page that the target has too: `job` becomes `exported_job`, as Prometheus does without
 * `honor_labels`. A name stands in the page once, however many samples use it.
 */
export function exportConflicts(page: Page, targetNames: readonly string[]): void {
  for (const name of targetNames) {
    const id = nameId(page, name)
    if (id < 0) continue
    let exported = `exported_${name}`
    while (nameId(page, exported) >= 0) exported = `exported_${exported}`
    const { start, end } = append(page, Buffer.from(exported))
    page.labelNames.start[id] = start
    page.labelNames.end[id] = end
  }
}

/** Adds labels to every sample that does not have them: each gets a run of its own behind the page's labels. */
export function addLabels(page: Page, labels: Readonly<Record<string, string>>): void {
  const added = Object.entries(labels).map(([name, value]) => {
    const key = append(page, Buffer.from(name))
    return { id: page.labelNames.intern(page.text, key.start, key.end), value: append(page, Buffer.from(value)) }
  })
  if (added.length === 0) return
  for (let metric = 0; metric < page.metricCount; metric++) {
    const from = page.metricLabelFrom[metric]!
    const count = page.metricLabelCount[metric]!
    const start = page.labelCount
    for (let i = from; i < from + count; i++) {
      page.addLabel(page.labelName[i]!, page.labelStart[i]!, page.labelEnd[i]!)
    }
    for (const { id, value } of added) if (!hasLabel(page, start, id)) page.addLabel(id, value.start, value.end)
    page.metricLabelFrom[metric] = start
    page.metricLabelCount[metric] = page.labelCount - start
  }
}

function hasLabel(page: Page, from: number, id: number): boolean {
  for (let i = from; i < page.labelCount; i++) if (page.labelName[i] === id) return true
  return false
}

/** Sample lines that a page still has: rules may have dropped some. */
export function countSamples(page: Page): number {
  let samples = 0
  for (let family = 0; family < page.familyCount; family++) {
    for (let metric = page.familyFirst[family]!; metric >= 0; metric = page.metricNext[metric]!) {
      samples += linesOf(page, metric)
    }
  }
  return samples
}

/** Lines of a metric: a histogram has one for each bucket, its sum and its count. */
export function linesOf(page: Page, metric: number): number {
  const flags = page.metricFlags[metric]!
  let lines = (flags & Has.sum ? 1 : 0) + (flags & Has.count ? 1 : 0)
  for (let point = page.metricFirst[metric]!; point >= 0; point = page.pointNext[point]!) lines++
  return Math.max(1, lines)
}
