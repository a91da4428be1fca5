import { clientTlsFrom } from '../../net/tls-settings.ts'
import { type Host, sleep } from '../../plugin.ts'
import { type BindingsClient, newBindingsClient } from './bindings-client.ts'
import type { SyslogDrainsConfig } from './config.ts'
import { aggregateList, aggregateSpecs, type Merged, mergeBindings } from './merge.ts'
import type { Notices } from './notices.ts'
import { newPoller, type Poller, withJitter } from './poller.ts'
import type { Registry } from './registry.ts'

/** Who is told which drains there are to be. */
export type DrainLists = Pick<Registry, 'setApps' | 'setAggregates'>

export interface BindingsWatchOptions {
  config: SyslogDrainsConfig
  host: Host
  lists: DrainLists
  notices: Notices
  /** From [0, 1). */
  random?: () => number
}

/** The start waits this long for the first answers; a cache that is away must not keep the agent from its work. */
const startWaitMs = 5000

/** Keeps the drains as the cache, or the configuration, wants them; whatever fails, those there were stay. */
export function newBindingsWatch(options: BindingsWatchOptions): { start(): Promise<void>; stop(): void } {
  const { config, host, lists, notices, random = Math.random } = options
  const { clock, log } = host
  const client = newClient(config, host)
  const pollers: Poller[] = []
  const refreshes = host.counter('binding_refreshes', 'Times the cache was asked for bindings.')
  let latencyMs = 0
  let beyond = 0
  let known: Merged['urls'] = new Map()
  host.gauge('last_binding_refresh_ms', 'How long the last request took; 0 after a failure.', () => latencyMs)
  host.gauge('drains_beyond_limit', 'Drains left out because their application has too many.', () => beyond)

  const refreshApps = async (asked: BindingsClient) => {
    refreshes.add(1)
    const began = clock.monotonic()
    try {
      const list = await asked.bindings()
      latencyMs = clock.monotonic() - began
      if (!list) return
      // Ten thousand drains are read, merged and compared in 20 ms each: not all in one turn.
      await nextTurn()
      const merged = mergeBindings(list, {
        defaultMetadata: config.default_metadata,
        perApp: config.max_drains_per_app,
        known,
      })
      known = merged.urls
      await nextTurn()
      beyond = merged.beyond
      if (merged.invalid > 0 && config.warn_on_invalid_drains) log.line(invalidDrains)
      for (const { app, message } of merged.refusals) notices.tell(app, message)
      lists.setApps(merged.apps)
    } catch (error) {
      latencyMs = 0
      log.line(`failed to fetch bindings: fetching v2/bindings failed: ${(error as Error).message}`)
    }
  }
  const refreshAggregates = async (asked: BindingsClient) => {
    try {
      const list = await asked.aggregate()
      if (list) setAggregates(aggregateList(list))
    } catch (error) {
      log.line(`failed to connect to cache for aggregate drains: ${(error as Error).message}`)
    }
  }
  const setAggregates = (list: ReturnType<typeof aggregateList>) =>
    lists.setAggregates(aggregateSpecs(list, config.default_metadata, (message) => log.error(message)))

  return {
    async start() {
      const written = config.aggregate_drains.filter((url) => url.trim() !== '')
      if (written.length > 0) setAggregates(written.map((url) => ({ url: url.trim() })))
      if (!client) {
        lists.setApps(new Map())
        if (written.length === 0) lists.setAggregates([])
        return
      }
      const everyMs = withJitter(config.bindings.polling_interval, random)
      pollers.push(newPoller(everyMs, clock, () => refreshApps(client)))
      if (written.length === 0)
        pollers.push(newPoller(config.aggregate_refresh_interval, clock, () => refreshAggregates(client)))
      const first = Promise.all(pollers.map((poller) => poller.start()))
      const done = new AbortController()
      await Promise.race([first.then(() => done.abort()), sleep(clock, startWaitMs, done.signal)])
    },
    stop() {
      for (const poller of pollers) poller.stop()
    },
  }
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

const invalidDrains =
  'Invalid drains detected in the Syslog Agent. This should not happen. Check your Syslog Binding Cache and its API'

/** As in the original, the presence of an authority switches the cache on. */
function newClient({ bindings }: SyslogDrainsConfig, host: Host): BindingsClient | undefined {
  const { url, tls, timeout: timeoutMs } = bindings
  const settings = clientTlsFrom(tls, host)
  if (url === '' || !settings || !(tls?.ca_file || tls?.ca_pem)) return undefined
  return newBindingsClient({ url, tls: settings, serverName: tls.server_name_override, timeoutMs, clock: host.clock })
}
