import { expect, test } from 'vitest'
import { newFolder, writeFiles } from '../support/folder.ts'
import { diskQueueFile, newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { startProcess, until } from '../support/role.ts'

/** Long runs: `KILLS=100 npx vitest run --project reliability test/reliability/queue-kill.test.ts`. */
const kills = Number(process.env.KILLS ?? 5)

test.each([
  ['within the loss window', 'max_loss: 500ms'],
  ['when it is synced before it is answered', 'max_loss: 0s'],
])(
  'a process that is killed again and again loses nothing of what it has acknowledged, %s',
  {
    timeout: 300_000 + kills * 8000,
  },
  async (_, storage) => {
    const { sink, seen, stall, twice } = await startCounter(2)
    const folder = newFolder()
    writeFiles(folder, { 'agent.yaml': diskQueueFile(folder, sink.address, { storage }) })
    const load = newLineSenders()
    for (let round = 0; round < kills; round++) {
      const agent = startProcess(['run', `${folder}/agent.yaml`])
      const before = load.taken.size
      load.to(await otlpAddress(agent))
      // Every other process dies with a backend that does not answer: its queue grows.
      stall(round % 2 === 1)
      await until('lines are taken', () => load.taken.size > before + 2000)
      load.to(undefined)
      await agent.stop('SIGKILL')
    }
    await load.stop()
    stall(false)
    const last = startProcess(['run', `${folder}/agent.yaml`])
    await otlpAddress(last)
    const over = () => load.missing(seen).length === 0
    await until('everything acknowledged has arrived', over).catch(() => {})
    expect(load.missing(seen)).toEqual([])
    expect(await last.stop()).toMatchObject({ code: 0 })
    const figures = `${load.taken.size} acknowledged, ${seen.size} arrived, ${twice()} more than once`
    process.stdout.write(`${kills} kills: ${figures}\n`)
    // Repeated is what stood in the loss window, and what was on its way.
    expect(twice()).toBeLessThan(seen.size)
  },
)
