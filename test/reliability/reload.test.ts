import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { newFolder, writeFiles } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { diskQueueFile, newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { type Role, startProcess, until } from '../support/role.ts'

/** Long runs: `RELOADS=1000 npx vitest run --project reliability test/reliability/reload.test.ts`. */
const reloads = Number(process.env.RELOADS ?? 24)
const seed = Number(process.env.SEED ?? 1)

/** Numbers from 0 to below `n`, the same ones for the same seed. */
function newDice(start: number): (n: number) => number {
  let state = start
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

interface World {
  steady: string
  moving: string
  keptPort: number
  movingPort: number
  takenPort: number
}

/** A configuration whose receiver `otlp` and exporter `otlp` are always the same, and nothing else is. */
function configuration(world: World, roll: (n: number) => number, more = ''): string {
  const processors = ['attributes', 'batch'].filter(() => roll(2) === 0)
  const others = ['debug', 'nop'].filter(() => roll(3) === 0)
  return `receivers:
  otlp: {protocols: {grpc: {endpoint: '127.0.0.1:${world.keptPort}'}}}
  otlp/moving: {protocols: {grpc: {endpoint: '127.0.0.1:${world.movingPort}', max_recv_msg_size_mib: ${4 + roll(4)}}}}
processors:
  attributes: {actions: [{key: round, value: ${roll(1000)}, action: insert}]}
  batch: {timeout: ${5 + roll(20)}ms}
exporters:
  otlp: {endpoint: '${world.steady}', tls: {insecure: true}, compression: none}
  otlp/moving: {endpoint: '${world.moving}', tls: {insecure: true}, compression: none, timeout: ${5 + roll(20)}s}
  debug: {verbosity: basic, max_lines_per_second: ${1 + roll(9)}}
  nop: {}
${more}
service:
  pipelines:
    logs: {receivers: [otlp, otlp/moving], processors: [${processors.join(', ')}], exporters: [otlp]}
    logs/moving: {receivers: [otlp, otlp/moving], exporters: [${['otlp/moving', ...others].join(', ')}]}
`
}

test('an exporter whose queue is on disk changes while its backend is down: everything is there afterwards', async () => {
  const { sink, seen, stall } = await startCounter()
  const folder = newFolder()
  const port = await freePort()
  const save = (round: number) => {
    const text = diskQueueFile(folder, sink.address, { exporter: `timeout: ${1 + round}s` })
    writeFiles(folder, { 'agent.yaml': text.replace('127.0.0.1:0', `127.0.0.1:${port}`) })
  }
  save(0)
  const agent = startProcess(['run', `${folder}/agent.yaml`])
  const load = newLineSenders({ senders: 2, perRequest: 20, pauseMs: 4 })
  load.to(await otlpAddress(agent))
  await until('lines arrive', () => seen.size > 500)
  for (let round = 1; round <= 4; round++) {
    stall(round % 2 === 1)
    const before = load.taken.size
    await until('lines are taken', () => load.taken.size > before + 500)
    save(round)
    agent.signal('SIGHUP')
    await until('the reload', () => agent.lines.filter((line) => line.startsWith('reloaded changed=')).length === round)
    const after = load.taken.size
    await until('lines are taken again', () => load.taken.size > after + 500)
  }
  await load.stop()
  stall(false)
  await until('everything acknowledged has arrived', () => load.missing(seen).length === 0).catch(() => {})
  expect(load.missing(seen)).toEqual([])
  expect(await agent.stop()).toMatchObject({ code: 0 })
})

/** What can be wrong with a file. */
const mistakes: ((good: string, world: World) => string)[] = [
  (good) => `${good}\n  - [`,
  (good) => good.replace('compression: none', 'compression: nine'),
  (good) => good.replace('exporters: [otlp]', 'exporters: [nobody]'),
  (good) => good.replace('nop: {}', 'nowhere: {}'),
  (good, { takenPort, movingPort }) => good.replace(String(movingPort), String(takenPort)),
  (good) => good.replace("'}}}", "', tls: {cert_file: /nowhere.crt, key_file: /nowhere.key}}}}"),
]

const residentMiB = ({ pid }: Role) =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

test(`${reloads} reloads of right and wrong files under load lose nothing and disconnect nobody`, {
  timeout: 300_000 + reloads * 3000,
}, async () => {
  const roll = newDice(seed)
  const [steady, moving] = await Promise.all([startCounter(), startCounter()])
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  const [keptPort, movingPort] = [await freePort(), await freePort()]
  const { port: takenPort } = taken.address() as { port: number }
  const world = { steady: steady.sink.address, moving: moving.sink.address, keptPort, movingPort, takenPort }
  const folder = newFolder({ 'agent.yaml': configuration(world, roll) })
  const agent = startProcess(['run', `${folder}/agent.yaml`])
  await agent.line(/^ready: everything is running/)

  const load = { perRequest: 20, lineBytes: 100, senders: 2, pauseMs: 4 }
  const senders = [newLineSenders(load), newLineSenders({ ...load, from: 1e9 })]
  senders[0]!.to(`127.0.0.1:${keptPort}`)
  senders[1]!.to(`127.0.0.1:${movingPort}`)
  const watcher = connect(`http://127.0.0.1:${keptPort}`)
  onTestFinished(() => watcher.destroy())
  const disconnected: string[] = []
  for (const event of ['close', 'goaway', 'error']) watcher.on(event, () => void disconnected.push(event))
  const resident: number[] = []
  const results = { reloaded: 0, failed: 0 }
  let from = agent.lines.length
  for (let i = 0; i < reloads; i++) {
    const good = configuration(world, roll)
    const isWrong = roll(5) === 0
    const mistake = mistakes[roll(mistakes.length)]!
    writeFiles(folder, { 'agent.yaml': isWrong ? mistake(good, world) : good })
    agent.signal('SIGHUP')
    const answer = () => agent.lines.slice(from).find((line) => /^(reloaded|error: reload failed)/.test(line))
    await until('the reload has an outcome', () => answer() !== undefined)
    const failed = answer()!.startsWith('error')
    expect([failed, agent.lines.slice(from).join('\n')]).toEqual([isWrong, expect.anything()])
    results[failed ? 'failed' : 'reloaded']++
    from = agent.lines.length
    resident.push(residentMiB(agent))
  }
  expect(disconnected).toEqual([])
  for (const each of senders) await each.stop()
  const counters = [steady.seen, moving.seen]
  const over = () => senders.every((each) => counters.every((seen) => each.missing(seen).length === 0))
  await until('everything acknowledged has arrived', over).catch(() => {})
  for (const each of senders) for (const seen of counters) expect(each.missing(seen)).toEqual([])
  expect(senders[0]!.refused).toBe(0)
  agent.signal('SIGUSR1')
  await agent.line(/^counters and gauges:/)
  const books = agent.lines.filter((line) => /^ {2}(receiver|processor|queue) /.test(line))
  expect(books.length).toBeGreaterThan(3)
  expect(books.filter((line) => line.includes('dropped'))).toEqual([])
  expect(await agent.stop()).toMatchObject({ code: 0 })

  const acknowledged = senders.map((each) => each.taken.size)
  const [early, late] = [resident.slice(reloads / 4, reloads / 2), resident.slice(-reloads / 4)].map(median)
  const memory = `resident ${early!.toFixed(0)} MiB in the second quarter, ${late!.toFixed(0)} MiB in the last`
  process.stdout.write(
    `${results.reloaded} reloads, ${results.failed} refused; ${acknowledged.join(' and ')} records acknowledged, none lost; ` +
      `twice: ${steady.twice()} and ${moving.twice()}; ${memory}\n`,
  )
  expect(late! - early!).toBeLessThan(reloads > 200 ? 40 : 60)
})

const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)]!
