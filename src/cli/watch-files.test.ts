import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ManualClock, systemClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { type FileWatch, newFileWatch } from './watch-files.ts'

let dir: string
let watch: FileWatch | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tailrace-watch-'))
})
afterEach(() => {
  watch?.stop()
  rmSync(dir, { recursive: true, force: true })
})

const save = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

test('a file that is written, or replaced by another, is noticed once, and others beside it are not', async () => {
  const file = save('a.yaml', '1')
  let changes = 0
  let told: () => void = () => {}
  watch = newFileWatch(
    () => {
      changes++
      told()
    },
    { clock: systemClock, log: silentLog },
  )
  watch.set([file])
  const changed = () => new Promise<void>((resolve) => (told = resolve))
  save('other.log', 'x')
  const first = changed()
  save('a.yaml', '22')
  save('a.yaml', '333')
  await first
  const second = changed()
  save('a.new', '4444')
  renameSync(join(dir, 'a.new'), file)
  await second
  expect(changes).toBe(2)
})

test('what the system does not tell is found by looking: a link that leads elsewhere, a file that comes', () => {
  const clock = new ManualClock()
  save('one', '1')
  save('two', '22')
  const link = join(dir, 'link')
  symlinkSync(join(dir, 'one'), link)
  let changes = 0
  watch = newFileWatch(() => void changes++, { clock, log: silentLog })
  watch.set([link, join(dir, 'absent')])
  clock.advance(5000)
  expect(changes).toBe(0)
  rmSync(link)
  symlinkSync(join(dir, 'two'), link)
  clock.advance(5000)
  expect(changes).toBe(1)
  save('absent', 'x')
  clock.advance(5000)
  expect(changes).toBe(2)
  watch.stop()
  save('absent', 'xy')
  clock.advance(10_000)
  expect(changes).toBe(2)
})
