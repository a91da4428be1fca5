import { object } from '../../config/fields.ts'
import { actionList, actionsOf } from '../../ottl/action-fields.ts'
import { compileActions } from '../../ottl/actions.ts'
import { matchFields } from '../../ottl/match-fields.ts'
import { compileMatch } from '../../ottl/matcher.ts'
import { defineProcessor } from '../../plugin.ts'
import { editor, everyLevel } from '../../telemetry/pass.ts'
import { pathOf } from '../../telemetry/paths.ts'

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
    return editor({
      writes: 1 << map!.level,
      reads: includes || excludes ? everyLevel : 0,
      each(site) {
        if ((includes === undefined || includes(site)) && !excludes?.(site)) run(site)
        return true
      },
    })
  },
})
