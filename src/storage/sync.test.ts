import { expect, test } from 'vitest'
import { SimulatedDisk } from './simulated-disk.fixture.ts'
import type { Spool } from './spool.ts'
import { openForTest, settled } from './spool-kit.fixture.ts'

async function opened(maxLossMs: number) {
  const disk = new SimulatedDisk(() => 0.5)
  const opening = openForTest({ folder: '/queue', disk, maxLossMs })
  for (let i = 0; i < 4; i++) {
    await settled()
    disk.endSync()
  }
  return { disk, ...(await opening) }
}

const append = (spool: Spool) => spool.append(Buffer.from('x'), 1, 'logs')

/** What became of the promises so far: sequences whose sync ended, negative when it failed. */
function watch(spool: Spool, sequences: readonly number[]): number[] {
  const ended: number[] = []
  for (const sequence of sequences) {
    spool.whenSynced(sequence).then(
      () => ended.push(sequence),
      () => ended.push(-sequence),
    )
  }
  return ended
}

const soon = (disk: SimulatedDisk) => {
  for (const fn of disk.soon.splice(0)) fn()
}

/** Ends all syncs under way. */
async function endSyncs(disk: SimulatedDisk) {
  for (let left = disk.syncing.length; left > 0; left--) disk.endSync()
  await settled()
}

test('a sync begins max_loss after the first write, and one covers all that came meanwhile', async () => {
  const { spool, clock, disk } = await opened(500)
  const ended = watch(spool, [append(spool), append(spool)])
  clock.advance(400)
  ended.push(...watch(spool, [append(spool)]))
  expect(disk.syncing).toHaveLength(0)
  clock.advance(100)
  await settled()
  // The segment, the folder it is new in, and the position.
  expect(disk.syncing).toHaveLength(3)
  await endSyncs(disk)
  expect(ended).toEqual([1, 2])
})

test('without a loss window a sync begins in the same turn, one at a time, and shares what came while another ran', async () => {
  const { spool, disk } = await opened(0)
  const ended = watch(spool, [append(spool), append(spool)])
  soon(disk)
  await settled()
  const under = disk.syncing.length
  expect(under).toBeGreaterThan(0)
  const later = watch(spool, [append(spool), append(spool)])
  soon(disk)
  await settled()
  expect(disk.syncing).toHaveLength(under)
  await endSyncs(disk)
  expect([ended, later]).toEqual([[1, 2], []])
  soon(disk)
  await settled()
  await endSyncs(disk)
  expect(later).toEqual([3, 4])
  expect(watch(spool, [1])).toEqual([])
  await settled()
})

test('who waits for a sync that fails hears of it, and what comes next goes into another file', async () => {
  const { spool, disk } = await opened(0)
  const failed = watch(spool, [append(spool)])
  soon(disk)
  await settled()
  disk.faults = { sync: 1 }
  await endSyncs(disk)
  expect(failed).toEqual([-1])
  expect(spool.status().trouble).toMatch(/fdatasync failed: EIO/)
  disk.faults = {}
  const ended = watch(spool, [append(spool)])
  expect(spool.status().segments).toBe(2)
  soon(disk)
  await settled()
  await endSyncs(disk)
  expect(ended).toEqual([2])
  expect(spool.status().trouble).toBeUndefined()
  await expect(spool.whenSynced(1)).rejects.toThrow('fdatasync failed')
})

test('what is finished is written to the position soon and synced later, though nothing is appended', async () => {
  const { spool, clock, disk } = await opened(500)
  spool.took(append(spool))
  clock.advance(500)
  await settled()
  await endSyncs(disk)
  const before = Buffer.from(disk.file('/queue/position'))
  spool.finish(1)
  // A kill of the process loses nothing that was written, a power cut does until the sync.
  clock.advance(10)
  expect(disk.file('/queue/position').equals(before)).toBe(false)
  expect(disk.syncing).toHaveLength(0)
  clock.advance(490)
  await settled()
  expect(disk.syncing).toHaveLength(1)
  await endSyncs(disk)
})

test('a sync that hangs is told', async () => {
  const { spool, clock, disk } = await opened(500)
  append(spool)
  clock.advance(500)
  await settled()
  clock.advance(30_000)
  expect(spool.status().trouble).toBe('fdatasync has not ended for 30 s')
  await endSyncs(disk)
  expect(spool.status().trouble).toBeUndefined()
})
