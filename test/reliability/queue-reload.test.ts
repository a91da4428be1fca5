import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newFolder } from '../support/folder.ts'
import { diskQueueFile, newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { startProcess, until } from '../support/role.ts'

test('a reload that changes an exporter hands its queue on disk over: nothing is lost, senders stay', async () => {
  const { sink, seen } = await startCounter()
  await sink.stop()
  const folder = newFolder()
  const file = `${folder}/agent.yaml`
  const write = (timeout: string) =>
    writeFileSync(
      file,
      diskQueueFile(folder, sink.address, {
        exporter: `timeout: ${timeout}\n    dead_letter: {storage: file_storage}`,
      }),
    )
  write('1s')
  const agent = startProcess(['run', file])
  const load = newLineSenders({ senders: 1, perRequest: 5, lineBytes: 20 })
  load.to(await otlpAddress(agent))
  for (let round = 0; round < 5; round++) {
    const before = load.taken.size
    await until('lines are taken', () => load.taken.size > before + 500)
    write(`${round + 2}s`)
    const reloads = () => agent.lines.filter((line) => /reloaded/.test(line)).length
    agent.signal('SIGHUP')
    await until('it is reloaded', () => reloads() > round)
  }
  const refused = load.refused
  await sink.restart()
  const before = load.taken.size
  await until('lines are taken', () => load.taken.size > before + 500)
  await load.stop()
  // The whole comparison takes long: it would keep the sink from its work.
  const maybeAll = () => seen.size >= load.taken.size && load.missing(seen).length === 0
  await until('everything has arrived', maybeAll).catch(() => {})
  expect(load.missing(seen)).toEqual([])
  process.stdout.write(`5 reloads: ${load.taken.size} acknowledged, ${refused} requests were asked to come again\n`)
  expect(agent.lines.filter((line) => /fault|in use by|did not open/.test(line))).toEqual([])
  expect(await agent.stop()).toMatchObject({ code: 0 })
})

test('a reload that names another directory says what stays in the one before', async () => {
  const { sink } = await startCounter()
  await sink.stop()
  const folder = newFolder()
  const file = `${folder}/agent.yaml`
  const yaml = diskQueueFile(folder, sink.address)
  writeFileSync(file, yaml)
  const agent = startProcess(['run', file])
  const load = newLineSenders({ senders: 1, perRequest: 5, lineBytes: 20 })
  load.to(await otlpAddress(agent))
  await until('lines are taken', () => load.taken.size >= 100)
  await load.stop()
  writeFileSync(file, yaml.replace(`${folder}/queues`, `${folder}/elsewhere`))
  agent.signal('SIGHUP')
  const [, records, where] = await agent.line(
    /records stay in a queue on disk that nothing sends any more: tailrace queue replay .*records=(\d+) folder=(\S+)/,
  )
  expect([Number(records) >= load.taken.size, where]).toEqual([true, `${folder}/queues/exporter_otlp__logs`])
  expect(await agent.stop()).toMatchObject({ code: 0 })
})
