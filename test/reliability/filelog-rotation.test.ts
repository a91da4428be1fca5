import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, unlinkSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { type Run, startRun } from '../../src/receivers/filelog/filelog.fixture.ts'

const rotations = 1000
const linesEach = 200

/**
 * Writes lines `0`, `1`, ... to app.log and rotates it. Lines go out in odd pieces, as writers with buffers do. It keeps
 * `kept` generations, named by number (moved on at each rotation) or by a stamp. copytruncate: nothing is written between
 * copy and truncation, where logrotate itself loses what is written. Enough generations are kept for a machine that is
 * busy with other things for a while: what was deleted before anybody could look is lost.
 */
const writer = `
const fs = require('node:fs')
const [how, names, kept, pauseMs] = process.argv.slice(1)
const path = 'app.log'
let fd = fs.openSync(path, 'a')
let n = 0
const old = []
const shift = () => {
  for (let i = +kept; i >= 1; i--) if (fs.existsSync(path + '.' + i)) i === +kept ? fs.unlinkSync(path + '.' + i) : fs.renameSync(path + '.' + i, path + '.' + (i + 1))
}
const rotate = (r) => {
  let to = path + '.1'
  if (names === 'stamps') {
    to = path + '-' + String(r).padStart(8, '0')
    old.push(to)
    if (old.length > +kept) fs.unlinkSync(old.shift())
  } else shift()
  if (how === 'rename') {
    fs.renameSync(path, to)
    // What a service writes before it notices.
    fs.writeSync(fd, text(3))
    fs.closeSync(fd)
    fd = fs.openSync(path, 'a')
  } else {
    fs.copyFileSync(path, to)
    fs.ftruncateSync(fd)
  }
}
const text = (lines) => { let all = ''; for (let i = 0; i < lines; i++) all += n++ + ' some text of a line that is as long as such lines are\\n'; return all }
const go = (r) => {
  if (r === ${rotations}) return process.stdout.write(String(n))
  const all = text(${linesEach})
  for (let pos = 0; pos < all.length; pos += 3333) fs.writeSync(fd, all.slice(pos, pos + 3333))
  rotate(r)
  setTimeout(go, +pauseMs, r + 1)
}
go(0)
`

async function storm(run: Run, ...args: string[]): Promise<number> {
  const child = spawn(process.execPath, ['-e', writer, ...args], {
    cwd: run.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (part) => (text += part))
  await once(child, 'close')
  return Number(text)
}

const quiet = async (run: Run) => {
  for (let before = -1; before !== run.counter('entries'); ) {
    before = run.counter('entries')
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}
const numbers = (run: Run) => run.bodies().map((body) => Number.parseInt(body, 10))

test.each([
  ['renamed, names move on', 'rename', 'numbers', '60', 'app.log'],
  ['renamed, names with a stamp', 'rename', 'stamps', '60', 'app.log'],
  ['renamed, and the glob names all', 'rename', 'numbers', '60', 'app.log*'],
  ['copied and truncated, names move on', 'copy', 'numbers', '60', 'app.log'],
  ['copied and truncated, and the glob names all', 'copy', 'stamps', '60', 'app.log*'],
])('1,000 rotations under load lose no line: %s', { timeout: 90_000 }, async (_, how, names, kept, include) => {
  const run = await startRun({ include: [include], max_concurrent_files: 200 })
  const written = await storm(run, how, names, kept, '5')
  await quiet(run)
  const got = numbers(run)
  const seen = new Set(got)
  const missing = Array.from({ length: written }, (_, i) => i).filter((i) => !seen.has(i))
  expect({ missing: missing.length, repeated: got.length - seen.size, lost: run.counter('lost_bytes') }).toEqual({
    missing: 0,
    repeated: 0,
    lost: 0,
  })
  expect(run.counter('open_files')).toBeLessThanOrEqual(200)
})

test('rotated several times between two looks', async () => {
  const run = await startRun({ poll_interval: '400ms' })
  run.write('app.log', 'a\n')
  await run.lines(1)
  const { renameSync } = await import('node:fs')
  run.write('app.log', 'b\n')
  renameSync(run.path('app.log'), run.path('app.log.3'))
  run.write('app.log.2', 'c\n')
  run.write('app.log.1', 'd\n')
  run.write('app.log', 'e\n')
  expect((await run.lines(5)).sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('generations from before the start are left alone', async () => {
  const run = await startRun({ include: ['none.log'] })
  await run.stop()
  run.write('app.log.1', 'old\n')
  await new Promise((resolve) => setTimeout(resolve, 50))
  const next = await startRun({ include: ['app.log'] }, { folder: run.folder })
  next.write('app.log', 'a\n')
  await next.lines(1)
  unlinkSync(next.path('app.log'))
  next.write('app.log', 'b\n')
  expect(await next.lines(2)).toEqual(['a', 'b'])
  expect(readdirSync(next.folder)).toHaveLength(2)
})
