import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder } from '../../test/support/folder.ts'
import { deadLetterName, queueFolderName } from './folder-name.ts'
import { inspectQueue, peekQueue, queuesIn, verifyQueue } from './inspect.ts'
import { openForTest, readAll } from './spool-kit.fixture.ts'
import { takeBatches } from './take-batches.ts'

/** Every file of a folder with its bytes. */
function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true }).map(String)
  const plain = files.filter((file) => statSync(join(folder, file)).isFile()).sort()
  return Object.fromEntries(plain.map((file) => [file, readFileSync(join(folder, file), 'latin1')]))
}

const sequences = async (folder: string, range = {}) => {
  const found: number[] = []
  for await (const { sequence } of peekQueue(folder, range)) found.push(sequence)
  return found
}

/** A queue as a kill leaves it: five batches, 1 and 3 finished, the last file without its end. */
async function killed() {
  const folder = newFolder()
  const { spool, clock } = await openForTest({ folder, segmentBytes: 400 })
  for (let i = 1; i <= 5; i++) {
    spool.append(Buffer.alloc(60, i), i, 'logs')
    clock.advance(1000)
  }
  await readAll(spool)
  for (const sequence of [1, 3]) spool.finish(sequence)
  const copy = join(newFolder(), 'queue')
  cpSync(folder, copy, { recursive: true })
  return { copy, folder, spool, clock }
}

test('looking at a queue changes no byte of it, and tells what opening it would', async () => {
  const { copy, spool, clock } = await killed()
  const before = contents(copy)
  const info = await inspectQueue(copy)
  expect(info).toMatchObject({
    batches: 5,
    records: 15,
    segments: 3,
    position: 1,
    quarantined: { things: 0, bytes: 0 },
  })
  expect([info.oldest, info.newest]).toEqual([clock.now() - 5000, clock.now() - 1000])
  expect(await sequences(copy)).toEqual([1, 2, 3, 4, 5])
  expect(await verifyQueue(copy)).toMatchObject({ batches: 5, records: 15, faults: [], cutOff: 0 })
  expect(contents(copy)).toEqual(before)
  await spool.close()
  const again = await openForTest({ folder: copy })
  expect(again.spool.recovered).toEqual({ batches: 5, records: 15 })
  await again.spool.close()
})

test('what was finished out of turn is not shown after an orderly end', async () => {
  const { folder, spool, clock } = await killed()
  await spool.close()
  expect(await inspectQueue(folder)).toMatchObject({ batches: 3, records: 11, position: 2 })
  expect(await sequences(folder)).toEqual([2, 4, 5])
  expect(await sequences(folder, { since: clock.now() - 2000 })).toEqual([4, 5])
  expect(await sequences(folder, { to: clock.now() - 2000 })).toEqual([2])
})

test('batches of a time are taken out, and the others stay in their order', async () => {
  const { folder, spool, clock } = await killed()
  await spool.close()
  const second = await openForTest({ folder })
  const range = { since: clock.now() - 2000, to: clock.now() - 1000 }
  expect(await takeBatches(second.spool, range, () => Promise.resolve())).toMatchObject({ batches: 1, records: 4 })
  await second.spool.close()
  expect(await sequences(folder)).toEqual([2, 5])
  const third = await openForTest({ folder })
  const failing = await takeBatches(third.spool, {}, ({ sequence }) =>
    sequence === 5 ? Promise.reject(new Error('no')) : Promise.resolve(),
  )
  expect(failing).toMatchObject({ batches: 1, records: 2, stopped: new Error('no') })
  await third.spool.close()
  expect(await sequences(folder)).toEqual([5])
})

test('verify names damage, and takes a write that was cut off for none', async () => {
  const { copy, spool } = await killed()
  await spool.close()
  const files = readdirSync(copy).filter((name) => name.endsWith('.batches'))
  const [first, , last] = files.map((name) => join(copy, name))
  const bytes = readFileSync(first!)
  bytes[64]! ^= 1
  writeFileSync(first!, bytes)
  const end = readFileSync(last!)
  writeFileSync(last!, Buffer.concat([end, end.subarray(64, 100)]))
  const { faults, cutOff } = await verifyQueue(copy)
  expect(cutOff).toBe(36)
  expect(faults).toEqual([
    { file: files[0], offset: 64, bytes: 120, records: undefined, text: 'no header of a batch with a sound CRC-32' },
  ])
})

test('queues are found in a folder, and by their names', async () => {
  const folder = newFolder({ 'other/file': '' })
  const name = queueFolderName('exporter', 'otlp/eu', 'logs')
  expect(name).toBe('exporter_otlp_eu_logs')
  expect(queueFolderName('exporter', 'syslog', 'logs')).toBe('exporter_syslog__logs')
  expect(queueFolderName('exporter', 'otlp/a b~/ü', 'logs')).toBe('exporter_otlp_a~0020b~007E~002F~00FC_logs')
  for (const each of [name, deadLetterName(name)]) {
    await (await openForTest({ folder: join(folder, each) })).spool.close()
  }
  expect(queuesIn(folder)).toEqual([join(folder, name), join(folder, `${name}.dead`)])
  expect(queuesIn(join(folder, name))).toEqual([join(folder, name)])
})
