import { type Component, defineReceiver, type Host, type Intakes } from '../../plugin.ts'
import { config, type PrometheusConfig } from './config.ts'
import { type Discovery, newDiscovery } from './discovery.ts'
import { newEnvelopeSink } from './envelope-sink.ts'
import { fileTargets } from './file-targets.ts'
import { newTargetMaker } from './job-targets.ts'
import { newMetricsSink } from './metrics-sink.ts'
import type { ScrapeConfig } from './scrape-config.ts'
import { newScrapeLoop, type ScrapeLoop } from './scrape-loop.ts'
import type { ScrapeTarget } from './scrape-target.ts'
import { newScraper, type ScraperUse } from './scraper.ts'

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
    metrics: intakes.metrics && newMetricsSink(intakes.metrics, host.budget, config.trim_metric_suffixes),
  }
  const files = new Map<string, ScrapeLoop>()
  const jobs: { discovery: Discovery; loops: Map<string, ScrapeLoop> }[] = []
  let fileCount = 0

  const newLoop = (target: ScrapeTarget, index: number) => {
    const failures = host.counter('failed_scrapes', 'Scrapes that failed.', {
      scrape_target_source_id: target.sourceId,
    })
    const key = `${target.url} ${target.sourceId} ${target.instanceId} ${index}`
    return newScrapeLoop(newScraper(target, failures, use), target.intervalMs, key, clock)
  }
  /** Starts loops of new targets and ends those of targets that are gone. */
  const reconcile = (loops: Map<string, ScrapeLoop>, targets: readonly ScrapeTarget[]) => {
    const wanted = new Map(targets.map((target, index) => [keyOf(target), { target, index }]))
    for (const [key, loop] of loops) {
      if (wanted.has(key)) continue
      loops.delete(key)
      void loop.stop(true)
    }
    for (const [key, { target, index }] of wanted) {
      if (loops.has(key)) continue
      const loop = newLoop(target, index)
      loops.set(key, loop)
      loop.start()
    }
  }
  const known = () => fileCount + jobs.reduce((sum, { loops }) => sum + loops.size, 0)
  const openJob = (job: ScrapeConfig) => {
    const make = newTargetMaker(job, config, host)
    const loops = new Map<string, ScrapeLoop>()
    const discovery = newDiscovery(job, host, () => {
      reconcile(loops, make(discovery.groups()))
      total.add(Math.max(0, known() - total.value))
    })
    return { discovery, loops, make }
  }
  return {
    async start() {
      const named = fileTargets(config, host)
      const opened = config.config.scrape_configs.map(openJob)
      fileCount = named.total
      named.active.forEach((target, index) => {
        files.set(`${index}`, newLoop(target, index))
      })
      for (const loop of files.values()) loop.start()
      for (const { discovery, loops, make } of opened) {
        jobs.push({ discovery, loops })
        reconcile(loops, make(discovery.groups()))
      }
      // The counter outlives a reload.
      total.add(known() - total.value)
      for (const { discovery } of jobs) discovery.start()
      log.info('scraping', { targets: known() - fileCount + files.size, disabled: fileCount - files.size })
    },
    async stop() {
      for (const { discovery } of jobs) discovery.stop()
      const all = [...files.values(), ...jobs.flatMap(({ loops }) => [...loops.values()])]
      files.clear()
      jobs.length = 0
      await Promise.all(all.map((loop) => loop.stop()))
    },
  }
}

/** Targets that differ in this are different ones. */
const keyOf = ({ url, labels, job, instance, sourceId, instanceId, intervalMs, timeoutMs, refused }: ScrapeTarget) =>
  JSON.stringify([url, labels, job, instance, sourceId, instanceId, intervalMs, timeoutMs, refused !== undefined])
