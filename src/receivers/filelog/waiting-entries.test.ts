import { renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Run, type RunOptions, startRun } from './filelog.fixture.ts'

/** Lines that begin with + belong to the one before; they wait for ever, or for `flush`. */
const settings = (flush = '1h') => ({
  include_file_path: true,
  operators: [
    {
      type: 'recombine',
      combine_field: 'body',
      is_first_entry: 'not (body startsWith "+")',
      force_flush_period: flush,
    },
  ],
})
const saved = { ...settings(), checkpoints: 'state' }
const again = (run: Run, options: RunOptions = {}) => startRun(saved, { folder: run.folder, ...options })
const entries = (run: Run, count: number) => run.until(() => run.counter('entries') === count)

test('entries that wait at the end are read again, and go on with what belongs to them', async () => {
  const run = await startRun(saved)
  run.write('x.log', 'one\ntwo\n+more\n')
  await entries(run, 3)
  expect(await run.lines(1)).toEqual(['one'])
  await run.stop()
  run.write('x.log', '+rest\nthree\nfour\n')
  const next = await again(run)
  expect(await next.lines(2)).toEqual(['two\n+more\n+rest', 'three'])
})

test('what follows one that waits is not settled before it', async () => {
  const run = await startRun({ ...saved, include: ['*.log'] })
  run.write('x.log', 'one\n')
  await entries(run, 1)
  run.write('y.log', 'other\nlast\n')
  expect(await run.lines(1)).toEqual(['other'])
  await run.stop()
  const next = await again(run)
  next.write('x.log', 'two\n')
  next.write('y.log', 'end\n')
  expect((await next.lines(2)).sort()).toEqual(['last', 'one'])
})

test('what several operators let wait after each other is read again from its first line on', async () => {
  const [join] = settings('1ms').operators
  const chain = { ...saved, operators: [join, { ...join, id: 'last', force_flush_period: '1h' }] }
  const run = await startRun(chain)
  run.write('x.log', 'one\n+more\n')
  run.write('y.log', 'two\n')
  await entries(run, 3)
  await run.stop()
  run.write('x.log', 'three\nfour\n')
  const next = await startRun(chain, { folder: run.folder })
  expect((await next.lines(1))[0]).toBe('one\n+more')
})

test('without checkpoints they go on when the receiver stops', async () => {
  const run = await startRun(settings())
  run.write('x.log', 'one\n+more\n')
  await entries(run, 2)
  await run.stop()
  expect(run.bodies()).toEqual(['one\n+more'])
})

test('they go on when they have waited long enough, and are not read again', async () => {
  const run = await startRun({ ...settings('20ms'), checkpoints: 'state' })
  run.write('x.log', 'one\n+more\n')
  expect(await run.lines(1)).toEqual(['one\n+more'])
  await run.stop()
  run.write('x.log', 'two\nthree\n')
  expect(await (await again(run)).lines(1)).toEqual(['two'])
})

test('an entry may go on in the file that took the place of its own', async () => {
  const run = await startRun(saved)
  run.write('x.log', 'one\n')
  await entries(run, 1)
  renameSync(run.path('x.log'), run.path('x.log.1'))
  run.write('x.log', '+more\ntwo\n')
  expect(await run.lines(1)).toEqual(['one\n+more'])
})

test('the memory of what waits is given back', async () => {
  const run = await startRun(settings())
  run.write('x.log', 'one\n+more\n')
  await entries(run, 2)
  await run.stop()
  expect(run.budget.used).toBe(0)
})
