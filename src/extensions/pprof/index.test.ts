import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newTestHost } from '../../../test/conformance/kit.ts'
import { newFolder } from '../../../test/support/folder.ts'
import { newHost } from '../../engine/host.ts'
import { systemClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import pprof from './index.ts'

async function started(settings: object) {
  const lines: string[] = []
  const { host } = newTestHost(pprof)
  const log = newLog({ write: (line) => void lines.push(line) })
  const shared = { log, clock: systemClock, metrics: host.metrics, ledger: host.ledger, budget: host.budget }
  const own = newHost(shared, {
    kind: 'extension',
    type: 'pprof',
    id: 'pprof',
    readsOrigins: false,
    extension: () => undefined,
  })
  const extension = pprof.create({ config: pprof.config.parse({ endpoint: '127.0.0.1:0', ...settings }), host: own })
  await extension.start()
  const [, address] = /Starting pprof server on: (\S+)/.exec(lines.join(''))!
  return { extension, address }
}

test('CPU profiles on demand', async () => {
  const { extension, address } = await started({})
  const index = await (await fetch(`http://${address}/debug/pprof/`)).text()
  expect(index).toContain('profile?seconds=30')
  const profile = await fetch(`http://${address}/debug/pprof/profile?seconds=1`)
  expect(await profile.json()).toHaveProperty('nodes')
  await extension.stop(AbortSignal.abort())
})

test('save_to_file holds the whole life when the agent has stopped', async () => {
  const file = `${newFolder()}/life.cpuprofile`
  const { extension } = await started({ save_to_file: file })
  await extension.stop(AbortSignal.abort())
  expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveProperty('nodes')
})

test('it listens on loopback unless told otherwise', () => {
  expect(pprof.config.parse({}).endpoint.text).toBe('localhost:1777')
  expect(pprof.resources?.(pprof.config.parse({}))).toEqual(['tcp localhost:1777'])
})
