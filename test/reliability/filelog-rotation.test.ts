import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, renameSync, unlinkSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { type Batch, Cursor, compilePath, Value } from '../../src/plugin.ts'
import { type Run, startRun } from '../../src/receivers/filelog/filelog.fixture.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { newFolder } from '../support/folder.ts'
import { pause } from '../support/role.ts'

const rotations = 1000
const linesEach = 200
const lineTail = ' some text of a line that is as long as such lines are\n'

/**
 * Writes lines `0`, `1`, ... to app.log and rotates it, like logrotate without any regard for who reads. Lines go out in
 * odd pieces, as writers with buffers do. It keeps `kept` generations, named by number (moved on at each rotation) or by
 * a stamp. copytruncate: nothing is written between copy and truncation, where logrotate itself loses what is written.
 * Prints a list of the files it made: lines, and when each began and was deleted.
 */
const writer = `
const fs = require('node:fs')
const [how, names, kept, pauseMs] = process.argv.slice(1)
const path = 'app.log'
let fd = fs.openSync(path, 'a')
let n = 0
const files = []
/** Those that are there, oldest first. */
const old = []
let current = { first: 0, bornAt: Date.now() }
const remove = (name) => {
  old.shift().deletedAt = Date.now()
  fs.unlinkSync(name)
}
const shift = () => {
  for (let i = +kept; i >= 1; i--) if (fs.existsSync(path + '.' + i)) i === +kept ? remove(path + '.' + i) : fs.renameSync(path + '.' + i, path + '.' + (i + 1))
}
const stampOf = (r) => path + '-' + String(r).padStart(8, '0')
const rotate = (r) => {
  const to = names === 'stamps' ? stampOf(r) : path + '.1'
  if (names === 'numbers') shift()
  else if (old.length >= +kept) remove(stampOf(r - kept))
  if (how === 'rename') {
    fs.renameSync(path, to)
    // What a service writes before it notices.
    fs.writeSync(fd, text(3))
    fs.closeSync(fd)
    fd = fs.openSync(path, 'a')
  } else {
    fs.copyFileSync(path, to)
    fs.ftruncateSync(fd)
    // From now on only the copy has it, whole.
    current.bornAt = Date.now()
  }
  current.behind = n
  files.push(current)
  old.push(current)
  current = { first: n, bornAt: Date.now() }
}
const text = (lines) => { let all = ''; for (let i = 0; i < lines; i++) all += n++ + ${JSON.stringify(lineTail)}; return all }
const go = (r) => {
  if (r === ${rotations}) return process.stdout.write(JSON.stringify(files))
  const all = text(${linesEach})
  for (let pos = 0; pos < all.length; pos += 3333) fs.writeSync(fd, all.slice(pos, pos + 3333))
  rotate(r)
  setTimeout(go, +pauseMs, r + 1)
}
go(0)
`

/** A file that the rotator made, with lines `[first, behind)`; times in milliseconds since 1970. */
interface Made {
  first: number
  behind: number
  bornAt: number
  deletedAt?: number
}

async function storm(run: Run, ...args: string[]): Promise<Made[]> {
  const child = spawn(process.execPath, ['-e', writer, ...args], {
    cwd: run.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (part) => (text += part))
  await once(child, 'close')
  return JSON.parse(text)
}

/** What may be a copy of a log is held, and what was cut off waits for its copy, for so long. */
const copyMs = 2000

/** Resolves when many looks, and more time than anything is held, have brought nothing more. */
const quiet = async (run: Run) => {
  for (let before = -1; before !== run.counter('entries'); ) {
    before = run.counter('entries')
    const looks = run.counter('looks')
    await pause(copyMs * 1.5)
    await run.until(() => run.counter('looks') > looks + 20)
  }
}

/** A receiver and the times when its looks ended. A look that ended after another one began after that. */
async function startObserved(include: string, mostOpen: number) {
  const lookEnds: number[] = []
  let run: Run | undefined
  const note = () => {
    if (!run || run.counter('looks') === lookEnds.length) return
    while (lookEnds.length < run.counter('looks')) lookEnds.push(Date.now())
  }
  const clock = {
    ...systemClock,
    // The receiver asks for the time right after a look.
    monotonic() {
      note()
      return systemClock.monotonic()
    },
  }
  // A log that comes and is rotated before it was ever looked at is not known to be one.
  const folder = newFolder({ 'app.log': '' })
  run = await startRun({ include: [include], max_concurrent_files: mostOpen }, { folder, clock })
  await run.until(() => run!.counter('watched_files') === 1)
  return { run, lookEnds }
}

/** A machine that is busy with other things for a while, every second. */
function keepBusy(busyMs: number): void {
  const timer = setInterval(() => {
    for (const end = performance.now() + busyMs; performance.now() < end; );
  }, 1000)
  onTestFinished(() => clearInterval(timer))
}

/** Looks that began and ended while the file was there to be found. */
function looksAt({ bornAt, deletedAt }: Made, lookEnds: readonly number[]): number {
  const ends = lookEnds.filter((end) => end > bornAt && end < (deletedAt ?? Number.POSITIVE_INFINITY))
  return Math.max(0, ends.length - 1)
}

/** The longest time between the ends of two looks. */
const longestOf = (lookEnds: readonly number[]) =>
  lookEnds.reduce((longest, end, i) => Math.max(longest, end - (lookEnds[i - 1] ?? end)), 0)

const missingOf = ({ first, behind }: Made, seen: ReadonlySet<number>) => {
  const missing = []
  for (let line = first; line < behind; line++) if (!seen.has(line)) missing.push(line)
  return missing.length
}

const bytesMissing = (files: readonly (Made & { missing: number })[]) =>
  files
    .filter(({ missing }) => missing > 0)
    .reduce((sum, { first, behind }) => sum + (behind - first) * (`${behind}`.length + lineTail.length), 0)

const rows = [
  { name: 'renamed, names move on', how: 'rename', names: 'numbers', include: 'app.log' },
  { name: 'renamed, names with a stamp', how: 'rename', names: 'stamps', include: 'app.log' },
  { name: 'renamed, and the glob names all', how: 'rename', names: 'numbers', include: 'app.log*' },
  { name: 'copied and truncated, names move on', how: 'copy', names: 'numbers', include: 'app.log' },
  { name: 'copied and truncated, and the glob names all', how: 'copy', names: 'stamps', include: 'app.log*' },
]
type Row = (typeof rows)[number]

const body = compilePath('body', 'logs')

/** The numbers that lines begin with. Two million of them are too many to decode. */
function numbersIn(batches: readonly Batch[]): number[] {
  const cursor = new Cursor()
  const value = new Value()
  return batches.flatMap((batch) => {
    cursor.over(batch)
    return Array.from({ length: batch.count }, (_, i) => {
      body.read(cursor.at(batch.rowAt(i)), value, false)
      const { buf, start, end } = value
      let number = 0
      for (let at = start; at < end && buf[at] !== 0x20; at++) number = number * 10 + buf[at]! - 0x30
      return number
    })
  })
}

/** A thousand rotations of one log, and what came of them. */
async function survive({ how, names, include }: Row, kept: number, mostOpen: number) {
  const { run, lookEnds } = await startObserved(include, mostOpen)
  const made = await storm(run, how, names, String(kept), '5')
  await quiet(run)
  const got = numbersIn(run.batches)
  const seen = new Set(got)
  const files = made.map((file) => ({ ...file, missing: missingOf(file, seen), looks: looksAt(file, lookEnds) }))
  return { run, files, repeated: got.length - seen.size, longestLookMs: longestOf(lookEnds) }
}

// The storms of a row of the table wait most of the time: all rage at once.
test.each([
  { kept: 60, busyMs: 0, mostOpen: 400 },
  { kept: 4, busyMs: 200, mostOpen: 200 },
])(
  '1,000 rotations of five logs at once lose no line of a file that looks could find: $kept are kept, busy for $busyMs ms',
  async ({ kept, busyMs, mostOpen }) => {
    if (busyMs > 0) keepBusy(busyMs)
    // Three rotations during a look at most: names that move on faster than they are read are always somewhere else.
    const enough = kept / 3
    const results = await Promise.all(rows.map(async (row) => ({ ...row, ...(await survive(row, kept, mostOpen)) })))
    for (const { name, how, run, files, repeated, longestLookMs } of results) {
      expect(
        files.filter(({ missing, looks }) => missing > 0 && looks > enough),
        name,
      ).toEqual([])
      // Nobody has seen them, so all of them is missing: what is found is read to its end. A log that is copied was seen.
      const whole = files.filter(
        ({ missing, first, behind }) => how === 'copy' || missing === 0 || missing === behind - first,
      )
      expect(whole, name).toHaveLength(rotations)
      expect(
        files.filter(({ missing, deletedAt }) => missing > 0 && deletedAt === undefined),
        name,
      ).toEqual([])
      // A copy that no look finds in time is a file like any other.
      if (how === 'rename' || longestLookMs < copyMs / 4) expect(repeated, name).toBe(0)
      // Nothing is lost that was open.
      if (how === 'rename') expect(run.counter('lost_bytes'), name).toBeLessThanOrEqual(bytesMissing(files))
      expect(run.counter('open_files'), name).toBeLessThanOrEqual(mostOpen)
    }
  },
)

test('rotated several times between two looks', async () => {
  const run = await startRun({ poll_interval: '400ms' })
  run.write('app.log', 'a\n')
  await run.lines(1)
  run.write('app.log', 'b\n')
  renameSync(run.path('app.log'), run.path('app.log.3'))
  run.write('app.log.2', 'c\n')
  run.write('app.log.1', 'd\n')
  run.write('app.log', 'e\n')
  expect((await run.lines(5)).sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('generations from before the start are left alone', async () => {
  const folder = newFolder({ 'app.log.1': 'old\n' })
  // Times of change are those of the kernel's last tick.
  await pause(50)
  const run = await startRun({ include: ['app.log'] }, { folder })
  run.write('app.log', 'a\n')
  await run.lines(1)
  unlinkSync(run.path('app.log'))
  run.write('app.log', 'b\n')
  expect(await run.lines(2)).toEqual(['a', 'b'])
  expect(readdirSync(folder)).toHaveLength(2)
})
