import { object } from '../../config/fields.ts'
import { actionList, actionsOf } from '../../ottl/action-fields.ts'
import { compileActions } from '../../ottl/actions.ts'
import { defineProcessor } from '../../plugin.ts'
import { Level } from '../../telemetry/level.ts'
import { editor } from '../../telemetry/pass.ts'
import { pathOf } from '../../telemetry/paths.ts'

/** Changes the attributes of resources. */
export default defineProcessor({
  type: 'resource',
  stability: 'beta',
  summary: 'Inserts, updates, deletes, hashes, extracts and converts attributes of resources.',
  takes: ['logs', 'metrics', 'traces'],
  readsOrigins: ({ attributes }) => attributes.some((each) => each.from_context !== undefined),
  config: object({
    attributes: actionList().describe('What to do, in this order.'),
  }),
  create({ config, format }) {
    const { map } = pathOf('resource.attributes', [], format)
    const run = compileActions(actionsOf(config.attributes), map!)
    let last = -1
    return editor({
      writes: 1 << Level.resource,
      reads: 0,
      begin() {
        last = -1
      },
      each(site) {
        const resource = site.around(Level.resource)
        if (resource !== last) run(site)
        last = resource
        return true
      },
    })
  },
})
