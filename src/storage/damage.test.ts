import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import type { Disk } from './disk.ts'
import { SimulatedDisk } from './simulated-disk.fixture.ts'
import type { Spool, SpoolRecord } from './spool.ts'
import { openForTest, readAll, settled } from './spool-kit.fixture.ts'

const half = () => 0.5
const texts = ['first', 'the second of them', '', 'fourth, and a bit longer than the others', 'fifth', 'sixth']

/** Ends syncs until `work` is done. */
async function driven<T>(disk: SimulatedDisk, work: Promise<T>): Promise<T> {
  let open = true
  const watched = work.finally(() => {
    open = false
  })
  watched.catch(() => {})
  while (open) {
    await settled()
    disk.endSync()
  }
  return watched
}

/** Two segments of three batches, closed; batch i has i + 1 records. */
async function written(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(half)
  const { spool } = await driven(disk, openForTest({ folder: '/queue', disk, segmentBytes: 340 }))
  for (const [i, text] of texts.entries()) spool.append(Buffer.from(text), i + 1, 'logs')
  await driven(disk, spool.close())
  return disk.copy()
}

interface Outcome {
  records: SpoolRecord[]
  lost: number
  left: number
  disk: SimulatedDisk
}

async function readBack(disk: SimulatedDisk): Promise<Outcome> {
  const { spool, losses } = await driven(disk, openForTest({ folder: '/queue', disk }))
  const { recovered } = spool
  const records = await readAll(spool)
  const left = spool.records - records.reduce((sum, { count }) => sum + count, 0)
  const lost = losses.reduce((sum, { records }) => sum + records, 0)
  expect(recovered.records).toBe(spool.records + lost)
  await driven(disk, spool.close())
  return { records, lost, left, disk }
}

const segments = (disk: SimulatedDisk) => disk.paths().filter((path) => /^\/queue\/[^/]*\.batches$/.test(path))
const quarantined = (disk: SimulatedDisk) => disk.paths().filter((path) => path.endsWith('.bytes'))

/** All that was given is whole and in order; answers which batches are missing. */
function missing(records: readonly SpoolRecord[]): number[] {
  const seen = records.map(({ sequence }) => sequence)
  expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b))
  for (const { sequence, payload, count } of records) {
    expect([payload.toString(), count]).toEqual([texts[sequence - 1], sequence])
  }
  return texts.map((_, i) => i + 1).filter((sequence) => !seen.includes(sequence))
}

test('every flipped bit of a segment costs at most the batch it is in, which is counted and kept', async () => {
  const whole = await written()
  const paths = segments(whole)
  expect(paths).toHaveLength(2)
  let costs = 0
  for (const path of paths) {
    for (let bit = 0; bit < whole.file(path).length * 8; bit++) {
      const disk = whole.copy()
      disk.file(path)[bit >> 3]! ^= 1 << (bit & 7)
      const { records, lost, left } = await readBack(disk)
      const gone = missing(records)
      expect(gone.length).toBeLessThanOrEqual(1)
      expect([path, bit, lost, left]).toEqual([path, bit, gone[0] ?? 0, 0])
      if (gone.length === 0) continue
      costs++
      // Exactly what stood there is in quarantine.
      const [kept, ...others] = quarantined(disk)
      expect(others).toEqual([])
      const { offset } = JSON.parse(disk.file(kept!.replace('.bytes', '.json')).toString())
      const bytes = disk.file(kept!)
      expect(offset).toBeLessThanOrEqual(bit >> 3)
      const before = whole.file(path).subarray(offset, offset + bytes.length)
      expect(before.length).toBe(bytes.length)
      expect(bytes.equals(before)).toBe(false)
    }
  }
  expect(costs).toBeGreaterThan(2000)
})

test('every flipped bit of the position costs nothing but batches that come again', async () => {
  const whole = await written()
  for (let byte = 0; byte < whole.file('/queue/position').length; byte++) {
    // Both slots, every bit; what is between them is empty.
    if (byte % 4096 >= 64 && byte % 512 !== 0) continue
    for (let bit = 0; bit < 8; bit++) {
      const disk = whole.copy()
      disk.file('/queue/position')[byte]! ^= 1 << bit
      const { records, lost, left } = await readBack(disk)
      expect([missing(records), lost, left]).toEqual([[], 0, 0])
    }
  }
})

test('a segment cut off at any byte gives what is whole in it, and what comes behind it', async () => {
  const whole = await written()
  const [first] = segments(whole)
  for (let size = 0; size < whole.file(first!).length; size++) {
    const disk = whole.copy()
    disk.cut(first!, size)
    const { records, lost, left } = await readBack(disk)
    const gone = missing(records)
    expect([size, gone.filter((each) => each > 3), left]).toEqual([size, [], 0])
    expect([size, lost]).toEqual([size, gone.reduce((sum, each) => sum + each, 0)])
  }
})

test('any bytes in place of a segment are gone over without an end, an error or a false batch', async () => {
  const whole = await written()
  const [first] = segments(whole)
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    // Pieces of the segment itself, in any order.
    fc
      .array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 200 })), { maxLength: 6 })
      .map((cuts) => Buffer.concat(cuts.map(([at, size]) => whole.file(first!).subarray(at, at + size)))),
  )
  await fc.assert(
    fc.asyncProperty(bytes, async (given) => {
      const disk = whole.copy()
      disk.cut(first!, 0)
      disk.fill(first!, Buffer.from(given))
      const { records } = await readBack(disk)
      expect(missing(records).filter((each) => each > 3)).toEqual([])
    }),
    { numRuns: 400 },
  )
})

test('damage is named: what is wrong, where, and which batch', async () => {
  const disk = await written()
  const [first] = segments(disk)
  disk.file(first!)[64 + 60]! ^= 1
  const { lost } = await readBack(disk)
  expect(lost).toBe(1)
  const [kept] = quarantined(disk)
  expect(kept).toMatch(/^\/queue\/quarantine\/0000000000000001-[0-9a-f]{8}-at-64\.bytes$/)
  expect(JSON.parse(disk.file(kept!.replace('.bytes', '.json')).toString())).toEqual({
    what: 'payload',
    reason: 'the CRC-32 of the bytes is not the one in the header',
    segment: first!.slice('/queue/'.length),
    offset: 64,
    bytes: 65,
    sequence: 1,
    records: 1,
    format: 'logs',
    at: new Date(new ManualClock().now()).toISOString(),
  })
  expect(disk.file(kept!).subarray(60).toString()).toBe('girst')
})

test('what is past the bound of the quarantine is counted all the same', async () => {
  const disk = await written()
  for (const path of segments(disk)) disk.file(path)[64 + 60]! ^= 1
  const { spool, losses } = await driven(disk, openForTest({ folder: '/queue', disk, quarantineBytes: 70 }))
  await readAll(spool)
  expect(losses.map(({ loss, records }) => [loss, records])).toEqual([
    ['corrupt', 1],
    ['corrupt', 4],
  ])
  expect(spool.status().quarantined).toBe(1)
})

async function opened(disk: SimulatedDisk, maxLossMs = 500) {
  return driven(disk, openForTest({ folder: '/queue', disk, maxLossMs, segmentBytes: 1000 }))
}

const append = (spool: Spool, text: string) => spool.append(Buffer.from(text), 1, 'logs')

test('a full disk refuses what does not fit, loses nothing of what is there, and takes again when there is room', async () => {
  const disk = new SimulatedDisk(half)
  const { spool } = await opened(disk)
  append(spool, 'before')
  disk.freeBytes = 70
  expect(() => append(spool, 'x'.repeat(100))).toThrow(expect.objectContaining({ code: 'ENOSPC', name: 'SpoolFull' }))
  expect(spool.status().trouble).toMatch(/ENOSPC|no space left/)
  append(spool, 'fits')
  expect(spool.status().trouble).toBeUndefined()
  expect(() => append(spool, 'y')).toThrow(expect.objectContaining({ name: 'SpoolFull' }))
  disk.freeBytes = 10_000
  append(spool, 'after')
  expect((await readAll(spool)).map(({ payload }) => payload.toString())).toEqual(['before', 'fits', 'after'])
  await driven(disk, spool.close())
})

test('a disk that fails to write is named, and used again when it works', async () => {
  const disk = new SimulatedDisk(() => 0.99)
  const { spool } = await opened(disk)
  append(spool, 'a')
  disk.faults = { write: 1 }
  expect(() => append(spool, 'b')).toThrow(expect.objectContaining({ code: 'EIO', name: 'SpoolFailed' }))
  disk.faults = {}
  append(spool, 'c')
  expect((await readAll(spool)).map(({ payload }) => payload.toString())).toEqual(['a', 'c'])
  await driven(disk, spool.close())
})

test('without descriptors the segment at hand goes on', async () => {
  const disk = new SimulatedDisk(half)
  const { spool } = await opened(disk)
  append(spool, 'x'.repeat(900))
  const make = disk.create
  disk.create = () => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
  }
  append(spool, 'y'.repeat(900))
  disk.create = make
  append(spool, 'z'.repeat(900))
  expect(spool.status().segments).toBe(2)
  expect(await readAll(spool)).toHaveLength(3)
  await driven(disk, spool.close())
})

test('a disk that does not give a place is asked again, and passed over when it never gives it', async () => {
  const disk = await written()
  const { spool, losses } = await driven(disk, openForTest({ folder: '/queue', disk }))
  disk.faults = { read: 1 }
  for (let i = 0; i < 4; i++) await expect(spool.read(100)).rejects.toMatchObject({ name: 'SpoolFailed', code: 'EIO' })
  const read: Disk['read'] = disk.read.bind(disk)
  let failures = 1
  disk.read = (fd, into, at) => (failures-- > 0 ? read(fd, into, at) : Promise.resolve(disk.readNow(fd, into, at)))
  expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([4, 5, 6])
  expect(losses).toEqual([expect.objectContaining({ loss: 'corrupt', records: 6 })])
  for (const sequence of [4, 5, 6]) spool.finish(sequence)
  disk.faults = {}
  await driven(disk, spool.close())
  expect(quarantined(disk)).toHaveLength(1)
})
