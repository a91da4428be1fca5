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
