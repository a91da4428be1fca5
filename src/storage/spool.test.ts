import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder } from '../../test/support/folder.ts'
import { peekQueue } from './inspect.ts'
import { SpoolFull } from './spool.ts'
import { openForTest, readAll } from './spool-kit.fixture.ts'

const bytes = (text: string) => Buffer.from(text)
const segmentsIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.batches'))
    .sort()

test('what was appended is read in order, with its bytes, count, format, time and note', async () => {
  const folder = join(newFolder(), 'queue')
  const { spool, clock } = await openForTest({ folder })
  const origin = { address: '10.0.0.7', port: 4711, subject: undefined, metadata: { tenant: 'a' } }
  expect(spool.append(bytes('one'), 1, 'logs')).toBe(1)
  clock.jump(5000)
  expect(spool.append(bytes('two'), 7, 'envelopes', { origin })).toBe(2)
  expect([spool.records, spool.batches, spool.unread]).toEqual([8, 2, 2])
  const [one, two] = await readAll(spool)
  expect(one).toMatchObject({ sequence: 1, count: 1, format: 'logs', at: clock.now() - 5000, note: undefined })
  expect(one!.payload.toString()).toBe('one')
  expect(two).toMatchObject({ sequence: 2, count: 7, format: 'envelopes', at: clock.now() })
  expect(two!.note).toEqual({ origin: { address: '10.0.0.7', port: 4711, metadata: { tenant: 'a' } } })
  expect([spool.records, spool.batches, spool.unread]).toEqual([8, 2, 0])
  await spool.close()
})

test('what is finished does not come again, what is not comes again with the same sequence', async () => {
  const folder = newFolder()
  const first = await openForTest({ folder })
  for (const text of ['a', 'b', 'c', 'd']) first.spool.append(bytes(text), 2, 'logs')
  await readAll(first.spool)
  first.spool.finish(3)
  first.spool.finish(1)
  expect(first.spool.records).toBe(4)
  await first.spool.close()
  const { spool } = await openForTest({ folder })
  expect(spool.recovered).toEqual({ batches: 2, records: 4 })
  expect((await readAll(spool)).map(({ sequence, payload }) => [sequence, payload.toString()])).toEqual([
    [2, 'b'],
    [4, 'd'],
  ])
  for (const sequence of [2, 4]) spool.finish(sequence)
  expect(spool.records).toBe(0)
  expect(spool.append(bytes('e'), 1, 'logs')).toBe(5)
  await spool.close()
})

test('a fresh batch can be kept by its caller, as long as nothing older is unread', async () => {
  const { spool } = await openForTest({ folder: newFolder() })
  expect(spool.took(spool.append(bytes('a'), 1, 'logs'))).toBe(true)
  const b = spool.append(bytes('b'), 1, 'logs')
  const c = spool.append(bytes('c'), 1, 'logs')
  expect([spool.took(c), spool.took(b)]).toEqual([false, false])
  expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([b, c])
  expect(spool.took(spool.append(bytes('d'), 1, 'logs'))).toBe(true)
  expect([spool.batches, spool.unread]).toEqual([4, 0])
  for (const sequence of [1, 2, 3, 4]) spool.finish(sequence)
  expect([spool.batches, spool.records]).toEqual([0, 0])
  await spool.close()
})

test('finishing what was not given, or twice, changes nothing', async () => {
  const { spool } = await openForTest({ folder: newFolder() })
  spool.append(bytes('a'), 3, 'logs')
  spool.finish(1)
  spool.finish(77)
  expect(spool.records).toBe(3)
  await readAll(spool)
  spool.finish(1)
  spool.finish(1)
  expect(spool.records).toBe(0)
  await spool.close()
})

test('segments whose batches are all finished are removed, others stay', async () => {
  const folder = newFolder()
  const { spool } = await openForTest({ folder, segmentBytes: 400 })
  for (let i = 0; i < 12; i++) spool.append(Buffer.alloc(60, i), 1, 'logs')
  expect(segmentsIn(folder)).toHaveLength(6)
  await readAll(spool)
  for (let i = 2; i <= 12; i++) spool.finish(i)
  expect(spool.status().segments).toBe(6)
  spool.finish(1)
  expect(spool.status()).toMatchObject({ segments: 1, batches: 0, position: 13 })
  await spool.close()
  expect(segmentsIn(folder)).toEqual([])
})

test('a full queue refuses, and takes again when the oldest segment was removed', async () => {
  const folder = newFolder()
  const { spool, losses } = await openForTest({ folder, segmentBytes: 1000, maxBytes: 4000 })
  let appended = 0
  while (spool.fits(200)) {
    spool.append(Buffer.alloc(200), 5, 'logs')
    appended++
  }
  expect(() => spool.append(Buffer.alloc(200), 5, 'logs')).toThrow(SpoolFull)
  expect(spool.bytes).toBeLessThanOrEqual(4000)
  const lost = spool.dropOldest()!
  expect(lost).toBe(15)
  expect(losses).toEqual([{ loss: 'displaced', records: 15, detail: 'the queue on disk was full' }])
  expect(spool.records).toBe(appended * 5 - lost)
  spool.append(Buffer.alloc(200), 5, 'logs')
  expect((await readAll(spool)).map(({ sequence }) => sequence)[0]).toBe(4)
  await spool.close()
})

test('a queue whose batches are all finished takes a batch of nearly its whole bound', async () => {
  const { spool } = await openForTest({ folder: newFolder(), maxBytes: 10_000 })
  spool.took(spool.append(Buffer.alloc(5000), 1, 'logs'))
  expect(spool.fits(9000)).toBe(false)
  spool.finish(1)
  expect(spool.fits(9000)).toBe(true)
  spool.append(Buffer.alloc(9000, 7), 1, 'logs')
  const [record] = await readAll(spool)
  expect(record!.payload.equals(Buffer.alloc(9000, 7))).toBe(true)
  expect(spool.dropOldest()).toBe(0)
  expect(spool.dropOldest()).toBeUndefined()
  await spool.close()
})

test('segments that are too old are removed and counted, whatever the wall clock does meanwhile', async () => {
  const folder = newFolder()
  const { spool, clock, losses } = await openForTest({ folder, segmentBytes: 400, maxAgeMs: 60_000 })
  for (let i = 0; i < 4; i++) spool.append(Buffer.alloc(60), 2, 'logs')
  clock.advance(50_000)
  clock.jump(3_600_000)
  spool.append(Buffer.alloc(60), 2, 'logs')
  expect(spool.records).toBe(10)
  clock.advance(20_000)
  expect(losses.map(({ loss, records }) => [loss, records])).toEqual([
    ['expired', 4],
    ['expired', 4],
  ])
  expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([5])
  await spool.close()
})

test('the age of what an earlier process left is known from its footers', async () => {
  const folder = newFolder()
  const first = await openForTest({ folder, segmentBytes: 400 })
  for (let i = 0; i < 4; i++) {
    first.spool.append(Buffer.alloc(60), 2, 'logs')
    first.clock.advance(10_000)
  }
  await first.spool.close()
  const { losses, spool } = await openForTest({ folder, maxAgeMs: 15_000, clock: first.clock })
  expect(losses.map(({ records }) => records)).toEqual([4])
  expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([3, 4])
  await spool.close()
})

test('clear removes what is unread and leaves what was given', async () => {
  const { spool, losses } = await openForTest({ folder: newFolder() })
  spool.took(spool.append(bytes('a'), 1, 'logs'))
  spool.append(bytes('b'), 2, 'logs')
  spool.append(bytes('c'), 3, 'logs')
  expect(spool.clear()).toBe(5)
  expect(losses).toEqual([{ loss: 'removed', records: 5, detail: 'an operator removed them' }])
  expect([spool.records, spool.unread]).toEqual([1, 0])
  expect(await readAll(spool)).toEqual([])
  spool.append(bytes('d'), 1, 'logs')
  expect((await readAll(spool)).map(({ payload }) => payload.toString())).toEqual(['d'])
  await spool.close()
})

test('what was given and not finished is given again after a rewind, in order, and nothing twice in the count', async () => {
  const { spool, losses } = await openForTest({ folder: newFolder(), segmentBytes: 400 })
  const numbers = async () => (await readAll(spool)).map(({ sequence }) => sequence)
  for (let i = 0; i < 6; i++) spool.append(Buffer.alloc(60, i), 10, 'logs')
  expect(await numbers()).toEqual([1, 2, 3, 4, 5, 6])
  for (const sequence of [1, 3, 4]) spool.finish(sequence)
  expect(spool.status()).toMatchObject({ position: 2, next: 7, outOfTurn: 2 })
  expect(spool.rewind()).toBe(true)
  expect([spool.records, spool.unread, spool.took(spool.append(Buffer.alloc(60), 10, 'logs'))]).toEqual([30, 3, false])
  expect(await numbers()).toEqual([2, 5, 6, 7])
  for (const sequence of [2, 5, 6, 7]) spool.finish(sequence)
  expect([spool.records, spool.batches, spool.rewind(), losses]).toEqual([0, 0, true, []])
  await spool.close()
})

test('finished batches that are not remembered any more are unread again after a rewind, and counted', async () => {
  const { spool, losses } = await openForTest({ folder: newFolder() })
  for (let i = 0; i < 70_000; i++) spool.append(bytes('a'), 2, 'logs')
  const given = await readAll(spool)
  for (const { sequence } of given.slice(1, 66_001)) spool.finish(sequence)
  expect([spool.rewind(), spool.status().outOfTurn < 65_536]).toEqual([true, true])
  expect(spool.records).toBe(spool.unread * 2)
  for (const { sequence } of await readAll(spool)) spool.finish(sequence)
  expect([spool.records, spool.batches, losses]).toEqual([0, 0, []])
  await spool.close()
})

test('what was finished out of turn can be seen, and survives a kill, once it was written down', async () => {
  const folder = newFolder()
  const { spool } = await openForTest({ folder })
  for (const text of ['a', 'b', 'c', 'd']) spool.append(bytes(text), 1, 'logs')
  await readAll(spool)
  for (const sequence of [2, 3]) spool.finish(sequence)
  await spool.saveFinished()
  const waiting: number[] = []
  for await (const { sequence } of peekQueue(folder)) waiting.push(sequence)
  expect(waiting).toEqual([1, 4])
  await spool.close()
})

test('whether a batch that was given stands on disk still', async () => {
  const { spool } = await openForTest({ folder: newFolder(), segmentBytes: 400 })
  for (let i = 0; i < 6; i++) spool.append(Buffer.alloc(60, i), 1, 'logs')
  await readAll(spool)
  spool.dropOldest()
  expect([1, 2, 3, 6].map((sequence) => spool.stands(sequence))).toEqual([false, false, true, true])
  await spool.close()
})

test('what was damaged is told once, though it is passed again after a rewind', async () => {
  const folder = newFolder()
  const { spool, losses } = await openForTest({ folder })
  for (const text of ['aaaa', 'bbbb', 'cccc']) spool.append(bytes(text), 2, 'logs')
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.batches'))!)
  writeFileSync(file, readFileSync(file, 'latin1').replace('bbbb', 'bxbb'), 'latin1')
  for (let i = 0; i < 2; i++) {
    expect((await readAll(spool)).map(({ sequence }) => sequence)).toEqual([1, 3])
    expect([spool.records, losses.map(({ records }) => records)]).toEqual([4, [2]])
    expect(spool.rewind()).toBe(true)
  }
  await spool.close()
})

test('there is no way back to what stands on disk no longer', async () => {
  const { spool } = await openForTest({ folder: newFolder(), segmentBytes: 400 })
  for (let i = 0; i < 6; i++) spool.append(Buffer.alloc(60, i), 1, 'logs')
  await readAll(spool)
  spool.dropOldest()
  expect([spool.rewind(), spool.batches]).toEqual([false, 6])
  await spool.close()
})

test('folder and files are for the user of the process alone', async () => {
  const folder = join(newFolder(), 'deep', 'queue')
  const { spool } = await openForTest({ folder })
  spool.append(bytes('a'), 1, 'logs')
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
  expect(mode(folder)).toBe('700')
  for (const name of readdirSync(folder)) expect([name, mode(join(folder, name))]).toEqual([name, '600'])
  await spool.close()
})

test('a queue that is open cannot be opened again, and can when it was closed', async () => {
  const folder = newFolder()
  const { spool } = await openForTest({ folder })
  await expect(openForTest({ folder })).rejects.toThrow(/is in use by this process; two processes cannot share a queue/)
  await spool.close()
  await (await openForTest({ folder })).spool.close()
})

test('a folder of a newer version is refused and left as it is', async () => {
  const folder = newFolder()
  await (await openForTest({ folder })).spool.close()
  writeFileSync(join(folder, 'format'), 'tailrace disk queue, version 7\n')
  const before = readdirSync(folder)
  await expect(openForTest({ folder })).rejects.toThrow(/written by a newer tailrace \(version 7 .* this one knows 1\)/)
  expect(readdirSync(folder)).toEqual(before)
  expect(readFileSync(join(folder, 'format'), 'utf8')).toBe('tailrace disk queue, version 7\n')
})

test('a folder with other files, a file, and a folder without permission are refused in a sentence', async () => {
  const folder = newFolder({ 'notes.txt': 'mine' })
  await expect(openForTest({ folder })).rejects.toThrow(/is not the folder of a queue: it holds notes.txt/)
  await expect(openForTest({ folder: join(folder, 'notes.txt') })).rejects.toThrow(/is not a folder/)
  if (process.getuid?.() === 0) return
  mkdirSync(join(folder, 'closed'))
  chmodSync(join(folder, 'closed'), 0)
  await expect(openForTest({ folder: join(folder, 'closed') })).rejects.toThrow(/no permission/)
})

test('reading while a read is under way is refused, appending and removing are not', async () => {
  const { spool } = await openForTest({ folder: newFolder(), segmentBytes: 400 })
  for (let i = 0; i < 8; i++) spool.append(Buffer.alloc(60, i), 1, 'logs')
  const reading = spool.read(1000)
  await expect(spool.read(1000)).rejects.toThrow('being read already')
  expect(spool.dropOldest()).toBe(2)
  spool.append(Buffer.alloc(60, 8), 1, 'logs')
  const records = [...(await reading), ...(await readAll(spool))]
  expect(records.map(({ sequence }) => sequence)).toEqual([3, 4, 5, 6, 7, 8, 9])
  await spool.close()
})

test('batches larger than a segment and than a read come whole', async () => {
  const folder = newFolder()
  const { spool } = await openForTest({ folder, segmentBytes: 1000 })
  const sizes = [10, 5000, 20, 30, 100_000, 7]
  for (const [i, size] of sizes.entries()) spool.append(Buffer.alloc(size, i + 1), 1, 'traces')
  const records = await readAll(spool, 64)
  expect(records.map(({ payload }) => payload.length)).toEqual(sizes)
  for (const [i, { payload }] of records.entries()) expect(payload.every((byte) => byte === i + 1)).toBe(true)
  await spool.close()
})
