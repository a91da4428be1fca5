import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { appGuid, apps, manyApps } from './driver/payload.ts'
import type { SinkKind } from './driver/sinks.ts'

/** What a role is started with, once its destinations listen. */
export interface RoleSetup {
  /** Destinations by name. */
  sinks: Record<string, SinkKind>
  /** The text of the configuration, where it is none of `config/`. */
  config?: string
  /** URLs of drains with the app that is bound to each, for the binding cache it asks; none: it asks no cache. */
  drains?(address: Record<string, string>): readonly [url: string, app: string][]
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
  /** Of the binding cache. */
  cacheUrl: string
}

export type RoleName =
  | 'forwarder-agent'
  | 'forwarder-agent with otlp'
  | 'loggregator-agent'
  | 'udp-forwarder'
  | 'statsd-injector'
  | 'prom-scraper'
  | 'syslog to syslog'
  | 'syslog-agent'
  | 'syslog-binding-cache'
  | 'syslog-agent with tcp'
  | 'syslog-agent with tls'
  | 'syslog-agent with https-batch'
  | 'syslog-agent with https'
  | 'syslog-agent with apps'
  | 'syslog-agent with apps, one apart'
  | 'syslog-agent with 1,000 drains'
  | 'otlp to otlp'
  | 'otlp to otlp, batch'
  | 'otlp to otlp, edits'
  | 'otlp to otlp, gzip'
  | 'otlp to otlp, on disk'
  | 'otlp to otlp, on disk, synced'
  | 'otlphttp to otlphttp'
  | 'otlphttp to otlphttp, gzip'
  | 'prometheus to otlp'

const three: Record<string, SinkKind> = { one: 'envelopes', two: 'envelopes', three: 'envelopes' }
const grpcListens = /grpc bound to: (\S+)$/
const udpListens = /udp bound to: (\S+)$/
const statsdListens = /statsd-injector listener at (\S+)$/

/** An aggregate drain, of this kind and with this URL scheme. */
const aggregate = (kind: SinkKind, scheme: string): RoleSetup => ({
  sinks: { drain: kind },
  listens: grpcListens,
  env: (use) => ({
    ...syslogAgent(use),
    AGGREGATE_DRAIN_URLS: `${scheme}://${use.address.drain}${scheme.startsWith('https') ? '/drain' : ''}?${everything}`,
  }),
})
const everything = 'include-metrics-deprecated=true'

/** A drain for each application; `drainOf` names the destination. */
const appDrains = (sinks: RoleSetup['sinks'], drainOf: (app: number) => string, count = apps): RoleSetup => ({
  sinks,
  listens: grpcListens,
  drains: (address) =>
    Array.from({ length: count }, (_, app) => [
      `syslog://${address[drainOf(app)]}?${everything}&app=${app}`,
      appGuid(app),
    ]),
  env: syslogAgent,
})

// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration.
const out = '${env:OUT}'
const plainOtlp = { endpoint: out, tls: { insecure: true }, compression: 'none' }
const plainHttp = { endpoint: `http://${out}`, compression: 'none' }
const isTask = (path: string) => ({ [path]: ['attributes["process_type"] == "task"'] })
/** Four attributes added, one item in ten dropped. */
const edits = {
  attributes: {
    actions: Object.entries({ deployment: 'cf', job: 'diego-cell', index: '4f6a2c1e', ip: '10.0.16.21' }).map(
      ([key, value]) => ({ key, value, action: 'insert' }),
    ),
  },
  filter: { logs: isTask('log_record'), metrics: isTask('datapoint'), traces: isTask('span') },
}

/** One pipeline of each signal from OTLP to OTLP, in plain text. */
function otlpRole(
  sink: SinkKind,
  exporter: Record<string, object>,
  processors: Record<string, object> = {},
  extensions: Record<string, object> = {},
): RoleSetup {
  const [name] = Object.keys(exporter)
  const protocol = sink === 'otlphttp' ? 'http' : 'grpc'
  const pipeline = { receivers: ['otlp'], processors: Object.keys(processors), exporters: [name] }
  return {
    sinks: { otlp: sink },
    config: JSON.stringify({
      receivers: { otlp: { protocols: { [protocol]: { endpoint: '127.0.0.1:0' } } } },
      processors,
      exporters: exporter,
      extensions,
      service: {
        extensions: Object.keys(extensions),
        pipelines: { logs: pipeline, metrics: pipeline, traces: pipeline },
      },
    }),
    env: ({ address, work }) => ({ OUT: address.otlp!, WORK: work }),
    listens:
      protocol === 'grpc' ? /listening for OTLP over grpc address=(\S+)/ : /listening for OTLP over http address=(\S+)/,
  }
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration.
const folder = { directory: '${env:WORK}/queues', create_directory: true }
/** The sending queue stands on disk. */
const onDisk = (storage: object): RoleSetup =>
  otlpRole(
    'otlp-plain',
    { otlp: { ...plainOtlp, sending_queue: { storage: 'file_storage' } } },
    {},
    { file_storage: { ...folder, ...storage } },
  )

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
  'syslog to syslog': {
    sinks: { server: 'syslog' },
    config: JSON.stringify({
      receivers: { syslog: { tcp: { listen_address: '127.0.0.1:0' } } },
      exporters: {
        syslog: {
          endpoint: '127.0.0.1',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration.
          port: '${env:PORT}',
          network: 'tcp',
          enable_octet_counting: true,
          tls: { insecure: true },
        },
      },
      service: { pipelines: { logs: { receivers: ['syslog'], exporters: ['syslog'] } } },
    }),
    env: ({ address }) => ({ PORT: address.server!.split(':')[1]! }),
    listens: /listening for syslog by TCP address=(\S+)/,
  },
  'syslog-agent': { sinks: {}, listens: grpcListens, env: syslogAgent },
  'syslog-binding-cache': {
    sinks: {},
    env: ({ certs, work }) => {
      writeFileSync(join(work, 'aggregate_drains.yml'), '[]\n')
      return {
        ...agentFiles(certs, 'API_CA_FILE_PATH', 'API_CERT_FILE_PATH', 'API_KEY_FILE_PATH'),
        ...agentFiles(certs, 'CACHE_CA_FILE_PATH', 'CACHE_CERT_FILE_PATH', 'CACHE_KEY_FILE_PATH'),
        ...agentFiles(
          certs,
          'LOGGREGATOR_AGENT_CA_FILE_PATH',
          'LOGGREGATOR_AGENT_CERT_FILE_PATH',
          'LOGGREGATOR_AGENT_KEY_FILE_PATH',
        ),
        ...metrics(certs),
        API_URL: 'https://127.0.0.1:9',
        API_COMMON_NAME: 'cloud-controller',
        AGGREGATE_DRAINS_FILE: join(work, 'aggregate_drains.yml'),
        CACHE_PORT: '0',
        CACHE_COMMON_NAME: 'metron',
      }
    },
  },
  'syslog-agent with tcp': aggregate('syslog', 'syslog'),
  'syslog-agent with tls': aggregate('syslog-tls', 'syslog-tls'),
  'syslog-agent with https-batch': aggregate('https', 'https-batch'),
  'syslog-agent with https': aggregate('https', 'https'),
  'syslog-agent with apps': appDrains({ drain: 'syslog' }, () => 'drain'),
  'syslog-agent with apps, one apart': appDrains({ drain: 'syslog', apart: 'syslog' }, (app) =>
    app === 0 ? 'apart' : 'drain',
  ),
  'syslog-agent with 1,000 drains': appDrains({ drain: 'syslog' }, () => 'drain', manyApps),
  'otlp to otlp': otlpRole('otlp-plain', { otlp: plainOtlp }),
  'otlp to otlp, batch': otlpRole('otlp-plain', { otlp: plainOtlp }, { batch: {} }),
  'otlp to otlp, edits': otlpRole('otlp-plain', { otlp: plainOtlp }, { ...edits, batch: {} }),
  'otlp to otlp, on disk': onDisk({}),
  'otlp to otlp, on disk, synced': onDisk({ max_loss: '0s' }),
  'otlp to otlp, gzip': otlpRole('otlp-plain', { otlp: { ...plainOtlp, compression: 'gzip' } }),
  'otlphttp to otlphttp': otlpRole('otlphttp', { otlphttp: plainHttp }),
  'otlphttp to otlphttp, gzip': otlpRole('otlphttp', { otlphttp: { ...plainHttp, compression: 'gzip' } }),
  'prometheus to otlp': {
    sinks: { otlp: 'otlp-plain' },
    page: 10_000,
    config: JSON.stringify({
      receivers: {
        prometheus: {
          config: {
            scrape_configs: [
              // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the configuration.
              { job_name: 'bench', scrape_interval: '1s', static_configs: [{ targets: ['127.0.0.1:${env:PAGE}'] }] },
            ],
          },
        },
      },
      processors: { batch: {} },
      exporters: { otlp: plainOtlp },
      service: { pipelines: { metrics: { receivers: ['prometheus'], processors: ['batch'], exporters: ['otlp'] } } },
    }),
    env: ({ address, pagePort }) => ({ OUT: address.otlp!, PAGE: String(pagePort) }),
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

/** The file behind a role: one of `config/`, or its own, written to `work`. */
export function configOf(role: RoleName, work: string): string {
  const { config } = roles[role]
  if (config === undefined) return `config/${role.split(' ')[0]}.yaml`
  const file = join(work, 'tailrace.yaml')
  writeFileSync(file, config)
  return file
}

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

function syslogAgent({ certs, cacheUrl }: SetupUse): Record<string, string> {
  return {
    ...agentFiles(certs, 'AGENT_CA_FILE_PATH', 'AGENT_CERT_FILE_PATH', 'AGENT_KEY_FILE_PATH'),
    ...metrics(certs),
    AGENT_PORT: '0',
    LOGGREGATOR_AGENT_ADDR: '127.0.0.1:9',
    DRAIN_TRUSTED_CA_FILE: join(certs, 'ca.crt'),
    ...(cacheUrl && {
      ...agentFiles(certs, 'CACHE_CA_FILE_PATH', 'CACHE_CERT_FILE_PATH', 'CACHE_KEY_FILE_PATH'),
      CACHE_URL: cacheUrl,
      CACHE_COMMON_NAME: 'binding-cache',
    }),
  }
}

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
