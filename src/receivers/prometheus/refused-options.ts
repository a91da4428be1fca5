import { refused } from '../../config/refused.ts'

const list = 'let a program list the targets for file_sd_configs or http_sd_configs'

/** Discoveries of Prometheus that are not here. */
const discoveries = [
  'azure',
  'consul',
  'digitalocean',
  'dns',
  'docker',
  'dockerswarm',
  'ec2',
  'eureka',
  'gce',
  'hetzner',
  'kubernetes',
  'kuma',
  'lightsail',
  'linode',
  'marathon',
  'nomad',
  'openstack',
  'scaleway',
  'serverset',
  'triton',
  'uyuni',
] as const

const direct = 'pages are asked directly; let the proxy rewrite the address of the target'

/** Of whatever asks by HTTP: a job, a discovery. */
export const refusedHttp = refused({
  oauth2: 'write a token to a file and name it in authorization.credentials_file',
  proxy_url: direct,
  proxy_connect_header: direct,
  proxy_from_environment: direct,
  no_proxy: direct,
  http_headers: 'write headers: {Name: value}',
})

/** Of a job. */
export const refusedOfJob = refused({
  scrape_failure_log_file: "failed scrapes are in the agent's log",
  ...(Object.fromEntries(discoveries.map((name) => [`${name}_sd_configs`, list])) as Record<
    `${(typeof discoveries)[number]}_sd_configs`,
    string
  >),
})

const noServer = 'nothing is stored or evaluated here'

/** Of Prometheus' configuration as a whole. */
export const refusedOfPrometheus = refused({
  scrape_config_files: 'write the jobs into scrape_configs',
  rule_files: noServer,
  alerting: noServer,
  remote_read: noServer,
  remote_write: 'add the exporter prometheusremotewrite to the pipeline',
  storage: noServer,
  tracing: noServer,
})

const startTimes =
  'leave it out, the Collector has dropped it in 0.143; counters start with `_created`, or with the first scrape of their target'

/** Of the receiver. */
export const refusedOfReceiver = refused({
  target_allocator: 'let http_sd_configs ask the allocator for /jobs/NAME/targets?collector_id=ID',
  api_server: 'status is on the page of the extension zpages',
  use_start_time_metric: startTimes,
  start_time_metric_regex: startTimes,
})
