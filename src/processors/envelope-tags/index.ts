import { map, object, text } from '../../config/fields.ts'
import { defineProcessor } from '../../plugin.ts'
import { newTagger } from './tagger.ts'
import { newV1BatchTagger } from './v1-tagger.ts'

/** Tags as Loggregator's agents set them: deprecated tags win, defaults fill gaps. */
export default defineProcessor({
  type: 'envelope_tags',
  stability: 'beta',
  summary: 'Copies deprecated tags to tags and fills in default tags, as the Loggregator agents do.',
  takes: ['envelopes', 'dropsonde'],
  config: object({
    tags: map().default({}).describe('Tags for envelopes that have no tag of that name. An empty value counts as one.'),
    deployment: text().default('').describe('Field `deployment` of v1 envelopes that have none.'),
    job: text().default('').describe('Field `job` of v1 envelopes that have none.'),
    index: text().default('').describe('Field `index` of v1 envelopes that have none.'),
    ip: text().default('').describe('Field `ip` of v1 envelopes that have none.'),
  }),
  create: ({ config, format }) => (format === 'dropsonde' ? newV1BatchTagger(config) : newTagger(config.tags)),
})
