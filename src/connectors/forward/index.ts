import { defineConnector, object, oneOf } from '../../plugin.ts'
import { formats } from '../../telemetry/format.ts'

/** Leads pipelines into pipelines: what several of them bring goes on together, without a hop. */
export default defineConnector({
  type: 'forward',
  stability: 'beta',
  summary: 'Hands what pipelines bring to other pipelines of the same process.',
  config: object({
    format: oneOf(formats)
      .optional()
      .describe(
        'What it hands on; pipelines of another kind in front of it or behind are converted. Left out: whatever comes, each kind to pipelines of its own.',
      ),
  }),
  keepsFormat: true,
  takes: ({ format }) => (format ? [format] : formats),
  makes: ({ format }) => (format ? [format] : formats),
  create: ({ next }) => ({ consume: (batch) => next.consume(batch) }),
})
