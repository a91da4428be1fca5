import { defineConnector, object, oneOf } from '../../plugin.ts'
import { formats } from '../../telemetry/format.ts'

/** Leads pipelines into pipelines: what several of them bring goes on together, without a hop. */
export default defineConnector({
  type: 'forward',
  stability: 'beta',
  summary: 'Hands what pipelines bring to other pipelines of the same process.',
  config: object({
    format: oneOf(formats).describe(
      'What it hands on. Pipelines of another kind in front of it or behind are converted.',
    ),
  }),
  takes: ({ format }) => [format],
  makes: ({ format }) => [format],
  create: ({ next }) => ({ consume: (batch) => next.consume(batch) }),
})
