import { bool, duration, int, list, object, oneOf, text } from '../../config/fields.ts'
import { patternFault } from '../../ottl/go-regex.ts'
import { defineProcessor, newLogSeries } from '../../plugin.ts'
import { Converter } from './converter.ts'
import { newMatcher } from './matcher.ts'
import { Streams } from './streams.ts'

const types = ['sum', 'histogram', 'exponentialhistogram'] as const

const match = (what: string) =>
  object({
    metrics: list(text()).default([]).describe(`Names, or patterns of names, of metrics that are ${what}.`),
    match_type: oneOf(['strict', 'regexp']).optional().describe('Whether these are names or regular expressions.'),
    metric_types: list(oneOf(types)).default([]).describe(`Types of metrics that are ${what}.`),
    regexp: object({
      cacheenabled: bool().default(false).describe('Accepted as in the Collector; nothing is cached.'),
      cachemaxnumentries: int({ min: 0 }).default(0).describe('Accepted as in the Collector.'),
    }).optional(),
  })
    .superRefine(({ metrics, match_type: how }, ctx) => {
      const wrong = (path: PropertyKey[], message: string) => ctx.addIssue({ code: 'custom', path, message })
      if (metrics.length > 0 && !how) wrong(['match_type'], 'match_type must be set if metrics are supplied')
      if (metrics.length === 0 && how) wrong(['metrics'], 'metrics must be supplied if match_type is set')
      if (how !== 'regexp') return
      for (const [i, pattern] of metrics.entries()) {
        const fault = patternFault(pattern)
        if (fault) wrong(['metrics', i], fault)
      }
    })
    .default({})

const notes = {
  reset: 'a counter fell: what it has counted since is passed on',
  mismatch: 'the buckets of a histogram changed: a point of it is not passed on',
  older: 'a point is older than the one before it: it is not passed on',
  series_limit: 'there is no room for another stream (max_streams): a point is not passed on',
  memory: 'there is no memory for another stream: a point is not passed on',
} as const

/** Makes deltas of cumulative sums and histograms: each point says what came since the one before it. */
export default defineProcessor({
  type: 'cumulativetodelta',
  aliases: ['cumulative_to_delta'],
  stability: 'beta',
  summary: 'Turns cumulative sums and histograms into deltas.',
  takes: ['metrics'],
  config: object({
    include: match('converted'),
    exclude: match('not converted'),
    max_staleness: duration()
      .default('0')
      .describe('A stream of which nothing came for so long is forgotten; 0: when there is no room for others.'),
    initial_value: oneOf(['auto', 'keep', 'drop'])
      .default('auto')
      .describe(
        'Whether the first point of a stream is passed on: if the stream began after this process; always; never.',
      ),
    max_streams: int({ min: 1 }).default(100_000).describe('Streams that are remembered, at most.'),
  }),
  create({ config, host }) {
    const { clock } = host
    const { max_staleness: staleMs } = config
    const streams = new Streams(config.max_streams, staleMs, host)
    const log = newLogSeries(host.log, clock)
    const resets = host.counter('resets', 'Points that were smaller than the one before them.')
    host.gauge('streams', 'Streams that are remembered.', () => streams.count)
    host.total('expired_streams', 'Streams that were forgotten because nothing came.', () => streams.expired)
    const converter = new Converter({
      streams,
      initial: config.initial_value,
      matches: newMatcher(config.include, config.exclude),
      now: () => clock.monotonic(),
      madeMs: clock.now(),
      drop: (reason, batch, i) => host.dropped(reason, 1, batch, i),
      consumed: (points) => host.consumed(points),
      note(what, metric) {
        if (what === 'reset') resets.add(1)
        else log.note(what, `${notes[what]}: ${JSON.stringify(metric)}`)
      },
    })
    let timer = staleMs > 0 ? clock.after(staleMs, sweep) : undefined
    function sweep() {
      streams.sweep()
      timer = clock.after(staleMs, sweep)
    }
    return {
      process: (batch) => converter.process(batch),
      async stop() {
        timer?.cancel()
        streams.close()
        log.close()
      },
    }
  },
})
