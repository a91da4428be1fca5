import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type AppLines, newAppLines } from '../../drains/app-lines.ts'
import { encodeBindings } from '../../drains/bindings.ts'
import { newCredentialsCheck } from '../../drains/check-credentials.ts'
import { parseDenyRanges } from '../../drains/deny-ranges.ts'
import { newFailedNames } from '../../drains/failed-names.ts'
import { formatAddress } from '../../net/address.ts'
import { newGrpcClient } from '../../net/grpc-client.ts'
import { type HttpGetter, newHttpGetter } from '../../net/http-get.ts'
import { newHttpServer } from '../../net/http-server.ts'
import { newResolver } from '../../net/resolver.ts'
import { clientTlsFrom, serverTlsFrom } from '../../net/tls-settings.ts'
import { type Component, type Host, newLogSeries } from '../../plugin.ts'
import { type AggregateDrains, readAggregateDrains } from './aggregate-drains.ts'
import { type BindingPoller, newBindingPoller } from './binding-poller.ts'
import { bindingRoutes, servedList } from './binding-routes.ts'
import { type Complaints, newComplaints } from './complaints.ts'
import { fetchBindings } from './fetch-bindings.ts'
import type { BindingCacheConfig } from './settings.ts'
import { newValidator } from './validate-bindings.ts'

/** A header must have arrived within this time, as in the original. */
const READ_TIMEOUT_MS = 2000
/** Lines for applications that wait at most: a round may complain of every drain there is. */
const maxLines = 20_000

/** Everything of the extension, wired. Throws when files cannot be used, in the wording of the original. */
export function newBindingCache(config: BindingCacheConfig, host: Host): Component {
  const { log, clock } = host
  checkEndpoint(config)
  const tls = failing('failed to load server TLS config', () => serverTlsFrom(config.tls, host))
  const http = apiClient(config, host)
  const complaints = newComplaints({
    clock,
    log,
    everyMs: config.repeat_warnings,
    send: (lines) => {
      for (const { appId, message } of lines) appLines?.write(appId, message)
    },
  })
  const appLines = agentLines(config, host, complaints.failed)
  const aggregate = aggregateDrains(config, host)
  const poller = newPoller(config, host, http, complaints)
  observe(poller, aggregate, host)
  const server = newHttpServer({
    endpoint: config.endpoint,
    tls,
    routes: bindingRoutes(() => poller.state.list, servedList(encodeBindings(aggregate.drains))),
    readTimeoutMs: READ_TIMEOUT_MS,
    maxConnections: 10_000,
    log,
    clock,
  })
  return {
    async start() {
      const address = await server.start().catch((error: Error) => {
        throw new Error(`error creating listener: ${error.message}`, { cause: error })
      })
      log.info('serving bindings', { address: formatAddress(address) })
      poller.start()
      checkName(config, host)
    },
    async stop(deadline) {
      await Promise.all([poller.stop(), server.stop(deadline)])
      http.close()
      await appLines?.close()
    },
    ready: () => poller.state.list !== undefined,
  }
}

function newPoller(config: BindingCacheConfig, host: Host, http: HttpGetter, complaints: Complaints): BindingPoller {
  const { clock, log } = host
  const { api } = config
  const limits = { batchSize: api.batch_size, maxBytes: api.max_size, maxPages: api.max_pages }
  const checks = {
    resolver: newResolver({ timeoutMs: config.dns_timeout, clock }),
    deny: parseDenyRanges(config.blacklisted_syslog_ranges),
    failed: newFailedNames(clock),
    defaultMetadata: true,
  }
  return newBindingPoller({
    fetch: (signal) => fetchBindings(http, limits, signal),
    validator: newValidator(checks, newCredentialsCheck()),
    complain: config.warn_on_invalid_drains ? complaints.tell : () => {},
    log,
    clock,
    intervalMs: api.polling_interval,
  })
}

/** The answers hold private keys of tenants. */
function checkEndpoint({ endpoint, tls }: BindingCacheConfig): void {
  const loopback = ['127.0.0.1', '::1', 'localhost'].includes(endpoint.host)
  if (!loopback && !(tls?.client_ca_file && (tls.cert_file || tls.cert_pem)))
    throw new Error(
      `failed to load server TLS config: ${endpoint.text} is open to others and the bindings hold keys: set tls with client_ca_file, cert_file and key_file`,
    )
}

function apiClient({ api }: BindingCacheConfig, host: Host): HttpGetter {
  return newHttpGetter({
    origin: api.url,
    tls: failing('failed to load API client certificates', () => clientTlsFrom(api.tls, host)),
    serverName: api.tls?.server_name_override,
    timeoutMs: api.request_timeout,
    keepAlive: !api.disable_keep_alives,
    clock: host.clock,
  })
}

function agentLines({ agent }: BindingCacheConfig, host: Host, failed: Complaints['failed']): AppLines | undefined {
  if (!agent) return undefined
  const log = host.log.named('-> agent')
  const client = newGrpcClient({
    address: agent.endpoint.text,
    tls: failing('failed to configure client TLS', () => clientTlsFrom(agent.tls, host)),
    serverName: agent.tls?.server_name_override,
    backoff: { maxMs: 5000 },
    log,
    clock: host.clock,
  })
  const sent = host.counter('app_lines', 'Lines handed to the agent for application streams.', { fate: 'sent' })
  const dropped = host.counter('app_lines', 'Lines handed to the agent for application streams.', { fate: 'dropped' })
  const trouble = newLogSeries(log, host.clock)
  const lines = newAppLines({
    client,
    clock: host.clock,
    maxWaiting: maxLines,
    onSent: (count) => sent.add(count),
    onLost: (lost) => {
      dropped.add(lost.length)
      failed(lost.map(({ app, text }) => ({ appId: app, message: text })))
    },
    onTrouble: ({ message }) => trouble.note('stream', `lines for applications cannot be sent: ${message}`),
  })
  const close = async () => {
    await lines.close()
    trouble.close()
  }
  return { ...lines, close }
}

function aggregateDrains({ aggregate_drains_file: file }: BindingCacheConfig, host: Host): AggregateDrains {
  const aggregate = file ? readAggregateDrains(file) : { drains: null, warnings: [] }
  for (const warning of aggregate.warnings) host.log.warn(warning)
  return aggregate
}

function failing<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error })
  }
}

/** The original demands this name and does nothing with it. Agents verify it, so its absence is worth a line. */
function checkName({ common_name: name, tls }: BindingCacheConfig, host: Host): void {
  if (!name || !tls?.cert_file) return
  const own = new X509Certificate(readFileSync(tls.cert_file))
  if (own.checkHost(name) === undefined)
    host.log.warn(`our certificate does not carry the name ${name}: agents that expect it will refuse us`, {
      file: tls.cert_file,
    })
}

function observe({ state }: BindingPoller, { drains }: AggregateDrains, host: Host): void {
  host.gauge('cached_bindings', 'Different applications in the list.', () => state.apps)
  host.gauge('cached_drains', 'Drain URLs in the list.', () => state.drains)
  host.gauge('aggregate_drains', 'Drains that get everything.', () => drains?.length ?? 0)
  host.gauge('invalid_drains', 'Faults found in the last round.', () => state.last.invalid)
  host.gauge('blacklisted_drains', 'Drains with a denied address in the last round.', () => state.last.denied)
  host.gauge(
    'unresolved_kept_drains',
    'Drains kept though their name does not resolve.',
    () => state.last.unresolvedKept,
  )
  host.gauge('seconds_since_refresh', 'Age of the list; -1 before the first.', () =>
    state.goodAt === undefined ? -1 : (host.clock.monotonic() - state.goodAt) / 1000,
  )
  host.total('refreshes', 'Rounds begun.', () => state.rounds)
  for (const fault of Object.keys(state.failed) as (keyof typeof state.failed)[])
    host.total('refresh_errors', 'Rounds that came to nothing; the list stays as it was.', () => state.failed[fault], {
      fault,
    })
}
