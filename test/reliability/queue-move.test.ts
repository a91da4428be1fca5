import { expect, test } from 'vitest'
import { GrpcCode, GrpcError } from '../../src/net/status.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { diskQueueFile, newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { startProcess, until } from '../support/role.ts'

test('what waits for a backend that is away is moved elsewhere while the agent runs and takes more: nothing lost, nothing twice', async () => {
  const backend = await startCounter()
  const elsewhere = await startCounter()
  backend.sink.refuse(new GrpcError(GrpcCode.unavailable, 'away'))
  const folder = newFolder()
  const file = `${folder}/agent.yaml`
  const yaml = diskQueueFile(folder, backend.sink.address)
  writeFiles(folder, { 'agent.yaml': `${yaml}  admin: {socket: ${folder}/admin.sock}\n` })
  const agent = startProcess(['run', file])
  const load = newLineSenders({ senders: 2, perRequest: 10 })
  load.to(await otlpAddress(agent))
  const queue = `${folder}/queues/exporter_otlp__logs`
  const ask = async (...args: string[]) => {
    const asked = startProcess(['queue', ...args, '--admin', `${folder}/admin.sock`])
    const { code } = await asked.ended
    return { code, said: asked.stdout() + asked.lines.join('\n') }
  }
  await until('lines are taken', () => load.taken.size >= 2000)
  const early = new Set(load.taken)
  expect(await ask('replay', queue, '--timeout', '60s', '--endpoint', elsewhere.sink.address)).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^sent \d+,?\d* records in /),
  })
  expect([...early].filter((line) => !elsewhere.seen.has(line))).toEqual([])
  await load.stop()
  expect(await ask('drop', queue, '--yes', '--to', '2020-01-01')).toMatchObject({ code: 0 })
  backend.sink.refuse(undefined)
  const both = () => new Map([...backend.seen, ...elsewhere.seen])
  await until('everything has arrived', () => load.missing(both()).length === 0)
  const inBoth = [...elsewhere.seen.keys()].filter((line) => backend.seen.has(line))
  expect([inBoth, elsewhere.twice(), backend.twice()]).toEqual([[], 0, 0])
  expect(await agent.stop()).toMatchObject({ code: 0 })
})
