import { bool, type ConfigOf, duration, list, map, object, size, text, tlsClient } from '../../config/fields.ts'
import { refusedOfPrometheus, refusedOfReceiver } from './refused-options.ts'
import { limits, scrapeConfig } from './scrape-config.ts'

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
  trim_metric_suffixes: bool()
    .default(false)
    .describe('Names of metrics lose `_total`, and the unit that the page says they have. Envelopes keep them.'),
  ...refusedOfReceiver,
  config: object({
    global: object({
      scrape_interval: duration({ min: '1ms' }).default('1m').describe('Interval of jobs that name none.'),
      scrape_timeout: duration({ min: '1ms' })
        .optional()
        .describe('Timeout of jobs that name none; at most their interval.'),
      evaluation_interval: duration().optional().describe('Accepted; there are no rules to evaluate.'),
      external_labels: map().default({}).describe('Labels of every sample; they win over those of targets.'),
      ...limits('0: no limit.'),
    })
      .refine((its) => its.scrape_timeout === undefined || its.scrape_timeout <= its.scrape_interval, {
        path: ['scrape_timeout'],
        message: 'global scrape timeout greater than scrape interval',
      })
      .default({})
      .describe('What jobs have in common.'),
    scrape_configs: list(scrapeConfig()).default([]).describe('Jobs, as in Prometheus.'),
    ...refusedOfPrometheus,
  })
    .superRefine(({ global, scrape_configs: jobs }, report) => {
      const names = new Set<string>()
      for (const [index, job] of jobs.entries()) {
        const wrong = (key: string, message: string) =>
          report.addIssue({ code: 'custom', path: ['scrape_configs', index, key], message })
        const name = JSON.stringify(job.job_name)
        if ((job.scrape_timeout ?? 0) > (job.scrape_interval ?? global.scrape_interval))
          wrong('scrape_timeout', `scrape timeout greater than scrape interval for scrape config with job name ${name}`)
        if (names.has(job.job_name)) wrong('job_name', `found multiple scrape configs with job name ${name}`)
        names.add(job.job_name)
      }
    })
    .default({})
    .describe("Prometheus' configuration, as far as it is about scraping."),
})

export type PrometheusConfig = ConfigOf<typeof config>
