import { expect, test } from 'vitest'
import { GrpcCode, GrpcError } from '../../src/net/status.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { diskQueueFile, newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { startProcess, until } from '../support/role.ts'

test('what a backend refuses for good stands in the dead letters, and arrives when it is put back', async () => {
  const { sink, seen } = await startCounter()
  const folder = newFolder()
  const file = `${folder}/agent.yaml`
  writeFiles(folder, {
    'agent.yaml': diskQueueFile(folder, sink.address, { exporter: 'dead_letter: {storage: file_storage}' }),
  })
  sink.refuse(new GrpcError(GrpcCode.invalidArgument, 'no such tenant'))
  const agent = startProcess(['run', file])
  const load = newLineSenders({ senders: 1, perRequest: 10 })
  load.to(await otlpAddress(agent))
  await until('lines are taken', () => load.taken.size >= 100)
  await load.stop()
  await agent.line(/Dropping data\..*no such tenant/)
  expect(await agent.stop()).toMatchObject({ code: 0 })
  const queue = `${folder}/queues/exporter_otlp__logs`
  const list = startProcess(['queue', 'ls', `${folder}/queues`])
  expect(await list.ended).toMatchObject({ code: 0 })
  expect(list.stdout()).toContain('exporter_otlp__logs.dead')
  const peek = startProcess(['queue', 'peek', `${queue}.dead`])
  await peek.ended
  expect(peek.stdout()).toContain('no such tenant')
  const replay = startProcess(['queue', 'replay', `${queue}.dead`])
  expect(await replay.ended, replay.lines.join('\n')).toMatchObject({ code: 0 })
  sink.refuse(undefined)
  const next = startProcess(['run', file])
  await otlpAddress(next)
  await until('everything has arrived', () => load.missing(seen).length === 0)
  expect(await next.stop()).toMatchObject({ code: 0 })
})

test('an agent that runs puts them back, gives them away and removes them when it is asked', async () => {
  const { sink, seen } = await startCounter()
  const elsewhere = await startCounter()
  const folder = newFolder()
  const yaml = diskQueueFile(folder, sink.address, { exporter: 'dead_letter: {storage: file_storage}' })
  writeFiles(folder, { 'agent.yaml': `${yaml}  admin: {socket: ${folder}/admin.sock}\n` })
  const agent = startProcess(['run', `${folder}/agent.yaml`])
  const address = await otlpAddress(agent)
  const letters = `${folder}/queues/exporter_otlp__logs.dead`
  const queue = async (verb: string, ...args: string[]) => {
    const where = verb === 'peek' ? [] : ['--admin', `${folder}/admin.sock`]
    const asked = startProcess(['queue', verb, ...args, ...where])
    const { code } = await asked.ended
    return { code, said: asked.stdout() + asked.lines.join('\n') }
  }
  /** Lines that the backend refuses. */
  const refused = async (from: number) => {
    const load = newLineSenders({ senders: 1, perRequest: 10, from })
    load.to(address)
    await until('lines are taken', () => load.taken.size >= 30)
    await load.stop()
    return load
  }
  sink.refuse(new GrpcError(GrpcCode.invalidArgument, 'no such tenant'))
  const load = await refused(0)
  await agent.line(/Dropping data\..*no such tenant/)
  // The backend refuses them once more: they stay, and nothing goes round in circles.
  expect(await queue('replay', letters)).toMatchObject({ code: 0, said: expect.stringMatching(/^put \d+ records/) })
  sink.refuse(undefined)
  await until('everything has arrived', async () => {
    expect(await queue('replay', letters)).toMatchObject({ code: 0 })
    return load.missing(seen).length === 0
  })

  sink.refuse(new GrpcError(GrpcCode.invalidArgument, 'no such tenant'))
  const other = await refused(10_000)
  await until('they are put aside', async () => (await queue('peek', letters)).said.includes('no such tenant'))
  expect(await queue('replay', letters, '--endpoint', elsewhere.sink.address)).toMatchObject({ code: 0 })
  await until('some have arrived', () => elsewhere.seen.size > 0)
  await queue('replay', letters, '--endpoint', elsewhere.sink.address)
  expect(other.missing(elsewhere.seen)).toEqual([])
  expect(elsewhere.twice()).toBe(0)
  expect((await queue('peek', letters)).said).toMatch(/no batches wait/)

  await refused(20_000)
  await until('they are put aside', async () => (await queue('peek', letters)).said.includes('no such tenant'))
  expect(await queue('drop', letters, '--yes', '--to', '2020-01-01')).toMatchObject({
    said: expect.stringMatching(/removed 0 records/),
  })
  expect(await queue('drop', letters, '--yes', '--since', '10m')).toMatchObject({
    said: expect.stringMatching(/removed [1-9]\d* records/),
  })
  expect(await agent.stop()).toMatchObject({ code: 0 })
})
