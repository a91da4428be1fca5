import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { newFolder, writeFiles } from '../support/folder.ts'
import { books, diskQueueFile, newLineSenders, otlpAddress, startCounter } from '../support/numbered-lines.ts'
import { pause, startProcess, until } from '../support/role.ts'

/** A file system of its own of so many MiB; undefined where this process may not mount one. */
function smallDisk(mebibytes: number): string | undefined {
  const folder = newFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync('umount', ['-l', folder]))
  return folder
}

const untouched = (lines: readonly string[]) => lines.filter((line) => /fault|unhandled/i.test(line))

test('a disk that fills up stops senders, not the process, and all goes on when there is room', async (context) => {
  const disk = smallDisk(24)
  if (!disk) return context.skip('mounting a small file system needs root')
  const { sink, seen, twice } = await startCounter()
  await sink.stop()
  writeFiles(disk, { 'agent.yaml': diskQueueFile(disk, sink.address, { exporter: 'timeout: 1s' }) })
  const agent = startProcess(['run', `${disk}/agent.yaml`])
  const load = newLineSenders({ lineBytes: 900 })
  load.to(await otlpAddress(agent))
  await agent.line(/the queue on disk cannot be written/)
  await until('senders are refused', () => load.refused > 20)
  const full = load.taken.size
  await pause(2500)
  // One run may have been let in by each attempt.
  expect(load.taken.size - full).toBeLessThan(2000)
  const held = await books(agent)
  expect(held).toMatchObject({ sent: 0 })
  expect(held.received! - held.held! - (held.dropped ?? 0)).toBe(0)
  await sink.restart()
  await agent.line(/the queue on disk is written again/)
  await until('lines are taken again', () => load.taken.size > full + 5000)
  await load.stop()
  await until('everything acknowledged has arrived', () => load.missing(seen).length === 0).catch(() => {})
  expect(load.missing(seen)).toEqual([])
  const after = await books(agent)
  expect(after.received! - after.sent! - after.held! - (after.dropped ?? 0)).toBe(0)
  expect(untouched(agent.lines)).toEqual([])
  process.stdout.write(
    `disk full: ${load.taken.size} acknowledged, ${load.refused} refused, ${twice()} arrived twice\n`,
  )
  expect(await agent.stop()).toMatchObject({ code: 0 })
})

test('drop_oldest goes on taking on a full disk: the oldest go, counted, and the rest arrives', async (context) => {
  const disk = smallDisk(40)
  if (!disk) return context.skip('mounting a small file system needs root')
  const { sink, seen } = await startCounter()
  await sink.stop()
  const exporter = 'when_full: drop_oldest'
  writeFiles(disk, { 'agent.yaml': diskQueueFile(disk, sink.address, { exporter }) })
  const agent = startProcess(['run', `${disk}/agent.yaml`])
  const load = newLineSenders({ lineBytes: 900 })
  load.to(await otlpAddress(agent))
  await until('it has displaced', async () => ((await books(agent)).dropped ?? 0) > 20_000)
  await load.stop()
  const { received, held, dropped } = await books(agent)
  expect(received! - held! - dropped!).toBe(0)
  await sink.restart()
  await until('everything else has arrived', async () => (await books(agent)).held === 0)
  const after = await books(agent)
  expect(after.received! - after.sent! - after.dropped!).toBe(0)
  expect(load.missing(seen)).toHaveLength(after.dropped!)
  expect(untouched(agent.lines)).toEqual([])
  expect(await agent.stop()).toMatchObject({ code: 0 })
})

test('what fills the disk may be something else: the queue goes on when that is gone', async (context) => {
  const disk = smallDisk(16)
  if (!disk) return context.skip('mounting a small file system needs root')
  const { sink, seen } = await startCounter()
  writeFiles(disk, { 'agent.yaml': diskQueueFile(disk, sink.address, {}) })
  const agent = startProcess(['run', `${disk}/agent.yaml`])
  const load = newLineSenders({ senders: 2 })
  load.to(await otlpAddress(agent))
  await until('lines arrive', () => seen.size > 500)
  try {
    writeFileSync(`${disk}/other`, Buffer.alloc(32 << 20))
  } catch {
    // It takes what there is.
  }
  await agent.line(/the queue on disk cannot be written/)
  rmSync(`${disk}/other`)
  await agent.line(/the queue on disk is written again/)
  const before = load.taken.size
  await until('lines are taken again', () => load.taken.size > before + 1000)
  await load.stop()
  await until('everything acknowledged has arrived', () => load.missing(seen).length === 0).catch(() => {})
  expect(load.missing(seen)).toEqual([])
  expect(await agent.stop()).toMatchObject({ code: 0 })
})

test('backends that are dead for a while, with a stop and a start meanwhile: all arrives, and the books add up', async () => {
  const { sink, seen, twice } = await startCounter()
  await sink.stop()
  const folder = newFolder()
  writeFiles(folder, { 'agent.yaml': diskQueueFile(folder, sink.address) })
  const first = startProcess(['run', `${folder}/agent.yaml`])
  const load = newLineSenders()
  load.to(await otlpAddress(first))
  await until('lines are taken', () => load.taken.size > 10_000)
  load.to(undefined)
  await until('nothing is under way', async () => {
    const { received, held } = await books(first)
    return received === held && received! >= load.taken.size
  })
  const { received } = await books(first)
  expect(await first.stop()).toMatchObject({ code: 0 })
  expect(first.lines.filter((line) => line.includes('lost'))).toEqual([])
  const second = startProcess(['run', `${folder}/agent.yaml`])
  load.to(await otlpAddress(second))
  await second.line(new RegExp(`found undelivered records in the queue on disk records=${received}`))
  await sink.restart()
  await until('more lines are taken', () => load.taken.size > received! + 5000)
  await load.stop()
  await until('everything has arrived', async () => (await books(second)).held === 0)
  expect(load.missing(seen)).toEqual([])
  const after = await books(second)
  expect(after.received! + after.recovered! - after.sent!).toBe(0)
  expect(after.recovered).toBe(received)
  // Nobody had answered, so nothing was sent twice.
  expect(twice()).toBe(0)
})
