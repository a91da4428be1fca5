import {
  bool,
  type ConfigOf,
  duration,
  int,
  list,
  map,
  number,
  object,
  oneOf,
  path,
  secret,
  size,
  text,
  url,
} from '../../config/fields.ts'
import { refusedHttp, refusedOfJob } from './refused-options.ts'
import { relabelActions, relabelFault } from './relabel.ts'

const scrapeTls = () =>
  object({
    ca_file: path()
      .optional()
      .describe('PEM file of the authorities that may have signed the target. Left out: those of the system.'),
    ca: text().optional().describe('The same, inline.'),
    cert_file: path().optional().describe('PEM file of the own certificate.'),
    cert: text().optional().describe('The same, inline.'),
    key_file: path().optional().describe('PEM file of the own private key.'),
    key: secret().optional().describe('The same, inline.'),
    server_name: text().optional().describe("Name to expect in the target's certificate instead of the address."),
    insecure_skip_verify: bool().default(false).describe('TLS without checking who the target is.'),
    min_version: oneOf(['TLS12', 'TLS13']).default('TLS12').describe('Least TLS version.'),
    max_version: oneOf(['TLS12', 'TLS13']).default('TLS13').describe('Highest TLS version.'),
  })

const auth = () => ({
  basic_auth: object({
    username: text().optional().describe('User.'),
    username_file: path().optional().describe('File with the user.'),
    password: secret().optional().describe('Password.'),
    password_file: path().optional().describe('File with the password, read again when it changes.'),
  })
    .refine((its) => its.password === undefined || its.password_file === undefined, {
      path: ['password_file'],
      message: 'at most one of basic_auth password & password_file must be configured',
    })
    .refine((its) => its.username === undefined || its.username_file === undefined, {
      path: ['username_file'],
      message: 'at most one of basic_auth username & username_file must be configured',
    })
    .optional()
    .describe('HTTP basic authentication.'),
  authorization: object({
    type: text().default('Bearer').describe('Scheme of the header.'),
    credentials: secret().optional().describe('Token.'),
    credentials_file: path().optional().describe('File with the token, read again when it changes.'),
  })
    .refine((its) => its.credentials === undefined || its.credentials_file === undefined, {
      path: ['credentials_file'],
      message: 'at most one of authorization credentials & credentials_file must be configured',
    })
    .refine((its) => !/^basic$/i.test(its.type), {
      path: ['type'],
      message: 'authorization type cannot be set to "basic", use "basic_auth" instead',
    })
    .optional()
    .describe('The header `Authorization`.'),
  bearer_token: secret().optional().describe('Short for `authorization: {credentials: ...}`.'),
  bearer_token_file: path().optional().describe('Short for `authorization: {credentials_file: ...}`.'),
  tls_config: scrapeTls().default({}).describe('TLS, with scheme `https`.'),
  follow_redirects: bool().default(true).describe('Off: an answer that points elsewhere is a failure.'),
  enable_http2: bool().default(true).describe('Accepted; pages are asked for by HTTP/1.1.'),
  ...refusedHttp,
})

/** At most one way to say who we are, as in Prometheus. */
const ways = ['basic_auth', 'authorization', 'bearer_token', 'bearer_token_file'] as const
type Ways = { readonly [way in (typeof ways)[number]]?: unknown }
const hasOneWay = (its: Ways) => ways.filter((way) => its[way] !== undefined).length <= 1
const oneWay = { path: ['authorization'], message: `at most one of ${ways.join(', ')} must be configured` }

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
  }).refine(hasOneWay, oneWay)

const staticConfig = () =>
  object({
    targets: list().describe('Addresses, `host:port`; without a port 80 or 443.'),
    labels: map()
      .default({})
      .describe('Labels of every sample. Envelopes: `source_id` and `instance_id` set those fields.'),
  })

const nativeText = 'Accepted; native histograms come by protobuf alone, which is not asked for.'

/** What a page may have; `more` says what none means. */
export const limits = (more: string) => ({
  sample_limit: int({ min: 0 })
    .default(0)
    .describe(`Most samples of a page; one with more is a failed scrape. ${more}`),
  target_limit: int({ min: 0 })
    .default(0)
    .describe(`Most targets of a job, after its rules; with more none of them is scraped. ${more}`),
  label_limit: int({ min: 0 }).default(0).describe(`Most labels of a sample, its name included. ${more}`),
  label_name_length_limit: int({ min: 0 }).default(0).describe(`Longest name of a label in bytes. ${more}`),
  label_value_length_limit: int({ min: 0 }).default(0).describe(`Longest value of a label in bytes. ${more}`),
  body_size_limit: size().default(0).describe(`Most bytes of a page, unpacked. ${more}`),
})

/** How Prometheus calls the forms of a page, and how a request asks for those that are read here. */
const protocolTypes = {
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
  'PrometheusText1.0.0': '',
  PrometheusProto: '',
} as const
const protocolNames = Object.keys(protocolTypes) as (keyof typeof protocolTypes)[]

const protocols = () =>
  list(oneOf(protocolNames))
    .default(['OpenMetricsText1.0.0', 'PrometheusText0.0.4'])
    .refine((names) => names.some((name) => protocolTypes[name] !== ''), {
      error: 'none of these is read here; add PrometheusText0.0.4 or OpenMetricsText1.0.0',
    })

/** The header `Accept`, the first form with most weight. */
export function acceptOf(names: readonly (keyof typeof protocolTypes)[]): string {
  const types = names.map((name) => protocolTypes[name]).filter((type) => type !== '')
  return [...types.map((type, i) => `${type};q=0.${types.length - i + 3}`), '*/*;q=0.1'].join(',')
}

export const scrapeConfig = () =>
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
    track_timestamps_staleness: bool().default(false).describe('Accepted; series that are gone are ended always.'),
    enable_compression: bool().default(true).describe('Ask for gzip.'),
    scrape_protocols: protocols().describe('Forms to ask for, the dearest first. Left out: all that are read here.'),
    fallback_scrape_protocol: oneOf(protocolNames).optional().describe('Accepted; an unknown type is read as text.'),
    max_series: int({ min: 0 })
      .default(0)
      .describe('Most series of a target; a page with more is a failed scrape that names the culprit. 0: no limit.'),
    ...limits('Left out or 0: that of `global`.'),
    keep_dropped_targets: int({ min: 0 }).default(0).describe('Accepted; dropped targets are not kept.'),
    metric_name_validation_scheme: oneOf(['legacy', 'utf8']).optional().describe('Accepted; names stay as they are.'),
    metric_name_escaping_scheme: text().optional().describe('Accepted; names stay as they are.'),
    scrape_native_histograms: bool().optional().describe(nativeText),
    scrape_classic_histograms: bool().optional().describe(nativeText),
    always_scrape_classic_histograms: bool().optional().describe(nativeText),
    native_histogram_bucket_limit: int({ min: 0 }).default(0).describe(nativeText),
    native_histogram_min_bucket_factor: number().default(0).describe(nativeText),
    convert_classic_histograms_to_nhcb: bool()
      .default(false)
      .refine((on) => !on, { error: 'is not supported: histograms keep their buckets' })
      .describe('Must be false: histograms keep their buckets.'),
    static_configs: list(staticConfig()).default([]).describe('What to scrape.'),
    file_sd_configs: list(fileSd()).default([]).describe('Targets listed by files.'),
    http_sd_configs: list(httpSd()).default([]).describe('Targets listed by a service.'),
    relabel_configs: list(relabelConfig())
      .default([])
      .describe('Rules on targets: `__address__`, `__scheme__`, `__metrics_path__`, `__param_<name>`, `__meta_*`.'),
    metric_relabel_configs: list(relabelConfig()).default([]).describe('Rules on samples; `__name__` is their name.'),
    ...refusedOfJob,
  }).refine(hasOneWay, oneWay)

export type ScrapeConfig = ConfigOf<ReturnType<typeof scrapeConfig>>
