import { object } from '../../config/fields.ts'
import { actionList, actionsOf } from '../../ottl/action-fields.ts'
import { compileActions } from '../../ottl/actions.ts'
import { matchFields } from '../../ottl/match-fields.ts'
import { compileMatch } from '../../ottl/matcher.ts'
import { type Batch, defineProcessor } from '../../plugin.ts'
import { pathOf } from '../../telemetry/paths.ts'
import { Site } from '../../telemetry/site.ts'

/** Changes the attributes of log records, data points and spans, and the tags of envelopes. */
export default defineProcessor({
  type: 'attributes',
  stability: 'beta',
  summary: 'Inserts, updates, deletes, hashes, extracts and converts attributes of records.',
  takes: ['envelopes', 'dropsonde', 'logs', 'metrics', 'traces'],
  readsOrigins: ({ actions }) => actions.some((each) => each.from_context !== undefined),
  config: object({
    include: matchFields().optional().describe('Only records that match this are changed.'),
    exclude: matchFields().optional().describe('Records that match this are not changed; asked after include.'),
    actions: actionList().describe('What to do, in this order.'),
  }),
  create({ config, format }) {
    const { map } = pathOf('attributes', [], format)
    const run = compileActions(actionsOf(config.actions), map!)
    const includes = config.include && compileMatch(config.include, format, 'include')
    const excludes = config.exclude && compileMatch(config.exclude, format, 'exclude')
    const site = new Site()
    return (batch: Batch) => {
      site.begin(batch)
      for (let i = 0; i < batch.count; i++) {
        site.at(batch.rowAt(i))
        if ((includes === undefined || includes(site)) && !excludes?.(site)) run(site)
      }
      return site.finish(batch)
    }
  },
})
