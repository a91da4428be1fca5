import { attributeSetter, defineProcessor, fieldText, object, text } from 'tailrace/plugin'

/** The smallest plugin that does something: greets whoever a record names. */
export default defineProcessor({
  type: 'hello',
  stability: 'experimental',
  summary: 'Greets whoever a record names, in the tag `greeting`; a plugin to start from.',
  takes: ['envelopes', 'logs', 'metrics', 'traces'],
  config: object({
    greeting: text().default('hello').describe('What stands in front of the name.'),
    name: text().default('source_id').describe('Field with the name: `source_id`, `attributes["user"]`.'),
  }),
  create({ config, host, format }) {
    const nameOf = fieldText(format, config.name)
    const setGreeting = attributeSetter(format, 'greeting')
    const greetings = host.counter('greetings', 'Records that were greeted.')
    return (batch) =>
      setGreeting(batch, (record) => {
        const name = nameOf(record)
        if (!name) return undefined
        greetings.add(1)
        return `${config.greeting}, ${name}`
      })
  },
})
