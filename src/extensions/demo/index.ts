import { existsSync } from 'node:fs'
import { path } from '../../config/fields.ts'
import { bool, type ConfigOf, defineExtension, object } from '../../plugin.ts'
import { banner } from './banner.ts'
import { ensureCertificates } from './certificates.ts'
import { closingLedger } from './closing.ts'
import { freePorts, type Listening } from './ports.ts'

const fields = object({
  dir: path()
    .default('.tailrace/demo')
    .describe('Folder of the throw-away certificates; they are made when missing or about to expire.'),
  move_ports: bool().default(true).describe('A component whose port is taken listens on the next free one.'),
})

/** What `prepare` found out, for `create`. */
type Prepared = ConfigOf<typeof fields> & { listening?: readonly Listening[] }

/** Makes a configuration one to try: certificates, ports that are free, what to type next, and the books at the end. */
export default defineExtension({
  type: 'demo',
  stability: 'beta',
  summary: 'For trying: makes certificates, moves to free ports, says what to type, shows the ledger at the end.',
  config: fields,
  async prepare({ config, all, log }) {
    if (madeCertificates(config.dir)) log.info('made throw-away certificates', { dir: config.dir })
    if (!config.move_ports) return all
    const { all: free, listening } = await freePorts(all)
    for (const { id, address, instead } of listening) {
      if (instead) log.warn(`${instead} is taken by another process: ${id} listens on ${address} instead`)
    }
    const knowing = (settings: unknown): Prepared => ({ ...(settings as Prepared), listening })
    return free.map((each) => (each.spec.type === 'demo' ? { ...each, config: knowing(each.config) } : each))
  },
  create({ config, host }) {
    const { dir, listening = [] } = config as Prepared
    let told = false
    return {
      async start() {},
      started() {
        told = true
        process.stderr.write(banner(listening, dir, existsSync('bin/tailrace') ? 'bin/tailrace' : 'tailrace'))
      },
      async stop() {
        if (told) process.stderr.write(`${closingLedger(host.ledger.summary())}\n`)
        told = false
      },
    }
  },
})

function madeCertificates(dir: string): boolean {
  try {
    return ensureCertificates(dir)
  } catch (error) {
    const reason = (error as Error).message
    throw new Error(`no certificates can be written to ${dir} (${reason}): choose another folder`, { cause: error })
  }
}
