import { Fault, parseDuration } from '../../config/units.ts'
import type { ClientTls } from '../../net/tls.ts'
import type { Host } from '../../plugin.ts'
import type { PrometheusConfig } from './config.ts'
import type { TargetGroup } from './discovery.ts'
import { compileRelabel, type LabelMap, type Relabel } from './relabel.ts'
import { acceptOf, type ScrapeConfig } from './scrape-config.ts'
import { authorizationOf, jobTls } from './scrape-requests.ts'
import { defaultTimeoutMs, type ScrapeTarget } from './scrape-target.ts'

/** Makes targets of what a job's lists and discoveries name. Throws when its certificates cannot be used. */
export function newTargetMaker(job: ScrapeConfig, config: PrometheusConfig, host: Host) {
  const relabel = compileRelabel(job.relabel_configs)
  const metricRelabel = compileRelabel(job.metric_relabel_configs)
  let tls: ClientTls | undefined
  const { global } = config.config
  const intervalMs = job.scrape_interval ?? global.scrape_interval
  const timeoutMs = job.scrape_timeout ?? (global.scrape_timeout && Math.min(global.scrape_timeout, intervalMs))
  const fixed = {
    headers: { Accept: acceptOf(job.scrape_protocols), ...job.headers },
    credentials: authorizationOf(job, host),
    compression: job.enable_compression,
    maxBytes: job.body_size_limit || global.body_size_limit || config.body_size_limit,
    sampleLimit: job.sample_limit || global.sample_limit,
    maxSeries: job.max_series,
    labelLimits: {
      count: job.label_limit || global.label_limit,
      nameLength: job.label_name_length_limit || global.label_name_length_limit,
      valueLength: job.label_value_length_limit || global.label_value_length_limit,
    },
    serverName: job.tls_config.server_name ?? '',
    negotiates: true,
    honorLabels: job.honor_labels,
    honorTimestamps: job.honor_timestamps,
    followRedirects: job.follow_redirects,
    metricRelabel,
    defaultSourceId: config.default_source_id,
  }
  if (job.scheme === 'https') tls = jobTls(job.tls_config, host)

  const allOf = (groups: readonly TargetGroup[]): Omit<ScrapeTarget, 'refused'>[] =>
    groups.flatMap(({ targets, labels: written }) =>
      targets.flatMap((address) => {
        const labels = describe(address, written, job, intervalMs, timeoutMs)
        if (!isKept(labels, relabel)) return []
        const scheme = labels.get('__scheme__')!
        if (scheme === 'https') tls ??= jobTls(job.tls_config, host)
        const interval = millis(labels.get('__scrape_interval__')!, intervalMs)
        const { source_id: sourceId, instance_id: instanceId, job: name, instance, ...rest } = plain(labels)
        return [
          {
            ...fixed,
            url: `${scheme}://${labels.get('__address__')}${pathOf(labels, job)}`,
            intervalMs: interval,
            timeoutMs: millis(labels.get('__scrape_timeout__') ?? '', timeoutMs ?? defaultTimeoutMs(interval)),
            tls: scheme === 'https' ? tls : undefined,
            labels: { ...rest, ...global.external_labels },
            sourceId: sourceId ?? name ?? '',
            instanceId: instanceId ?? '',
            job: name ?? '',
            instance: instance ?? labels.get('__address__')!,
          },
        ]
      }),
    )
  const targetLimit = job.target_limit || global.target_limit
  return (groups: readonly TargetGroup[]): ScrapeTarget[] => {
    const all = allOf(groups)
    const isTooMany = targetLimit > 0 && all.length > targetLimit
    // Which of them the limit would spare is nobody's choice: none is scraped, and all say why.
    const refused = isTooMany
      ? `target_limit exceeded (number of targets: ${all.length}, limit: ${targetLimit})`
      : undefined
    return all.map((target) => ({ ...target, refused }))
  }
}

/** What rules see of a target. */
function describe(
  address: string,
  written: Readonly<Record<string, string>>,
  job: ScrapeConfig,
  intervalMs: number,
  timeoutMs: number | undefined,
): LabelMap {
  const labels: LabelMap = new Map([
    ['job', job.job_name],
    ['__address__', address],
    ['__scheme__', job.scheme],
    ['__metrics_path__', job.metrics_path],
    ['__scrape_interval__', `${intervalMs}ms`],
    ...(timeoutMs === undefined ? [] : ([['__scrape_timeout__', `${timeoutMs}ms`]] as const)),
  ])
  for (const [name, [first]] of Object.entries(job.params)) if (first) labels.set(`__param_${name}`, first)
  for (const [name, value] of Object.entries(written)) labels.set(name, value)
  return labels
}

function isKept(labels: LabelMap, relabel: Relabel | undefined): boolean {
  if (relabel && !relabel(labels)) return false
  const scheme = labels.get('__scheme__')
  return Boolean(labels.get('__address__')) && (scheme === 'http' || scheme === 'https')
}

/** Labels with two underscores in front are for rules alone. */
const plain = (labels: LabelMap): Record<string, string> =>
  Object.fromEntries([...labels].filter(([name]) => !name.startsWith('__')))

function millis(text: string, otherwise: number): number {
  const ms = text === '' ? otherwise : parseDuration(text)
  return ms instanceof Fault || ms <= 0 ? otherwise : ms
}

function pathOf(labels: LabelMap, { params }: ScrapeConfig): string {
  const query = new URLSearchParams()
  for (const [name, values] of Object.entries(params)) {
    if (labels.has(`__param_${name}`)) query.append(name, labels.get(`__param_${name}`)!)
    for (const value of values.slice(1)) query.append(name, value)
  }
  for (const [name, value] of labels) {
    const parameter = name.startsWith('__param_') ? name.slice(8) : ''
    if (parameter !== '' && !Object.hasOwn(params, parameter)) query.append(parameter, value)
  }
  const written = labels.get('__metrics_path__') ?? '/metrics'
  const path = written.startsWith('/') ? written : `/${written}`
  return query.size > 0 ? `${path}?${query}` : path
}
