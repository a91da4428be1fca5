import {
  anything,
  bool,
  type ConfigOf,
  duration,
  int,
  list,
  map,
  object,
  oneOf,
  path,
  secret,
  size,
  text,
  tlsClient,
  url,
} from '../../config/fields.ts'
import { relabelActions, relabelFault } from './relabel.ts'

const scrapeTls = () =>
  object({
    ca_file: path()
      .optional()
      .describe('PEM file of the authorities that may have signed the target. Left out: those of the system.'),
    cert_file: path().optional().describe('PEM file of the own certificate.'),
    key_file: path().optional().describe('PEM file of the own private key.'),
    server_name: text().optional().describe("Name to expect in the target's certificate instead of the address."),
    insecure_skip_verify: bool().default(false).describe('TLS without checking who the target is.'),
    min_version: oneOf(['TLS12', 'TLS13']).default('TLS12').describe('Least TLS version.'),
  })

const auth = () => ({
  basic_auth: object({
    username: text().describe('User.'),
    password: secret().describe('Password.'),
  })
    .optional()
    .describe('HTTP basic authentication.'),
  authorization: object({
    type: text().default('Bearer').describe('Scheme of the header.'),
    credentials: secret().describe('Token.'),
  })
    .optional()
    .describe('The header `Authorization`.'),
  bearer_token: secret().optional().describe('Short for `authorization: {credentials: ...}`.'),
  tls_config: scrapeTls().default({}).describe('TLS, with scheme `https`.'),
  follow_redirects: bool().default(true).describe('Off: an answer that points elsewhere is a failure.'),
})

const relabelConfig = () =>
  object({
    source_labels: list().default([]).describe('Labels whose values are joined.'),
    separator: text().default(';').describe('Put between them.'),
    regex: text().default('(.*)').describe('Expression (RE2) that must match all of it, or the name of a label.'),
    target_label: text().optional().describe('Label that is written or compared with.'),
    replacement: text().default('$1').describe('What is written; `$1` is a group of the expression.'),
    modulus: int({ min: 1 }).optional().describe('Of `hashmod`.'),
    action: oneOf(relabelActions).default('replace').describe('What to do.'),
  }).superRefine((rule, report) => {
    const message = relabelFault(rule)
    if (message) report.addIssue({ code: 'custom', path: ['regex'], message })
  })

const fileSd = () =>
  object({
    files: list().describe('Patterns of files, JSON or YAML, with a list of `{targets: [...], labels: {...}}`.'),
    refresh_interval: duration({ min: '1ms' }).default('5m').describe('How often they are read again.'),
  })

const httpSd = () =>
  object({
    url: url().describe('Answers such a list in JSON.'),
    refresh_interval: duration({ min: '1ms' }).default('60s').describe('How often it is asked again.'),
    ...auth(),
  })

/** Discoveries of Prometheus that are not here. */
const elsewhere = [
  'azure_sd_configs',
  'consul_sd_configs',
  'digitalocean_sd_configs',
  'dns_sd_configs',
  'docker_sd_configs',
  'dockerswarm_sd_configs',
  'ec2_sd_configs',
  'eureka_sd_configs',
  'gce_sd_configs',
  'hetzner_sd_configs',
  'kubernetes_sd_configs',
  'kuma_sd_configs',
  'lightsail_sd_configs',
  'linode_sd_configs',
  'marathon_sd_configs',
  'nomad_sd_configs',
  'openstack_sd_configs',
  'scaleway_sd_configs',
  'serverset_sd_configs',
  'triton_sd_configs',
  'uyuni_sd_configs',
] as const

const refused = Object.fromEntries(
  elsewhere.map((name) => [
    name,
    anything()
      .optional()
      .refine((value) => value === undefined, {
        error: `${name} is not supported: let a program list the targets for file_sd_configs or http_sd_configs`,
      })
      .describe('Not supported: list targets by file_sd_configs or http_sd_configs.'),
  ]),
) as unknown as Record<(typeof elsewhere)[number], ReturnType<typeof anything>>

const staticConfig = () =>
  object({
    targets: list().describe('Addresses, `host:port`; without a port 80 or 443.'),
    labels: map()
      .default({})
      .describe('Labels of every sample. Envelopes: `source_id` and `instance_id` set those fields.'),
  })

const scrapeConfig = () =>
  object({
    job_name: text({ notEmpty: true }).describe('Name of the job: `service.name`, and the source id of envelopes.'),
    scrape_interval: duration({ min: '1ms' }).optional().describe('How often. Left out: `global.scrape_interval`.'),
    scrape_timeout: duration({ min: '1ms' })
      .optional()
      .describe('Left out: `global.scrape_timeout`, else the interval, and at least 1s.'),
    metrics_path: text().default('/metrics').describe('Path of the page.'),
    scheme: oneOf(['http', 'https']).default('http').describe('How to ask.'),
    params: map(list()).default({}).describe('Query parameters, each with a list of values.'),
    headers: map().default({}).describe('Headers of the request.'),
    ...auth(),
    honor_labels: bool()
      .default(false)
      .describe('Labels of the page win over those of the target. Off: they become `exported_<name>`.'),
    honor_timestamps: bool()
      .default(false)
      .describe('Times of the page count for metrics. Off: the time of the scrape does.'),
    label_limit: int({ min: 0 }).default(0).describe('Most labels of a sample, its name included; 0: no limit.'),
    label_name_length_limit: int({ min: 0 }).default(0).describe('Longest name of a label in bytes; 0: no limit.'),
    label_value_length_limit: int({ min: 0 }).default(0).describe('Longest value of a label in bytes; 0: no limit.'),
    max_series: int({ min: 0 })
      .default(0)
      .describe('Most series of a target; a page with more is a failed scrape that names the culprit. 0: no limit.'),
    sample_limit: int({ min: 0 })
      .default(0)
      .describe('Most samples of a page; one with more is a failed scrape. 0: no limit.'),
    body_size_limit: size({ min: 1 }).optional().describe('Most bytes of a page, unpacked. Left out: 64MiB.'),
    static_configs: list(staticConfig()).default([]).describe('What to scrape.'),
    file_sd_configs: list(fileSd()).default([]).describe('Targets listed by files.'),
    http_sd_configs: list(httpSd()).default([]).describe('Targets listed by a service.'),
    relabel_configs: list(relabelConfig())
      .default([])
      .describe('Rules on targets: `__address__`, `__scheme__`, `__metrics_path__`, `__param_<name>`, `__meta_*`.'),
    metric_relabel_configs: list(relabelConfig()).default([]).describe('Rules on samples; `__name__` is their name.'),
    ...refused,
  })

/** Settings of the receiver. */
export const config = object({
  target_globs: list()
    .default([])
    .describe(
      'Patterns of target files (docs in the README): each names one page on this machine. Read once, at start.',
    ),
  default_source_id: text().default('').describe('Source id of envelopes when neither sample nor target has one.'),
  scrape_interval: duration({ min: '1ms' }).default('15s').describe('Interval of target files that name none.'),
  body_size_limit: size({ min: 1 })
    .default('64MiB')
    .describe('Most bytes of a page, unpacked; a larger one is a failed scrape.'),
  tls: tlsClient().default({}).describe('TLS towards the pages of target files; a file may name other certificates.'),
  config: object({
    global: object({
      scrape_interval: duration({ min: '1ms' }).default('1m').describe('Interval of jobs that name none.'),
      scrape_timeout: duration({ min: '1ms' }).optional().describe('Timeout of jobs that name none.'),
    })
      .default({})
      .describe('What jobs have in common.'),
    scrape_configs: list(scrapeConfig()).default([]).describe('Jobs, as in Prometheus.'),
  })
    .default({})
    .describe("Prometheus' configuration, as far as it is about scraping."),
})

export type PrometheusConfig = ConfigOf<typeof config>
export type ScrapeConfig = PrometheusConfig['config']['scrape_configs'][number]
