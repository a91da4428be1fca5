import { type Component, defineReceiver, type Host, type Intakes } from '../../plugin.ts'
import { config, type PrometheusConfig } from './config.ts'
import { newEnvelopeSink } from './envelope-sink.ts'
import { fileTargets } from './file-targets.ts'
import { newMetricsSink } from './metrics-sink.ts'
import { newScrapeLoop, type ScrapeLoop } from './scrape-loop.ts'
import type { ScrapeTarget } from './scrape-target.ts'
import { newScraper, type ScraperUse } from './scraper.ts'
import { staticTargets } from './static-targets.ts'

/** Reads Prometheus pages: those that target files of this machine name, and static targets as in Prometheus. */
export default defineReceiver({
  type: 'prometheus',
  stability: 'beta',
  summary: 'Scrapes Prometheus pages over HTTP, named by target files on the machine or by static scrape configs.',
  config,
  makes: ['envelopes', 'metrics'],
  // A page that waits would only become stale: a queue that is full drops in its own branch.
  pushesBack: false,
  create: ({ config, host, intakes }) => newPrometheusReceiver(config, host, intakes),
})

function newPrometheusReceiver(config: PrometheusConfig, host: Host, intakes: Intakes): Component {
  const { clock, log } = host
  const total = host.counter('scrape_targets', 'Targets found in target files and scrape configs.')
  const use: ScraperUse = {
    clock,
    log,
    budget: host.budget,
    envelopes: intakes.envelopes && newEnvelopeSink(intakes.envelopes),
    metrics: intakes.metrics && newMetricsSink(intakes.metrics),
  }
  let loops: ScrapeLoop[] = []

  const newLoop = (target: ScrapeTarget, index: number) => {
    const failures = host.counter('failed_scrapes', 'Scrapes that failed.', {
      scrape_target_source_id: target.sourceId,
    })
    const key = `${target.url} ${target.sourceId} ${target.instanceId} ${index}`
    return newScrapeLoop(newScraper(target, failures, use), target.intervalMs, key, clock)
  }
  return {
    async start() {
      const files = fileTargets(config, host)
      const fixed = staticTargets(config, host)
      // The counter outlives a reload.
      total.add(files.total + fixed.length - total.value)
      loops = [...files.active, ...fixed].map(newLoop)
      log.info('scraping', { targets: loops.length, disabled: files.total + fixed.length - loops.length })
      for (const loop of loops) loop.start()
    },
    async stop() {
      await Promise.all(loops.splice(0).map((loop) => loop.stop()))
    },
  }
}
