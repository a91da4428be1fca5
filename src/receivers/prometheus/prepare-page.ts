import type { Page } from '../../wire/prometheus/page.ts'
import { addLabels, exportConflicts } from './page-labels.ts'
import { relabelPage } from './page-relabel.ts'
import type { ScrapeTarget } from './scrape-target.ts'

/** Does to a page what its target asks: labels that both have are renamed, rules on samples applied. */
export function preparePage(page: Page, target: ScrapeTarget): void {
  if (!target.honorLabels) exportConflicts(page, ['job', 'instance', ...Object.keys(target.labels)])
  if (!target.metricRelabel) return
  addLabels(page, target.labels)
  relabelPage(page, target.metricRelabel, { job: target.job, instance: target.instance })
}
