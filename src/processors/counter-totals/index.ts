import { int, object } from '../../config/fields.ts'
import { defineProcessor } from '../../plugin.ts'
import { Series } from './series.ts'
import { newTotals } from './totals.ts'
import { newV1Totals } from './v1-totals.ts'

/** Running totals of counters, as Loggregator's agents keep them. */
export default defineProcessor({
  type: 'counter_totals',
  stability: 'beta',
  summary: 'Adds up the deltas of counters and writes running totals, as the Loggregator agents do.',
  takes: ['envelopes', 'dropsonde'],
  config: object({
    max_series: int({ min: 1, max: 10_000_000 })
      .default(10_000)
      .describe('Counters to remember. When there are more, the one that was not seen for longest is forgotten.'),
  }),
  create({ config, host, format }) {
    const evicted = host.counter('series_evicted', 'Counters that were forgotten because there were too many.')
    const series = new Series(config.max_series, host.budget, () => evicted.add(1))
    host.gauge('series', 'Counters that are remembered.', () => series.count)
    const process = format === 'dropsonde' ? newV1Totals(series) : newTotals(series)
    return { process, stop: async () => series.close() }
  },
})
