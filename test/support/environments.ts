import { certificate } from './certificates.ts'
import { newFolder } from './folder.ts'

// The variables of each original process, with certificates that fit and ports 0.

const metrics = (name: string): Record<string, string> => {
  const { ca, cert, key } = certificate(name)
  return { METRICS_CA_FILE_PATH: ca, METRICS_CERT_FILE_PATH: cert, METRICS_KEY_FILE_PATH: key }
}

/** An agent that a forwarder finds by its ingress port file. */
export interface Downstream {
  port: number
  protocol?: string
}

export function forwarderEnv(downstreams: readonly Downstream[] = []): Record<string, string> {
  const { ca, cert, key } = certificate('metron')
  const files = downstreams.map(({ port, protocol }, i) => [
    `job-${i}/ingress_port.yml`,
    `ingress: ${port}\n${protocol ? `protocol: ${protocol}\n` : ''}`,
  ])
  return {
    AGENT_PORT: '0',
    AGENT_CA_FILE_PATH: ca,
    AGENT_CERT_FILE_PATH: cert,
    AGENT_KEY_FILE_PATH: key,
    DOWNSTREAM_INGRESS_PORT_GLOB: `${newFolder(Object.fromEntries(files))}/*/ingress_port.yml`,
    ...metrics('forwarder_agent_metrics'),
  }
}

export function udpForwarderEnv(agent: string): Record<string, string> {
  const { ca, cert, key } = certificate('metron')
  return {
    UDP_PORT: '0',
    LOGGREGATOR_AGENT_ADDR: agent,
    LOGGREGATOR_AGENT_CA_FILE_PATH: ca,
    LOGGREGATOR_AGENT_CERT_FILE_PATH: cert,
    LOGGREGATOR_AGENT_KEY_FILE_PATH: key,
    ...metrics('loggr_udp_forwarder_metrics'),
  }
}

export function statsdInjectorEnv(metronPort: number): Record<string, string> {
  const { ca, cert, key } = certificate('statsdinjector')
  return { STATSD_HOST: '127.0.0.1', STATSD_PORT: '0', METRON_PORT: String(metronPort), CA: ca, CERT: cert, KEY: key }
}

export function promScraperEnv(agent: string, globs: string): Record<string, string> {
  const { ca, cert, key } = certificate('client')
  return {
    LOGGREGATOR_AGENT_ADDR: agent,
    CA_CERT_PATH: ca,
    CLIENT_CERT_PATH: cert,
    CLIENT_KEY_PATH: key,
    DEFAULT_SOURCE_ID: 'default-source',
    CONFIG_GLOBS: globs,
    ...metrics('prom_scraper_metrics'),
  }
}

export function loggregatorAgentEnv(router: string): Record<string, string> {
  const { ca, cert, key } = certificate('metron')
  return {
    AGENT_PORT: '0',
    AGENT_INCOMING_UDP_PORT: '0',
    AGENT_CA_FILE: ca,
    AGENT_CERT_FILE: cert,
    AGENT_KEY_FILE: key,
    ROUTER_ADDR: router,
    METRICS_PORT: '0',
    ...metrics('loggregator_agent_metrics'),
  }
}

export interface SyslogAgentOptions {
  /** `https://127.0.0.1:40123`; without it no cache is asked. */
  cache?: string | undefined
  /** Where lines for applications go. */
  agent?: string
  /** URLs of aggregate drains, commas between. */
  aggregate?: string
}

/** Drains are trusted by the authority of all throw-away certificates; the cache is asked ten times a second. */
export function syslogAgentEnv({
  cache,
  agent = '127.0.0.1:9',
  aggregate = '',
}: SyslogAgentOptions = {}): Record<string, string> {
  const { ca, cert, key } = certificate('metron')
  const toCache = certificate('syslog-agent')
  return {
    AGENT_PORT: '0',
    AGENT_CA_FILE_PATH: ca,
    AGENT_CERT_FILE_PATH: cert,
    AGENT_KEY_FILE_PATH: key,
    LOGGREGATOR_AGENT_ADDR: agent,
    DRAIN_TRUSTED_CA_FILE: ca,
    AGGREGATE_DRAIN_URLS: aggregate,
    ...(cache && {
      CACHE_URL: cache,
      CACHE_CA_FILE_PATH: toCache.ca,
      CACHE_CERT_FILE_PATH: toCache.cert,
      CACHE_KEY_FILE_PATH: toCache.key,
      CACHE_COMMON_NAME: 'binding-cache',
      CACHE_POLLING_INTERVAL: '100ms',
      AGGREGATE_CONNECTION_REFRESH_INTERVAL: '200ms',
    }),
    ...metrics('syslog_agent_metrics'),
  }
}

export interface BindingCacheOptions {
  /** The Cloud Controller: `https://127.0.0.1:40123`. */
  api: string
  /** Port of the agent that takes lines for applications. */
  agentPort?: number
  /** The text of the file of aggregate drains. */
  aggregate?: string
}

export function bindingCacheEnv({
  api,
  agentPort = 9,
  aggregate = '[]\n',
}: BindingCacheOptions): Record<string, string> {
  const own = certificate('binding-cache')
  const { ca, cert, key } = certificate('client')
  return {
    API_URL: api,
    API_CA_FILE_PATH: ca,
    API_CERT_FILE_PATH: cert,
    API_KEY_FILE_PATH: key,
    API_COMMON_NAME: 'cloud-controller-ng.service.cf.internal',
    API_POLLING_INTERVAL: '100ms',
    AGGREGATE_DRAINS_FILE: `${newFolder({ 'aggregate_drains.yml': aggregate })}/aggregate_drains.yml`,
    CACHE_PORT: '0',
    CACHE_CA_FILE_PATH: own.ca,
    CACHE_CERT_FILE_PATH: own.cert,
    CACHE_KEY_FILE_PATH: own.key,
    CACHE_COMMON_NAME: 'binding-cache',
    LOGGREGATOR_AGENT_HOST: '127.0.0.1',
    LOGGREGATOR_AGENT_PORT: String(agentPort),
    LOGGREGATOR_AGENT_CA_FILE_PATH: ca,
    LOGGREGATOR_AGENT_CERT_FILE_PATH: cert,
    LOGGREGATOR_AGENT_KEY_FILE_PATH: key,
    ...metrics('syslog_binding_cache_metrics'),
  }
}

export interface VmOptions {
  downstreams?: readonly Downstream[]
  /** `host:port` of Doppler. */
  router: string
  /** Target files of the scraper. */
  globs?: string
}

export function vmEnv({ downstreams = [], router, globs = '' }: VmOptions): Record<string, string> {
  const pages = ['FORWARDER_AGENT', 'LOGGREGATOR_AGENT', 'UDP_FORWARDER', 'PROM_SCRAPER']
  return {
    ...forwarderEnv(downstreams),
    UDP_PORT: '0',
    STATSD_HOST: '127.0.0.1',
    STATSD_PORT: '0',
    ROUTER_ADDR: router,
    DEFAULT_SOURCE_ID: 'default-source',
    CONFIG_GLOBS: globs,
    ...Object.fromEntries(pages.map((page) => [`${page}_METRICS_PORT`, '0'])),
  }
}
