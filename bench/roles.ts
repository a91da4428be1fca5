import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SinkKind } from './driver/sinks.ts'

/** What a role is started with, once its destinations listen. */
export interface RoleSetup {
  /** Destinations by name. */
  sinks: Record<string, SinkKind>
  /** Series of the page it scrapes, if it does. */
  page?: number
  env(use: SetupUse): Record<string, string>
  /** The pattern in its log whose first group is where it takes load; none: it fetches by itself. */
  listens?: RegExp
}

export interface SetupUse {
  /** Folder with ca.crt, metron.crt and so on. */
  certs: string
  /** Scratch folder of this start. */
  work: string
  /** `127.0.0.1:40123` of each destination. */
  address: Record<string, string>
  pagePort: number
}

export type RoleName =
  | 'forwarder-agent'
  | 'forwarder-agent with otlp'
  | 'loggregator-agent'
  | 'udp-forwarder'
  | 'statsd-injector'
  | 'prom-scraper'

const three: Record<string, SinkKind> = { one: 'envelopes', two: 'envelopes', three: 'envelopes' }
const grpcListens = /grpc bound to: (\S+)$/
const udpListens = /udp bound to: (\S+)$/
const statsdListens = /statsd-injector listener at (\S+)$/

/** The environment variables are those of the original agents. */
export const roles: Record<RoleName, RoleSetup> = {
  'forwarder-agent': { sinks: three, env: forwarder, listens: grpcListens },
  'forwarder-agent with otlp': { sinks: { ...three, otlp: 'otlp' }, env: forwarder, listens: grpcListens },
  'loggregator-agent': {
    sinks: { doppler: 'envelopes' },
    listens: grpcListens,
    env: ({ certs, address }) => ({
      ...agentFiles(certs, 'AGENT_CA_FILE', 'AGENT_CERT_FILE', 'AGENT_KEY_FILE'),
      ...metrics(certs),
      AGENT_PORT: '0',
      AGENT_DISABLE_UDP: 'true',
      ROUTER_ADDR: address.doppler!,
      ...bosh('AGENT_'),
      AGENT_TAGS: tags,
    }),
  },
  'udp-forwarder': {
    sinks: { agent: 'envelopes' },
    listens: udpListens,
    env: ({ certs, address }) => ({
      UDP_PORT: '0',
      LOGGREGATOR_AGENT_ADDR: address.agent!,
      ...agentFiles(
        certs,
        'LOGGREGATOR_AGENT_CA_FILE_PATH',
        'LOGGREGATOR_AGENT_CERT_FILE_PATH',
        'LOGGREGATOR_AGENT_KEY_FILE_PATH',
      ),
      ...bosh(''),
      ...metrics(certs),
    }),
  },
  'statsd-injector': {
    sinks: { agent: 'envelopes' },
    listens: statsdListens,
    env: ({ certs, address }) => ({
      STATSD_HOST: '127.0.0.1',
      STATSD_PORT: '0',
      METRON_PORT: address.agent!.split(':')[1]!,
      ...agentFiles(certs, 'CA', 'CERT', 'KEY'),
    }),
  },
  'prom-scraper': {
    sinks: { agent: 'envelopes' },
    page: 10_000,
    env: ({ certs, address, work, pagePort }) => {
      const lines = [`port: ${pagePort}`, 'source_id: bench', 'instance_id: "0"', 'scheme: http']
      writeFileSync(join(work, 'prom_scraper_config.yml'), `${lines.join('\n')}\n`)
      return {
        LOGGREGATOR_AGENT_ADDR: address.agent!,
        ...agentFiles(certs, 'CA_CERT_PATH', 'CLIENT_CERT_PATH', 'CLIENT_KEY_PATH'),
        DEFAULT_SOURCE_ID: 'bench',
        CONFIG_GLOBS: join(work, 'prom_scraper_config.yml'),
        SCRAPE_INTERVAL: '1s',
        ...metrics(certs),
      }
    },
  },
}

/** The file in `config/` behind a role. */
export const configOf = (role: RoleName): string => `config/${role.split(' ')[0]}.yaml`

const tags = 'deployment:cf,job:diego-cell,index:0,ip:10.0.0.1'

const bosh = (prefix: string) => ({
  [`${prefix}DEPLOYMENT`]: 'cf',
  [`${prefix}JOB`]: 'router',
  [`${prefix}INDEX`]: '4',
  [`${prefix}IP`]: '10.0.0.1',
})

function agentFiles(certs: string, ca: string, cert: string, key: string): Record<string, string> {
  return { [ca]: join(certs, 'ca.crt'), [cert]: join(certs, 'metron.crt'), [key]: join(certs, 'metron.key') }
}

const metrics = (certs: string) => ({
  METRICS_PORT: '0',
  ...agentFiles(certs, 'METRICS_CA_FILE_PATH', 'METRICS_CERT_FILE_PATH', 'METRICS_KEY_FILE_PATH'),
})

function forwarder({ certs, address, work }: SetupUse): Record<string, string> {
  for (const [name, at] of Object.entries(address)) {
    const folder = join(work, name)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    const protocol = name === 'otlp' ? 'protocol: otelcol\n' : ''
    writeFileSync(join(folder, 'ingress_port.yml'), `ingress: ${at.split(':')[1]}\n${protocol}`)
  }
  return {
    ...agentFiles(certs, 'AGENT_CA_FILE_PATH', 'AGENT_CERT_FILE_PATH', 'AGENT_KEY_FILE_PATH'),
    ...metrics(certs),
    AGENT_PORT: '0',
    AGENT_TAGS: tags,
    DOWNSTREAM_INGRESS_PORT_GLOB: join(work, '*', 'ingress_port.yml'),
    EMIT_OTEL_TRACES: 'true',
    EMIT_OTEL_METRICS: 'true',
    EMIT_OTEL_LOGS: 'true',
  }
}
