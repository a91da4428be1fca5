import { defineExtension, endpoint, int, object, text } from '../../plugin.ts'
import { newProfiles } from '../profiles.ts'

/** Profiles on demand, on a loopback port. */
export default defineExtension({
  type: 'pprof',
  stability: 'beta',
  summary: 'CPU and heap profiles of the running agent on demand, on a loopback port.',
  config: object({
    endpoint: endpoint()
      .default('localhost:1777')
      .describe('Where to listen. Keep it on loopback: it has no password.'),
    block_profile_fraction: int().default(0).describe('Accepted as in the Collector; Node has no such profile.'),
    mutex_profile_fraction: int().default(0).describe('Accepted as in the Collector; Node has no such profile.'),
    save_to_file: text()
      .default('')
      .describe('File for a CPU profile of the whole life of the process, written when it stops.'),
  }),
  resources: ({ endpoint }) => (endpoint.port === 0 ? [] : [`tcp ${endpoint.text}`]),
  create({ config, host }) {
    const profiles = newProfiles(config.endpoint, host.log)
    let whole: Promise<{ save(file: string): Promise<void> }> | undefined
    return {
      async start() {
        await profiles.start()
        if (config.save_to_file !== '') whole = import('./whole-life.ts').then(({ startProfile }) => startProfile())
        await whole
      },
      async stop(deadline) {
        await profiles.stop(deadline)
        const started = whole
        whole = undefined
        if (started) await (await started).save(config.save_to_file)
      },
    }
  },
})
