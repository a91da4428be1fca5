import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder } from '../../test/support/folder.ts'
import { openFlock } from './flock.ts'
import { holderOf, lockFolder } from './folder-lock.ts'

/** As where flock(2) cannot be called. */
const without = (folder: string) => lockFolder(folder, nobody)
const nobody = undefined as never

/** The lock that this process would write, with something else in it. */
function lockedBy(change: object): string {
  const folder = newFolder()
  const lock = lockFolder(folder, () => true)
  const own = JSON.parse(readFileSync(join(folder, 'lock'), 'utf8'))
  lock.release()
  writeFileSync(join(folder, 'lock'), JSON.stringify({ ...own, guarded: false, ...change }))
  return folder
}

const startOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19]!

test('a folder has one holder, who is named, until it is given back', () => {
  const folder = newFolder()
  const lock = lockFolder(folder)
  expect(() => lockFolder(folder)).toThrow(
    `the queue in ${folder} is in use by this process; two processes cannot share`,
  )
  expect(holderOf(folder)).toBe('this process')
  lock.release()
  expect(holderOf(folder)).toBeUndefined()
  lockFolder(folder).release()
})

test.runIf(openFlock())(
  'a lock that the kernel guards is free when its process is gone, whatever the file says',
  () => {
    const folder = lockedBy({ guarded: true, pid: process.ppid, start: startOf(process.ppid) })
    lockFolder(folder).release()
  },
)

test.runIf(openFlock())('a folder whose lock file somebody removed is not free', () => {
  const folder = newFolder()
  const lock = lockFolder(folder)
  rmSync(join(folder, 'lock'))
  expect(() => lockFolder(folder)).toThrow(`the queue in ${folder} is in use by another process`)
  lock.release()
  lockFolder(folder).release()
})

test('a process that runs is named', () => {
  const folder = lockedBy({ pid: process.ppid, start: startOf(process.ppid) })
  expect(() => lockFolder(folder)).toThrow(new RegExp(`in use by process ${process.ppid} \\(since 20`))
  expect(holderOf(folder)).toMatch(`process ${process.ppid}`)
})

test.each([
  ['of a process that is gone', { pid: 2 ** 30 }],
  ['of a process whose number another one has now', { pid: process.ppid, start: '1' }],
  ['of an earlier boot', { pid: process.ppid, start: '1', boot: 'another' }],
  ['without any sense', { pid: 'x' }],
])('a lock %s is taken over', (_, change) => {
  const folder = lockedBy(change)
  expect(holderOf(folder)).toBeUndefined()
  lockFolder(folder).release()
})

test('a process that cannot be seen from here is believed, and it is said how to mend that', () => {
  const folder = lockedBy({ pid: 7, namespace: 'pid:[1]' })
  expect(() => lockFolder(folder)).toThrow(
    `in use by process 7 of another container (since ${JSON.parse(readFileSync(join(folder, 'lock'), 'utf8')).since}); if it is gone for good, remove ${join(folder, 'lock')}`,
  )
  const other = lockedBy({ pid: 7, host: 'elsewhere' })
  expect(() => lockFolder(other)).toThrow('in use by process 7 on elsewhere')
})

test('an empty and a torn lock file lock nothing', () => {
  for (const text of ['', '{"pid": 1', '\0\0\0']) {
    const folder = newFolder({ lock: text })
    lockFolder(folder).release()
    without(folder).release()
  }
})
