import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { expect, test } from 'vitest'
import { newFolder } from '../../../test/support/folder.ts'
import { Refused } from '../../plugin.ts'
import { newCheckpointDisk } from './checkpoint-disk.ts'
import { type Run, startRun } from './filelog.fixture.ts'

const settings = { checkpoints: 'state' }
const again = (run: Run, more: object = {}) => startRun({ ...settings, ...more }, { folder: run.folder })

test('an orderly restart neither loses nor repeats', async () => {
  const run = await startRun({ ...settings, start_at: 'end' })
  run.write('x.log', 'a\nb\n')
  await run.lines(2)
  await run.stop()
  run.write('x.log', 'c\n')
  run.write('new.log', 'd\n')
  const next = await again(run, { start_at: 'end' })
  expect((await next.lines(2)).sort()).toEqual(['c', 'd'])
  expect(statSync(run.path('state')).mode & 0o777).toBe(0o600)
})

test('what was there at the first start and never read is known to the second', async () => {
  const folder = newFolder({ 'x.log': 'old\n' })
  const run = await startRun({ ...settings, start_at: 'end' }, { folder })
  await run.until(() => run.counter('watched_files') === 1)
  await run.stop()
  run.write('x.log', 'while down\n')
  expect(await (await again(run, { start_at: 'end' })).lines(1)).toEqual(['while down'])
})

test('records that a queue drops at the end of the process are read again', async () => {
  const run = await startRun(settings, { holds: true })
  run.write('x.log', 'a\n')
  await run.lines(1)
  run.settle()
  run.write('x.log', 'b\n')
  await run.lines(2)
  run.write('x.log', 'c\n')
  await run.lines(3)
  await run.stop()
  run.settle('shutdown')
  expect(run.log.at(-1)).toContain('2 records were not delivered everywhere before the end and will be read again')
  expect(await (await again(run)).lines(2)).toEqual(['b', 'c'])
})

test('records that are delivered while the queues drain are not', async () => {
  const run = await startRun(settings, { holds: true })
  run.write('x.log', 'a\nb\n')
  await run.lines(2)
  await run.stop()
  run.settle()
  run.write('x.log', 'c\n')
  expect(await (await again(run)).lines(1)).toEqual(['c'])
})

test('a stop while the pipeline takes nothing repeats what was refused', async () => {
  const stuck = new Promise<void>(() => {})
  const run = await startRun(settings, {
    intake: {
      offer: (batch, signal) =>
        new Promise((_, reject) => {
          const withdrawn = () => reject(new Refused('withdrawn'))
          signal!.addEventListener('abort', withdrawn)
          void stuck
          void batch
        }),
    },
  })
  run.write('x.log', 'a\n')
  await run.until(() => run.counter('entries') === 1)
  await run.stop()
  expect(await (await again(run)).lines(1)).toEqual(['a'])
})

test('only what was settled in one piece from the beginning counts', async () => {
  const run = await startRun(settings, { holds: true })
  for (const line of ['a', 'b', 'c']) {
    run.write('x.log', `${line}\n`)
    await run.until(() => run.bodies().includes(line))
  }
  const [, second] = run.batches
  second!.receipts[0]!.settle('delivered')
  // As a kill leaves it: nothing is told to stop.
  copyFileSync(run.path('state'), run.path('state.killed'))
  renameSync(run.path('state.killed'), run.path('other'))
  const next = await startRun({ checkpoints: 'other' }, { folder: run.folder })
  expect(await next.lines(3)).toEqual(['a', 'b', 'c'])
})

test('the rest of an entry that was cut is left out after a restart, too', async () => {
  const truncate = { max_log_size: '16', max_log_size_behavior: 'truncate' }
  const run = await startRun({ ...settings, ...truncate })
  run.write('x.log', 'a line of which the rest is')
  await run.lines(1)
  await run.stop()
  run.write('x.log', ' left out\nnext\n')
  expect([...run.bodies(), ...(await (await again(run, truncate)).lines(1))]).toEqual(['a line of which', 'next'])
})

test('a file that was renamed while nobody looked is read to its end, and those in between', async () => {
  const run = await startRun(settings)
  run.write('x.log', 'a\n')
  await run.lines(1)
  await run.stop()
  run.write('x.log', 'b\n')
  renameSync(run.path('x.log'), run.path('x.log.2'))
  run.write('x.log.1', 'c\n')
  run.write('x.log', 'd\n')
  const next = await again(run)
  expect((await next.lines(3)).sort()).toEqual(['b', 'c', 'd'])
  await next.stop()
  const third = await again(run)
  third.write('x.log', 'e\n')
  expect(await third.lines(1)).toEqual(['e'])
})

test('copied and truncated while nobody looked', async () => {
  const run = await startRun(settings)
  run.write('x.log', 'a\n')
  await run.lines(1)
  await run.stop()
  run.write('x.log', 'b\n')
  copyFileSync(run.path('x.log'), run.path('x.log.1'))
  truncateSync(run.path('x.log'))
  run.write('x.log', 'c\n')
  expect((await (await again(run)).lines(2)).sort()).toEqual(['b', 'c'])
})

test('another file with the inode of the one before is read whole', async () => {
  const run = await startRun(settings)
  run.write('x.log', 'aaaa\n')
  await run.lines(1)
  await run.stop()
  // The same inode, other text.
  writeFileSync(run.path('x.log'), 'bbbb\nc\n')
  expect(await (await again(run)).lines(2)).toEqual(['bbbb', 'c'])
})

test('a torn last line of the checkpoints is left out', async () => {
  const run = await startRun(settings)
  run.write('x.log', 'a\n')
  await run.lines(1)
  run.write('x.log', 'b\n')
  await run.lines(2)
  await run.stop()
  const text = readFileSync(run.path('state'), 'utf8')
  writeFileSync(run.path('state'), text.slice(0, -3))
  expect(await (await again(run)).lines(1)).toEqual(['b'])
})

test.each([
  ['not a list', 'rubbish\n'],
  ['empty', ''],
  ['zeroes', '\0'.repeat(1000)],
  ['a newer version', '{"tailrace":"filelog checkpoints","version":9}\n'],
  ['a wrong line', '{"tailrace":"filelog checkpoints","version":1}\n["m",1,2,3,4]\n["f"]\n'],
])('damaged checkpoints are put aside, and files begin by start_at: %s', async (_, text) => {
  const folder = newFolder({ 'x.log': 'a\n', state: text })
  const run = await startRun(settings, { folder })
  expect(await run.lines(1)).toEqual(['a'])
  expect(run.log.join('')).toMatch(/are damaged \(.*\): files begin by start_at; it was kept as .*state\.corrupt/)
  await run.stop()
  expect(readFileSync(`${folder}/state.corrupt`, 'utf8')).toBe(text)
  expect((await again(run)).log.join('')).not.toMatch('damaged')
})

test('a disk that is full stops nothing, and checkpoints are whole again when there is room', async () => {
  const folder = newFolder()
  const real = newCheckpointDisk(`${folder}/state`)
  let isFull = false
  const full = (text: string, write: (text: string) => void) => {
    if (!isFull) return write(text)
    write === real.append && write(text.slice(0, 5))
    throw new Error('ENOSPC: no space left on device')
  }
  const disk = {
    ...real,
    append: (text: string) => full(text, real.append),
    replace: (text: string) => full(text, real.replace),
  }
  const run = await startRun(settings, { folder, disk })
  run.write('x.log', 'a\n')
  await run.lines(1)
  isFull = true
  for (const line of ['b', 'c']) {
    run.write('x.log', `${line}\n`)
    await run.until(() => run.bodies().includes(line))
  }
  expect(run.log.join('')).toMatch(/checkpoints cannot be written to .* \(ENOSPC.*\): reading goes on/)
  expect(run.counter('checkpoint_failures')).toBeGreaterThan(0)
  isFull = false
  await run.until(() => run.log.some((line) => line.includes('checkpoints are written again')))
  await run.stop()
  run.write('x.log', 'd\n')
  expect(await (await again(run)).lines(1)).toEqual(['d'])
})

test('a folder for checkpoints that is not there is a warning, not an end', async () => {
  const run = await startRun({ checkpoints: 'none/state' })
  run.write('x.log', 'a\n')
  await run.lines(1)
  await run.until(() => run.log.some((line) => line.includes('checkpoints cannot be written')))
  mkdirSync(run.path('none'))
  await run.stop()
  expect(statSync(run.path('none/state')).size).toBeGreaterThan(0)
  rmSync(run.path('none'), { recursive: true })
})

test('the list stays small however much was settled', async () => {
  const { Checkpoints } = await import('./checkpoints.ts')
  const { Tail } = await import('./tail.ts')
  const { systemClock } = await import('../../runtime/clock.ts')
  const { silentLog } = await import('../../runtime/log.ts')
  const folder = newFolder()
  const all = new Checkpoints(newCheckpointDisk(`${folder}/state`), 'state', silentLog, systemClock)
  const tail = new Tail(1, '/x', { dev: 1, ino: 2, size: 3, mtimeMs: 4 }, 5)
  all.put(tail)
  all.open([])
  for (let i = 0; i < 50_000; i++) {
    tail.settlement.mark = { offset: 1_000_000 + i, lapSize: 64, lapSum: 4_000_000_000, skips: false }
    all.move(tail)
    all.commit()
  }
  all.close()
  expect(statSync(`${folder}/state`).size).toBeLessThan(1 << 20)
  expect(
    new Checkpoints(newCheckpointDisk(`${folder}/state`), 'state', silentLog, systemClock).load()[0]!.mark.offset,
  ).toBe(1_049_999)
})
