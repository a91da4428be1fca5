import { execFileSync } from 'node:child_process'
import { readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newFolder } from '../../test/support/folder.ts'
import { realDisk } from './disk.ts'
import { openForTest, readAll } from './spool-kit.fixture.ts'

const files = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.batches'))
const payload = Buffer.alloc(60)

/** Six batches of ten records in three files, and who has them. */
async function sixBatches(options: Partial<Parameters<typeof openForTest>[0]> = {}) {
  const folder = join(newFolder(), 'queue')
  const opened = await openForTest({ folder, segmentBytes: 400, ...options })
  for (let i = 0; i < 6; i++) opened.spool.append(payload, 10, 'logs')
  // From here on files that are full are closed.
  const synced = opened.spool.whenSynced(6)
  opened.clock.advance(500)
  await synced
  return { folder, ...opened }
}

test('a file that somebody removes while it is written to is given all the same, and nothing more goes into it', async () => {
  const folder = newFolder()
  const { spool, clock, losses } = await openForTest({ folder })
  spool.append(payload, 10, 'logs')
  for (const name of files(folder)) rmSync(join(folder, name))
  const synced = expect(spool.whenSynced(1)).rejects.toThrow(/somebody removed .*batches: what is in it is lost if/)
  clock.advance(500)
  await synced
  expect(spool.status().trouble).toMatch('somebody removed')
  spool.append(payload, 10, 'logs')
  expect(files(folder)).toHaveLength(1)
  expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([1, 2])
  for (const sequence of [1, 2]) spool.finish(sequence)
  expect([spool.records, losses]).toEqual([0, []])
  await spool.close()
})

test('files that somebody removed are lost at once, and counted', async () => {
  const { folder, spool, losses } = await sixBatches()
  const [first, second] = files(folder).sort()
  for (const name of [first!, second!]) rmSync(join(folder, name))
  expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([5, 6])
  expect([spool.records, losses.reduce((sum, { records }) => sum + records, 0)]).toEqual([20, 40])
  expect(losses[0]).toMatchObject({ loss: 'corrupt', detail: `somebody removed ${join(folder, first!)}` })
  await spool.close()
})

test('a folder that was moved away is waited for, however long', async () => {
  const { folder, spool, losses } = await sixBatches()
  renameSync(folder, `${folder}.away`)
  for (let i = 0; i < 8; i++)
    await expect(spool.read(1000)).rejects.toThrow(/was moved away or removed: put it back, or start the agent anew/)
  renameSync(`${folder}.away`, folder)
  expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6])
  expect(losses).toEqual([])
  await spool.close()
})

test('of a folder that was removed what is open is given, and the rest counted', async () => {
  const { folder, spool, losses } = await sixBatches()
  rmSync(folder, { recursive: true })
  expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([5, 6])
  expect([spool.records, losses.reduce((sum, { records }) => sum + records, 0)]).toEqual([20, 40])
  await spool.close()
})

test('files that may not be opened are no damage: they are asked for until they may', async () => {
  let isForbidden = true
  const open = (path: string) => {
    if (isForbidden && path.endsWith('.batches'))
      throw Object.assign(new Error('permission denied'), { code: 'EACCES' })
    return realDisk.open(path)
  }
  const { spool, losses } = await sixBatches({ disk: { ...realDisk, open } })
  for (let i = 0; i < 8; i++) await expect(spool.read(1000)).rejects.toThrow('permission denied')
  isForbidden = false
  expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6])
  expect(losses).toEqual([])
  await spool.close()
})

test('a file system that is mounted read-only is called that', async (context) => {
  const disk = newFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', disk], { stdio: 'pipe' })
  } catch {
    return context.skip('mounting a file system needs root')
  }
  onTestFinished(() => void execFileSync('umount', ['-l', disk]))
  const folder = join(disk, 'queue')
  await expect(openForTest({ folder })).rejects.toThrow(`${folder} is on a file system that is mounted read-only`)
})
