import {
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
} from '../../config/fields.ts'

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
    honor_labels: bool()
      .default(false)
      .describe('Labels of the page win over those of the target. Off: they become `exported_<name>`.'),
    sample_limit: int({ min: 0 })
      .default(0)
      .describe('Most samples of a page; one with more is a failed scrape. 0: no limit.'),
    body_size_limit: size({ min: 1 }).optional().describe('Most bytes of a page, unpacked. Left out: 64MiB.'),
    static_configs: list(staticConfig()).describe('What to scrape.'),
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
    scrape_configs: list(scrapeConfig()).default([]).describe('Jobs with static targets, as in Prometheus.'),
  })
    .default({})
    .describe("The static part of Prometheus' configuration."),
})

export type PrometheusConfig = ConfigOf<typeof config>
export type ScrapeConfig = PrometheusConfig['config']['scrape_configs'][number]
