import { expect, test } from 'vitest'
import { GrpcCode, GrpcError } from '../../src/net/status.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { diskQueueFile, newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { startProcess, until } from '../support/role.ts'

test('what a backend refuses for good stands in the dead letters, and arrives when it is put back', {
  timeout: 90_000,
}, async () => {
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
