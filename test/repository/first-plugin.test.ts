import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readGuide, withoutStamps } from './guide.ts'
import { root, runTailrace } from './process.ts'

const guide = readGuide(join(root, 'docs', 'first-plugin.md'))
const home = 'plugins/slow-requests/'
let dir: string

// Inside the checkout, since that is where `tailrace/plugin` is found; beside the real plugins it would be in the way.
beforeAll(() => {
  mkdirSync(join(root, '.tailrace'), { recursive: true })
  dir = mkdtempSync(join(root, '.tailrace', 'first-plugin-'))
  for (const { path, text } of guide.files) {
    const file = join(dir, path.replace(home, ''))
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('the page has files and commands', () => {
  expect(guide.files.length).toBeGreaterThan(3)
  expect(guide.commands.length).toBeGreaterThan(2)
  expect(guide.files.every(({ path }) => path.startsWith(home))).toBe(true)
})

test.each(guide.commands)('$command shows what the page says', async ({ command, output }) => {
  const place = `${relative(root, dir)}/`
  const [, ...args] = command.replace(home, place).split(' ')
  const run = runTailrace(args, { env: { ...process.env, NO_COLOR: '1' } })
  const shown = output.trimEnd().split('\n')
  const lines = () => `${run.stdout()}`.split('\n').slice(0, shown.length).join('\n')
  if (args[0] === 'run') {
    await run.until((stdout) => stdout.split('\n').length > shown.length)
    expect(await run.end('SIGINT')).toBe(0)
    expect(withoutStamps(lines())).toBe(withoutStamps(shown.join('\n')))
  } else {
    expect(await run.done).toBe(78)
    expect((run.stdout() + run.stderr()).replaceAll(place, home).trimEnd()).toBe(shown.join('\n'))
  }
})
