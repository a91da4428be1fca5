import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { decodeOtlpLogs } from '../../../test/support/decode.ts'
import { newFolder } from '../../../test/support/folder.ts'
import { type Intake, Refused } from '../../plugin.ts'
import { systemClock } from '../../runtime/clock.ts'
import { attributesOf, startRun } from './filelog.fixture.ts'
import filelog from './index.ts'
import { whyUnreadable } from './unreadable.ts'

test('reads lines as they come, with the name of their file', async () => {
  const run = await startRun({ attributes: { a: 'b' }, resource: { 'service.name': 's' }, include_file_path: true })
  run.write('x.log', 'one\ntwo\r\n\n   three \n')
  expect(await run.lines(3)).toEqual(['one', 'two', 'three'])
  run.write('x.log', 'four\n')
  expect(await run.lines(4)).toEqual(['one', 'two', 'three', 'four'])
  const [record] = run.records()
  expect(attributesOf(record!)).toEqual({ a: 'b', 'log.file.name': 'x.log', 'log.file.path': run.path('x.log') })
  expect(record!.observedTimeUnixNano).toBeGreaterThan(0n)
  expect(record!.timeUnixNano).toBeUndefined()
  expect(decodeOtlpLogs(run.batches[0]!.bytes())).toMatchObject({
    resourceLogs: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 's' } }] } }],
  })
  expect(run.batches[0]!.count).toBe(3)
})

test('start_at end leaves what was there, and reads files that appear later whole', async () => {
  const folder = newFolder({ 'old.log': 'before\n' })
  const run = await startRun({ start_at: 'end' }, { folder })
  await run.until(() => run.counter('watched_files') === 1)
  run.write('old.log', 'after\n')
  run.write('new.log', 'first\n')
  expect((await run.lines(2)).sort()).toEqual(['after', 'first'])
})

test('an incomplete line waits for its end, and is sent without it after force_flush_period', async () => {
  const run = await startRun({ force_flush_period: '300ms' })
  run.write('x.log', 'one\ntw')
  await run.lines(1)
  run.write('x.log', 'o\nrest')
  expect(await run.lines(2)).toEqual(['one', 'two'])
  expect(await run.lines(3)).toEqual(['one', 'two', 'rest'])
})

test('invalid UTF-8 is repaired and counted, NUL is kept, a byte order mark is left out', async () => {
  const run = await startRun()
  run.write('x.log', Buffer.concat([Buffer.from('\ufeffgood é\nbad '), Buffer.from([0xff]), Buffer.from('\na\0b\n')]))
  expect(await run.lines(3)).toEqual(['good é', 'bad \ufffd', 'a\0b'])
  expect(run.counter('repaired_entries')).toBe(1)
})

test.each([
  ['utf-16le', (text: string) => Buffer.from(text, 'utf16le')],
  ['utf-16be', (text: string) => Buffer.from(text, 'utf16le').swap16()],
  ['ascii', (text: string) => Buffer.from(text.replace('é', '\xe9'), 'latin1')],
])('reads %s', async (encoding, encode) => {
  const run = await startRun({ encoding })
  run.write('x.log', encode('one é\r\nਊ two\n'.slice(0, encoding === 'ascii' ? 7 : undefined)))
  const wanted = encoding === 'ascii' ? ['one \ufffd'] : ['one é', 'ਊ two']
  expect(await run.lines(wanted.length)).toEqual(wanted)
})

test('nop hands on bytes', async () => {
  const run = await startRun({ encoding: 'nop' })
  run.write('x.log', Buffer.from([1, 0xff, 10]))
  await run.lines(1)
  expect(run.records()[0]!.body).toEqual({ bytesValue: Buffer.from([1, 0xff]) })
})

test('white space is kept where it is asked for', async () => {
  const run = await startRun({ preserve_leading_whitespaces: true, preserve_trailing_whitespaces: true })
  run.write('x.log', '  a \r\n\t\n')
  expect(await run.lines(2)).toEqual(['  a ', '\t'])
})

test.each([
  ['split', 2],
  ['truncate', 1],
])('a line of 10 MiB, %s', async (behavior, lines) => {
  const run = await startRun({ max_log_size: '6MiB', max_log_size_behavior: behavior })
  run.write('x.log', Buffer.alloc(10 << 20, 'é'))
  await run.lines(1)
  run.write('x.log', ' end\nnext\n')
  const bodies = await run.lines(lines + 1)
  expect(bodies.at(-1)).toBe('next')
  expect(bodies[0]!.length).toBe(3 << 20)
  if (behavior === 'split') expect(bodies[1]).toBe(`${'é'.repeat(2 << 20)} end`)
  expect(run.counter('cut_entries')).toBe(1)
  expect(run.counter('repaired_entries')).toBe(0)
})

test('entries of several lines by their beginning', async () => {
  const run = await startRun({ multiline: { line_start_pattern: '^\\d{4}-' }, force_flush_period: '200ms' })
  run.write('x.log', 'junk\n2026-01 a\n  at b\n2026-02 c\n2026-03 é\n  d')
  expect(await run.lines(4)).toEqual(['junk', '2026-01 a\n  at b', '2026-02 c', '2026-03 é\n  d'])
})

test('entries of several lines by their end, without the pattern', async () => {
  const run = await startRun({ multiline: { line_end_pattern: ';;\\s', omit_pattern: true } })
  run.write('x.log', 'a\nb;;\nc;;\nd')
  expect((await run.lines(2)).slice(0, 2)).toEqual(['a\nb', 'c'])
})

test('globs, exclusions, links and what is no file', async () => {
  const folder = newFolder({ 'a/b/c/x.log': 'deep\n', 'a/y.txt': 'text\n', 'a/no.log': 'no\n', 'a/z.log': 'z\n' })
  mkdirSync(`${folder}/a/dir.log`)
  symlinkSync(`${folder}/a/z.log`, `${folder}/a/zz.log`)
  linkSync(`${folder}/a/z.log`, `${folder}/a/zzz.log`)
  execFileSync('mkfifo', [`${folder}/a/fifo.log`])
  const run = await startRun({ include: ['a/**/*.{log,txt}'], exclude: ['**/n?.log'] }, { folder })
  expect((await run.lines(3)).sort()).toEqual(['deep', 'text', 'z'])
  expect(run.log.join('')).toMatch(/dir\.log is a folder and is skipped/)
  expect(run.log.join('')).toMatch(/fifo\.log is a FIFO and is skipped/)
  run.write('a/z.log', 'more\n')
  expect(await run.lines(4)).toHaveLength(4)
})

test('a file without permission is named once, and read when it may be', async () => {
  const folder = newFolder({ 'x.log': 'secret\n' })
  chmodSync(folder, 0o755)
  chmodSync(`${folder}/x.log`, 0)
  let later = 0
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + later }
  // The superuser may read everything: the receiver is somebody else meanwhile.
  const isRoot = process.getuid?.() === 0
  if (isRoot) process.seteuid!(65_534)
  onTestFinished(() => void (isRoot && process.seteuid!(0)))
  const run = await startRun({}, { folder, clock })
  await run.until(() => run.counter('looks') > 3)
  expect(run.log.filter((line) => line.includes('cannot be read'))).toEqual([
    expect.stringMatching(/x\.log cannot be read: permission denied: let the user of this process read it/),
  ])
  expect(run.counter('unreadable_files')).toBe(1)
  if (isRoot) process.seteuid!(0)
  chmodSync(`${folder}/x.log`, 0o644)
  later = 5000
  expect(await run.lines(1)).toEqual(['secret'])
})

test.each([
  ['EACCES', 'permission denied: let the user of this process read it'],
  ['EPERM', 'permission denied: let the user of this process read it'],
  ['EMFILE', 'too many open files: lower max_concurrent_files or raise the limit (ulimit -n)'],
  ['EIO', 'as the system says'],
])('%s is told as: %s', (code, text) => {
  expect(whyUnreadable(Object.assign(new Error('as the system says'), { code }))).toBe(text)
})

test('two receivers want one file of checkpoints, however it is written', () => {
  const wants = (checkpoints?: string) => filelog.resources!(filelog.config.parse({ include: ['x'], checkpoints }))
  expect(wants('/var/lib/tailrace/filelog')).toEqual(['file /var/lib/tailrace/filelog'])
  expect(wants('/var/lib/../lib/tailrace//filelog')).toEqual(wants('/var/lib/tailrace/filelog'))
  expect(wants()).toEqual([])
})

test('two receivers on one file of checkpoints are refused before they start', async () => {
  const folder = newFolder({
    'agent.yaml': `
receivers:
  filelog: {include: [a.log], checkpoints: /tmp/state}
  filelog/two: {include: [b.log], checkpoints: /tmp/../tmp/state}
exporters: {debug: }
service: {pipelines: {logs: {receivers: [filelog, filelog/two], exporters: [debug]}}}
`,
  })
  const { stderr } = spawnSync('bin/tailrace', ['check', `${folder}/agent.yaml`], { encoding: 'utf8' })
  expect(stderr).toMatch(/receivers\.filelog and receivers\.filelog\/two both want file \/tmp\/state/)
})

test('a symbolic link that is turned to another file', async () => {
  const folder = newFolder({ 'one.txt': '1\n', 'two.txt': '2\n' })
  symlinkSync(`${folder}/one.txt`, `${folder}/current.log`)
  const run = await startRun({ include_file_name_resolved: true }, { folder })
  await run.lines(1)
  symlinkSync(`${folder}/two.txt`, `${folder}/next`)
  renameSync(`${folder}/next`, `${folder}/current.log`)
  expect(await run.lines(2)).toEqual(['1', '2'])
  expect(attributesOf(run.records()[1]!)).toMatchObject({
    'log.file.name_resolved': 'two.txt',
    'log.file.name': 'current.log',
  })
})

test('exclude_older_than leaves old files alone', async () => {
  const folder = newFolder({ 'old.log': 'old\n', 'new.log': 'new\n' })
  utimesSync(`${folder}/old.log`, 1000, 1000)
  const run = await startRun({ exclude_older_than: '1h' }, { folder })
  expect(await run.lines(1)).toEqual(['new'])
  expect(run.counter('watched_files')).toBe(1)
})

test('a renamed file is read to its end, though no glob names it any more', async () => {
  const run = await startRun()
  run.write('x.log', 'a\n')
  await run.lines(1)
  renameSync(run.path('x.log'), run.path('elsewhere'))
  run.write('elsewhere', 'b\n')
  run.write('x.log', 'c\n')
  expect((await run.lines(3)).sort()).toEqual(['a', 'b', 'c'])
  run.write('elsewhere', 'd\n')
  expect((await run.lines(4)).at(-1)).toBe('d')
})

test('deleted and made anew', async () => {
  const run = await startRun()
  run.write('x.log', 'same\n')
  await run.lines(1)
  unlinkSync(run.path('x.log'))
  run.write('x.log', 'same\n')
  expect(await run.lines(2)).toEqual(['same', 'same'])
})

test('truncated in place, shorter or longer than before', async () => {
  const run = await startRun()
  run.write('x.log', 'first line\n')
  await run.lines(1)
  truncateSync(run.path('x.log'))
  run.write('x.log', 'a\n')
  await run.lines(2)
  writeFileSync(run.path('x.log'), 'written over and longer than before\n')
  expect(await run.lines(3)).toEqual(['first line', 'a', 'written over and longer than before'])
  expect(run.counter('truncated_files')).toBe(2)
})

test('a copy of a file that was read is not read again', async () => {
  const run = await startRun({ include: ['*.log*'] })
  run.write('x.log', `${'x'.repeat(2000)}\nend\n`)
  await run.lines(2)
  copyFileSync(run.path('x.log'), run.path('x.log.1'))
  truncateSync(run.path('x.log'))
  run.write('x.log', 'new\n')
  await run.lines(3)
  run.write('x.log.1', 'more\n')
  expect((await run.lines(4)).slice(1)).toEqual(['end', 'new', 'more'])
})

test('a copy that was empty when it was first seen is not read again', async () => {
  const run = await startRun({ include: ['x.log', '*.copy'] })
  run.write('x.log', `${'x'.repeat(2000)}\nend\n`)
  await run.lines(2)
  run.write('x.copy', '')
  await run.until(() => run.counter('watched_files') === 2)
  copyFileSync(run.path('x.log'), run.path('x.copy'))
  run.write('x.copy', 'more\n')
  expect((await run.lines(3)).slice(1)).toEqual(['end', 'more'])
})

test('a copy that turns up after the truncation is not read again', async () => {
  const run = await startRun({ include: ['x.log*'] })
  const text = `${'x'.repeat(2000)}\nend\n`
  run.write('x.log', text)
  await run.lines(2)
  truncateSync(run.path('x.log'))
  await run.until(() => run.counter('truncated_files') === 1)
  run.write('x.log.1', `${text}more\n`)
  expect((await run.lines(3)).slice(1)).toEqual(['end', 'more'])
  await run.stop()
  expect(run.counter('lost_bytes')).toBe(0)
})

describe('small logs, copied and truncated', () => {
  const text = 'first line\nsecond line\n'

  test.each(['x.log.1', 'x.copy', 'x-20261121.log'])('a copy named %s is not read again', async (name) => {
    const run = await startRun({ include: ['x*'] })
    run.write('x.log', text)
    await run.lines(2)
    copyFileSync(run.path('x.log'), run.path(name))
    const looks = run.counter('looks')
    await run.until(() => run.counter('looks') > looks + 2)
    expect(run.bodies()).toHaveLength(2)
    truncateSync(run.path('x.log'))
    await run.until(() => run.counter('watched_files') === 2)
    run.write('x.log', 'new\n')
    run.write(name, 'more\n')
    expect((await run.lines(4)).sort()).toEqual(['first line', 'more', 'new', 'second line'])
    expect(run.counter('lost_bytes')).toBe(0)
  })

  test('what the log has and nobody has read is read from the copy', async () => {
    const run = await startRun({ include: ['x*'], force_flush_period: '10s' })
    run.write('x.log', 'first line\nsecond ')
    await run.lines(1)
    copyFileSync(run.path('x.log'), run.path('x.copy'))
    const looks = run.counter('looks')
    await run.until(() => run.counter('looks') > looks + 2)
    truncateSync(run.path('x.log'))
    await run.until(() => run.counter('watched_files') === 2)
    run.write('x.copy', 'line\n')
    expect(await run.lines(2)).toEqual(['first line', 'second line'])
  })

  test('a large one that is first seen with little of its text', async () => {
    const run = await startRun({ include: ['x*'] })
    const large = text + 'and more text of the line\n'.repeat(1000)
    run.write('x.log', large)
    await run.lines(1002)
    for (let pos = 0; pos < large.length; pos += 500) {
      run.write('x.copy', large.slice(pos, pos + 500))
      const looks = run.counter('looks')
      if (pos < 3000) await run.until(() => run.counter('looks') > looks + 1)
    }
    truncateSync(run.path('x.log'))
    await run.until(() => run.counter('truncated_files') === 1 && run.counter('watched_files') === 2)
    run.write('x.copy', 'end\n')
    await run.lines(1003)
    expect(run.bodies().at(-1)).toBe('end')
  })

  test('another log that begins alike is read whole as soon as it differs', async () => {
    const run = await startRun({ include: ['x*'] })
    run.write('x.log', text)
    await run.lines(2)
    run.write('x-2.log', 'first line\n')
    const looks = run.counter('looks')
    await run.until(() => run.counter('looks') > looks + 2)
    run.write('x-2.log', 'another line\n')
    expect((await run.lines(4)).slice(2)).toEqual(['first line', 'another line'])
  })

  test('and after a while if it does not', async () => {
    const run = await startRun({ include: ['x*'] })
    run.write('x.log', text)
    await run.lines(2)
    run.write('x-2.log', text)
    expect(await run.lines(4)).toHaveLength(4)
  })

  test('one that is deleted or renamed while that is not known is read', async () => {
    const run = await startRun({ include: ['x*.log'] })
    run.write('x.log', text)
    await run.lines(2)
    for (const gone of [
      (path: string) => unlinkSync(path),
      (path: string) => renameSync(path, run.path('elsewhere')),
    ]) {
      run.write('x-2.log', 'first line\n')
      const looks = run.counter('looks')
      await run.until(() => run.counter('looks') > looks + 2)
      const before = run.bodies().length
      gone(run.path('x-2.log'))
      await run.lines(before + 1)
    }
    expect(run.bodies()).toEqual(['first line', 'second line', 'first line', 'first line'])
    await run.stop()
    expect(run.counter('open_files')).toBe(0)
  })

  test('a file of another name is not held against it', async () => {
    const run = await startRun({ include: ['*.log'] })
    run.write('x.log', text)
    await run.lines(2)
    run.write('y.log', text)
    const looks = run.counter('looks')
    await run.lines(4)
    // One that is taken for a copy waits for two seconds, two hundred looks.
    expect(run.counter('looks') - looks).toBeLessThan(20)
  })
})

test('what was cut off before it was read is counted', async () => {
  const run = await startRun({}, { holds: true })
  const size = 6 << 20
  run.write('x.log', Buffer.alloc(size, 'a line of 16 b.\n'))
  await run.until(() => run.counter('read_bytes') >= 4 << 20)
  const read = run.counter('read_bytes')
  truncateSync(run.path('x.log'))
  await run.until(() => run.counter('truncated_files') === 1)
  await run.stop()
  expect(run.counter('lost_bytes')).toBe(size - read)
  expect(run.log.join('')).toContain(`x.log was truncated before its last ${size - read} bytes were read`)
})

test('two files with the same beginning are two files', async () => {
  const head = `${'#'.repeat(1500)}\n`
  const run = await startRun()
  run.write('a.log', `${head}a\n`)
  await run.lines(2)
  run.write('b.log', `${head}b and more\n`)
  expect((await run.lines(4)).filter((line) => line.length < 100).sort()).toEqual(['a', 'b and more'])
})

test('a refused batch is offered again, and nothing more is read meanwhile', async () => {
  let refusals = 3
  const intake: Intake = {
    offer() {
      if (refusals-- > 0) throw new Refused('full', 5)
    },
  }
  const run = await startRun({}, { intake })
  run.write('x.log', 'a\nb\n')
  expect(await run.lines(2)).toEqual(['a', 'b'])
  expect(refusals).toBe(-1)
})

test('a file of which too much is on its way is not read on', async () => {
  const run = await startRun({}, { holds: true })
  run.write('x.log', `${'x'.repeat(999)}\n`.repeat(12_000))
  await run.until(() => run.counter('entries') > 4000)
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 2))
  expect(run.counter('read_bytes')).toBeLessThan((4 << 20) + (1 << 20))
  while (run.counter('entries') < 12_000) {
    run.settle()
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  expect(run.bodies()).toHaveLength(12_000)
})

test('the window that it reads with is charged to memory until it stops, a larger one for a longer line', async () => {
  const run = await startRun()
  expect(run.budget.used).toBe(0)
  run.write('x.log', 'one\n')
  await run.lines(1)
  expect(run.budget.used).toBeGreaterThan(256 << 10)
  run.write('x.log', `${'x'.repeat(600_000)}\n`)
  await run.lines(2)
  expect(run.budget.used).toBeGreaterThan(600_000)
  await run.stop()
  expect(run.budget.used).toBe(0)
})

test('delete_after_read deletes when all was delivered', async () => {
  const folder = newFolder({ 'x.log': 'a\n' })
  const run = await startRun({ delete_after_read: true }, { folder, holds: true })
  await run.lines(1)
  run.write('x.log', 'b\n')
  await run.lines(2)
  run.settle()
  await run.until(() => run.counter('rotated_files') === 1)
  expect(() => run.write('y', '')).not.toThrow()
  rmSync(run.path('y'))
})

test('no more files are open than allowed, and all are read', async () => {
  const run = await startRun({ max_concurrent_files: 10 })
  for (let i = 0; i < 100; i++) run.write(`${i}.log`, `a${i}\n`)
  await run.lines(100)
  for (let i = 0; i < 100; i++) run.write(`${i}.log`, `b${i}\n`)
  await run.lines(200)
  expect(new Set(run.bodies()).size).toBe(200)
  expect(run.counter('open_files')).toBeLessThanOrEqual(10)
})

test.each([
  [{ include: [] }, 'include is empty: write the files to read'],
  [{ include: ['['] }, '[ is no pattern for files: a [ is not closed'],
  [{ include: ['x'], checkpoints: 'a', storage: 'file_storage' }, 'two places for the same thing'],
  [{ include: ['x'], delete_after_read: true }, 'delete_after_read needs start_at: beginning'],
  [{ include: ['x'], multiline: {} }, 'write either line_start_pattern or line_end_pattern'],
  [{ include: ['x'], multiline: { line_start_pattern: '(' } }, '( is no regular expression'],
])('%j is refused: %s', (settings, message) => {
  const { error } = filelog.config.safeParse(settings as never)
  expect(error?.issues.map((issue) => issue.message).join('\n')).toContain(message)
})
