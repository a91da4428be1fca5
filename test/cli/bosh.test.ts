import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { root } from '../repository/process.ts'
import { hasRuby, type JobInput, jobNames, processOf, readSpec, readTemplates, renderJob } from '../support/bosh-job.ts'
import { certificate } from '../support/certificates.ts'
import { newFolder } from '../support/folder.ts'

const config = join(root, 'config')

/** Three properties with the texts of a certificate: `tls.ca_cert`, `tls.cert`, `tls.key`. */
function pems(at: string, name: string, ca = 'ca_cert') {
  const files = certificate(name)
  const text = (path: string) => readFileSync(path, 'utf8')
  return { [`${at}${ca}`]: text(files.ca), [`${at}cert`]: text(files.cert), [`${at}key`]: text(files.key) }
}

const metrics = (name: string) => ({ ...pems('metrics.', name), 'metrics.server_name': name })
const agentTls = () => ({
  'loggregator.tls.ca_cert': pems('', 'metron').ca_cert,
  'loggregator.tls.agent.cert': pems('', 'metron').cert,
  'loggregator.tls.agent.key': pems('', 'metron').key,
})
const cacheLink = { address: 'cache.internal', properties: { external_port: 9000, default_drain_metadata: false } }

interface Case extends JobInput {
  /** What the process must be told. */
  readonly env: Readonly<Record<string, string>>
}

/** Each job with the least that it needs, and links. */
const cases: Record<string, () => Case> = {
  'loggr-forwarder-agent': () => ({
    properties: { ...pems('tls.', 'metron'), ...metrics('forwarder_agent_metrics'), tags: { job: 'mine', x: 'y' } },
    env: { AGENT_TAGS: 'deployment:cf,job:mine,index:instance-id,ip:10.0.0.1,x:y', EMIT_OTEL_LOGS: 'true' },
  }),
  loggregator_agent: () => ({
    properties: { ...agentTls(), ...metrics('loggregator_agent_metrics') },
    links: { doppler: { address: 'doppler.internal' } },
    env: { ROUTER_ADDR: 'doppler.internal:8082', AGENT_DEPLOYMENT: 'cf', AGENT_JOB: 'diego-cell' },
  }),
  'loggr-udp-forwarder': () => ({
    properties: { ...pems('loggregator.tls.', 'metron', 'ca'), ...metrics('loggr_udp_forwarder_metrics') },
    env: { LOGGREGATOR_AGENT_ADDR: 'localhost:3458', INDEX: 'instance-id', METRICS_PORT: '14829' },
  }),
  prom_scraper: () => ({
    properties: { ...metrics('prom_scraper_metrics'), ...pems('scrape.tls.', 'client') },
    links: {
      loggregator: {
        address: 'doppler.internal',
        properties: { ...agentTls(), ...pems('loggregator.tls.doppler.', 'doppler') },
      },
    },
    env: { DEFAULT_SOURCE_ID: 'diego-cell', SCRAPE_INTERVAL: '15s' },
  }),
  statsd_injector: () => ({
    properties: {
      'loggregator.tls.ca_cert': pems('', 'statsdinjector').ca_cert,
      'loggregator.tls.statsd_injector.cert': pems('', 'statsdinjector').cert,
      'loggregator.tls.statsd_injector.key': pems('', 'statsdinjector').key,
    },
    env: { STATSD_PORT: '8125' },
  }),
  'loggr-syslog-agent': () => ({
    properties: {
      ...pems('tls.', 'metron'),
      ...pems('cache.tls.', 'syslog-agent'),
      'cache.tls.cn': 'binding-cache',
      blacklisted_syslog_ranges: [{ start: '10.0.0.0', end: '10.0.0.9' }],
      ...metrics('syslog_agent_metrics'),
    },
    links: { binding_cache: cacheLink },
    env: {
      CACHE_URL: 'https://cache.internal:9000',
      DEFAULT_DRAIN_METADATA: 'false',
      BLACKLISTED_SYSLOG_RANGES: '10.0.0.0-10.0.0.9',
    },
  }),
  'loggr-syslog-binding-cache': () => ({
    properties: {
      external_port: 9000,
      aggregate_drains: 'syslog://one.example:514, syslog://two.example:514',
      ...pems('tls.', 'binding-cache'),
      'tls.cn': 'binding-cache',
      ...pems('api.tls.', 'client'),
      'api.tls.cn': 'cloud-controller-ng.service.cf.internal',
      ...pems('loggregator.tls.', 'client'),
      ...metrics('syslog_binding_cache_metrics'),
    },
    links: { cloud_controller: { address: 'cc.internal' } },
    env: { API_URL: 'https://cc.internal:9023', CACHE_PORT: '9000' },
  }),
  'otel-collector': () => ({
    properties: {
      ...pems('ingress.grpc.tls.', 'otel-collector'),
      config: {
        receivers: { 'otlp/placeholder': null },
        exporters: { otlp: { endpoint: 'otelcol:4317' } },
        service: { pipelines: { metrics: { receivers: ['otlp/placeholder'], exporters: ['otlp'] } } },
      },
    },
    env: { MEMORY_LIMIT: '256MiB', INGRESS_PORT: '9100' },
  }),
  syslog_forwarder: () => ({
    properties: { 'syslog.address': 'logs.example.com', 'syslog.tls_enabled': true, ...pems('metrics.', 'client') },
    env: { SYSLOG_PLAINTEXT: 'false', DEPLOYMENT: 'cf', INSTANCE_GROUP: 'diego-cell', AZ: 'z1' },
  }),
  'tailrace-vm': () => ({
    properties: {
      ...pems('tls.', 'metron'),
      ...pems('metrics.', 'forwarder_agent_metrics'),
      'doppler.override_url': 'doppler.internal',
    },
    env: { ROUTER_ADDR: 'doppler.internal:8082', FORWARDER_AGENT_METRICS_PORT: '14823' },
  }),
}

/** Properties that the text of a template reads. */
const propertiesIn = (text: string): string[] =>
  [...text.matchAll(/(?<![.\w])(?:p|if_p)\('([^']+)'/g)].map(([, name]) => name!)

test('every role file that replaces a process has a job', () => {
  const templates = jobNames().map((job) => readTemplates(job)['bpm.yml.erb'])
  const roles = readdirSync(config).filter((name) => name !== 'demo.yaml')
  for (const role of roles) expect(templates.join('\n')).toContain(`/var/vcap/packages/tailrace/config/${role}'`)
  expect(Object.keys(cases).toSorted()).toEqual(jobNames())
})

describe.each(jobNames())('%s', (job) => {
  test('its spec names its templates and properties, and nothing else', () => {
    const spec = readSpec(job)
    expect(spec.name).toBe(job)
    const { monit, ...templates } = readTemplates(job)
    expect(Object.keys(spec.templates).toSorted()).toEqual(Object.keys(templates).toSorted())
    const used = new Set([monit!, ...Object.values(templates)].flatMap(propertiesIn))
    const provided = (spec.provides ?? []).flatMap(({ properties }) => properties)
    expect(Object.keys(spec.properties).toSorted()).toEqual([...new Set([...used, ...provided])].toSorted())
  })

  test('sets variables that its role reads', () => {
    const [, role] = /tailrace\/config\/([\w-]+\.yaml)'/.exec(readTemplates(job)['bpm.yml.erb']!) ?? []
    const known = readFileSync(join(config, role!), 'utf8')
    const [, ...names] = readTemplates(job)['bpm.yml.erb']!.split(/^\s+(?=')/m)
    const variables = names.flatMap((line) => /^'([A-Z][A-Z_0-9]+)' =>/.exec(line)?.[1] ?? [])
    expect(variables.length).toBeGreaterThan(5)
    const own = ['RUNTIME_DIRECTORY', 'NODE_COMPILE_CACHE']
    for (const name of variables) if (!own.includes(name)) expect(known, name).toMatch(new RegExp(`env:${name}\\b`))
  })

  test.skipIf(!hasRuby)('rendered, its configuration is sound (needs ruby)', () => {
    const { env, ...input } = cases[job]!()
    const out = newFolder()
    renderJob(job, out, input)
    const { executable, args, env: given } = processOf(job, out)
    expect(given).toMatchObject(env)
    expect(args[0]).toBe('run')
    const { PATH, HOME } = process.env
    const check = spawnSync(executable, ['check', ...args.slice(1)], { env: { PATH, HOME, ...given } })
    expect([String(check.stderr), check.status]).toEqual([expect.not.stringContaining('TR_CONFIG'), 0])
    for (const [, path] of JSON.stringify(given).matchAll(/"([^"]*\/certs\/[^"]*)"/g))
      expect(existsSync(path!), path).toBe(true)
    expect(readFileSync(join(out, 'monit'), 'utf8')).toContain(`bpm start ${job}"`)
  })
})

describe.skipIf(!hasRuby)('rendered (needs ruby)', () => {
  const rendered = (job: string, more: JobInput = {}) => {
    const { properties, links } = cases[job]!()
    const out = newFolder()
    renderJob(job, out, { properties: { ...properties, ...more.properties }, links: more.links ?? links ?? {} })
    return (path: string) => readFileSync(join(out, path), 'utf8')
  }

  test.each([
    ['the operator says so', { properties: { enabled: false } }],
    ['there is no Doppler', { links: {} }],
  ])('the loggregator agent does not run, and nobody is sent to it, when %s', (_, input) => {
    const read = rendered('loggregator_agent', input)
    expect(read('monit')).not.toContain('check process')
    expect(read('bin/pre-start')).toMatch(/^#!\/bin\/sh\n[\s\S]*rm -f .*ingress_port\.yml/)
  })

  test('downstream agents say where they are found', () => {
    expect(parse(rendered('loggr-syslog-agent')('config/ingress_port.yml'))).toEqual({ ingress: 3458 })
    expect(parse(rendered('otel-collector')('config/ingress_port.yml'))).toEqual({ ingress: 9100, protocol: 'otelcol' })
  })

  test('aggregate drains may be a text or a list', () => {
    const path = 'config/aggregate_drains.yml'
    const urls = [{ url: 'syslog://one.example:514' }, { url: 'syslog://two.example:514' }]
    expect(parse(rendered('loggr-syslog-binding-cache')(path))).toEqual(urls)
    const list = [{ url: 'syslog-tls://a.example:6514', ca: 'PEM' }]
    expect(parse(rendered('loggr-syslog-binding-cache', { properties: { aggregate_drains: list } })(path))).toEqual(
      list,
    )
  })

  test('pipelines of the collector get what comes from the forwarder agent, whatever they name', () => {
    expect(parse(rendered('otel-collector')('config/config.yml'))).toEqual({
      exporters: { otlp: { endpoint: 'otelcol:4317' } },
      service: { pipelines: { metrics: { receivers: ['otlp/cf-internal-local'], exporters: ['otlp'] } } },
    })
  })

  test('a property that a job does not have is named', () => {
    expect(() => rendered('prom_scraper', { properties: { nonsense: 1 } })).toThrow('no property nonsense')
  })
})
