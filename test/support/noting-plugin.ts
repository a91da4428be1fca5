import {
  type Admission,
  defineExporter,
  defineExtension,
  defineProcessor,
  object,
  oneOf,
  Refused,
} from '../../src/plugin.ts'

// Components that log what happens to them, for tests of the order of things.

const about = { stability: 'experimental', summary: 'Logs what happens to it, for tests.' } as const

const exporter = defineExporter({
  ...about,
  type: 'noting',
  config: object({ does: oneOf(['take', 'refuse', 'throw']).default('take').describe('What it does with a batch.') }),
  takes: ['logs', 'metrics', 'traces'],
  delivery: { semantics: 'none', order: 'kept', on_kill: 'everything' },
  create({ config, host }) {
    const queue: Admission = {
      admit() {
        host.log.info('asked')
        return config.does === 'refuse' ? new Refused('no room') : undefined
      },
      settle() {},
      onRoom() {},
    }
    const account = host.account()
    return {
      start: async () => host.log.info('started'),
      stop: async () => host.log.info('stopped'),
      admissions: () => [queue],
      consume(batch) {
        host.log.info('called')
        if (config.does === 'throw') throw new Error('out of order')
        account.received += batch.count
        account.sent += batch.count
      },
    }
  },
})

const processor = defineProcessor({
  ...about,
  type: 'noting',
  config: object({}),
  takes: ['logs', 'metrics', 'traces'],
  create: ({ host }) => ({
    process: (batch) => batch,
    start: async () => host.log.info(`started in ${host.pipeline}`),
    stop: async () => host.log.info(`stopped in ${host.pipeline}`),
  }),
})

const extension = defineExtension({
  ...about,
  type: 'noting',
  config: object({}),
  create: ({ host }) => ({
    start: async () => host.log.info('started'),
    stop: async () => host.log.info('stopped'),
  }),
})

export default [exporter, processor, extension]
