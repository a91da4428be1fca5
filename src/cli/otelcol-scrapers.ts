import type { FamilyPage } from './family-page.ts'
import type { OtelcolSources } from './otelcol-sources.ts'

/**
 * What the scrapers of receivers measured. How many points a scraper would have had is known to nobody when it fails: one
 * is counted.
 */
export function addScrapers(page: FamilyPage, { plan, metrics }: OtelcolSources): void {
  const add = (kind: 'scraped' | 'errored', ours: string) => {
    for (const { spec, id } of plan.instances) {
      if (spec.kind !== 'receiver') continue
      for (const { labels, value } of metrics.find(`tailrace_${spec.type}_${ours}_total`)?.series ?? []) {
        if (labels.id !== id || !labels.scraper) continue
        const theirs = { receiver: id, scraper: labels.scraper }
        page.add(`scraper_${kind}_metric_points`, theirs, value)
      }
    }
  }
  add('scraped', 'scraped_points')
  add('errored', 'failed_scrapes')
}
