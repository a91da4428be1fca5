import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { Host } from '../../plugin.ts'
import { glob } from '../../runtime/glob.ts'
import { newPageFetcher, type PageFetcher } from './fetch-page.ts'
import type { ScrapeConfig } from './scrape-config.ts'
import { authorizationOf, jobTls } from './scrape-requests.ts'

/** Addresses with labels, as Prometheus' target files and services list them. */
export interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** Finds the targets of one job, again and again. */
export interface Discovery {
  /** What is known now. */
  groups(): TargetGroup[]
  start(): void
  stop(): void
}

const maxAnswer = 16 << 20

/** A source that cannot be read keeps what it had. `changed` is told whenever something was read. */
export function newDiscovery(job: ScrapeConfig, host: Host, changed: () => void): Discovery {
  const { clock, log } = host
  const failures = () => host.counter('discovery_failures', 'Reads of target lists that failed.', { job: job.job_name })
  const found = new Map<string, readonly TargetGroup[]>()
  const timers = new Map<number, { cancel(): void }>()
  const stopping = new AbortController()
  const fetchers: PageFetcher[] = []
  const failed = (source: string, error: unknown) => {
    failures().add(1)
    log.warn(`targets of job ${job.job_name} could not be read, those known stay`, { source, error: String(error) })
  }
  const readFiles = (patterns: readonly string[]) => {
    for (const file of patterns.flatMap((pattern) => glob(pattern))) {
      try {
        found.set(file, groupsOf(parse(readFileSync(file, 'utf8')), { __meta_filepath: file }))
      } catch (error) {
        failed(file, error)
      }
    }
  }
  const every = (number: number, ms: number, look: () => void | Promise<void>) => {
    const again = async () => {
      await look()
      if (stopping.signal.aborted) return
      changed()
      timers.set(
        number,
        clock.after(ms, () => void again()),
      )
    }
    void again()
  }
  return {
    groups: () => [...job.static_configs, ...[...found.values()].flat()],
    start() {
      let number = 0
      for (const { files, refresh_interval } of job.file_sd_configs) {
        every(number++, refresh_interval, () => readFiles(files))
      }
      for (const service of job.http_sd_configs) {
        const fetcher = newPageFetcher(
          {
            url: service.url,
            headers: { Accept: 'application/json' },
            credentials: authorizationOf(service, host),
            compression: true,
            intervalMs: service.refresh_interval,
            maxBytes: maxAnswer,
            tls: service.url.startsWith('https:') ? jobTls(service.tls_config, host) : undefined,
            serverName: service.tls_config.server_name ?? '',
            followRedirects: service.follow_redirects,
          },
          host.budget,
        )
        fetchers.push(fetcher)
        every(number++, service.refresh_interval, async () => {
          const timeout = new AbortController()
          const timer = clock.after(service.refresh_interval, () => timeout.abort(new Error('no answer in time')))
          try {
            const { body } = await fetcher.fetch(AbortSignal.any([stopping.signal, timeout.signal]))
            found.set(service.url, groupsOf(JSON.parse(body.toString()), { __meta_url: service.url }))
          } catch (error) {
            if (!stopping.signal.aborted) failed(service.url, error)
          } finally {
            timer.cancel()
          }
        })
      }
    },
    stop() {
      stopping.abort()
      for (const timer of timers.values()) timer.cancel()
      for (const fetcher of fetchers) fetcher.close()
    },
  }
}

/** Reads `[{"targets": ["host:9100"], "labels": {"az": "z1"}}]`; throws when it is something else. */
export function groupsOf(value: unknown, meta: Readonly<Record<string, string>>): TargetGroup[] {
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) throw new Error('expected a list of {targets: [...], labels: {...}}')
  return value.map((group: { targets?: unknown; labels?: unknown } | null) => {
    const { targets, labels = {} } = group ?? {}
    if (!Array.isArray(targets) || !targets.every((target) => typeof target === 'string'))
      throw new Error('expected targets to be a list of addresses such as "host:9100"')
    if (typeof labels !== 'object') throw new Error('expected labels to be a map from name to text')
    const texts = Object.entries(labels ?? {}).map(([name, text]) => [name, String(text)] as const)
    return { targets, labels: { ...Object.fromEntries(texts), ...meta } }
  })
}
