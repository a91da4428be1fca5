import { readdirSync, readFileSync, statSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { newFolder, writeFiles } from '../support/folder.ts'
import { diskQueueFile, newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { startProcess, until } from '../support/role.ts'

/** The figures of docs/reliability.md: `BACKLOG_MIB=769 npx vitest run --project reliability test/reliability/queue-backlog.test.ts`. */
const backlogMiB = Number(process.env.BACKLOG_MIB ?? 48)

const residentMiB = (pid: number) => {
  const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return Number(kibibytes) / 1024
}

const bytesIn = (folder: string) =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(`${folder}/${name}`).size, 0)

test('a process that was killed with a long queue is ready at once, sends all of it, and holds little of it in memory', {
  timeout: 300_000 + backlogMiB * 1000,
}, async () => {
  const { sink, seen } = await startCounter()
  await sink.stop()
  const folder = newFolder()
  const queue = `${folder}/queues/exporter_otlp__logs`
  writeFiles(folder, { 'agent.yaml': diskQueueFile(folder, sink.address, { storage: 'max_bytes: 0' }) })
  const first = startProcess(['run', `${folder}/agent.yaml`])
  const load = newLineSenders({ senders: 16, perRequest: 100, lineBytes: 900 })
  load.to(await otlpAddress(first))
  let most = 0
  const watch = (pid: number) => {
    const timer = setInterval(() => {
      try {
        most = Math.max(most, residentMiB(pid))
      } catch {
        // It has ended.
      }
    }, 50)
    onTestFinished(() => clearInterval(timer))
    return () => clearInterval(timer)
  }
  const unwatch = watch(first.pid)
  const full = () => bytesIn(queue) > backlogMiB << 20
  await until('the queue has grown', full, 100_000 + backlogMiB * 500)
  load.to(undefined)
  await load.stop()
  unwatch()
  const growing = most
  await first.stop('SIGKILL')
  const queued = bytesIn(queue) / (1 << 20)
  await sink.restart()
  most = 0
  const began = performance.now()
  const second = startProcess(['run', `${folder}/agent.yaml`])
  watch(second.pid)
  await second.line(/^ready: everything is running/)
  const readyMs = performance.now() - began
  // The whole comparison takes long: it would keep the sink from its work.
  const maybeAll = () => seen.size >= load.taken.size && load.missing(seen).length === 0
  await until('everything has arrived', maybeAll, 100_000 + backlogMiB * 500)
  const backMs = performance.now() - began
  const figures = [
    `${Math.round(queued)} MiB queued at ${Math.round(growing)} MiB resident`,
    `ready after ${Math.round(readyMs)} ms, all back after ${(backMs / 1000).toFixed(1)} s at ${Math.round(most)} MiB resident`,
  ]
  process.stdout.write(`${figures.join('; ')}\n`)
  expect(most).toBeLessThan(200)
  // What is delivered needs no place.
  await until('the files are gone', () => bytesIn(queue) < 9 << 20)
})
