import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, runTailrace } from './process.ts'

const page = readFileSync(join(root, 'docs', 'operations.md'), 'utf8')

/** What the page shows as code: fenced blocks by lines without their remarks, and spans. */
const code = [
  ...[...page.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) => block!.split('\n')),
  ...[...page.replaceAll(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!),
].map((line) => line.replace(/\s+#.*$/, ''))

const parts = code.flatMap((line) => line.split(/ && |; /))
const commands = [...new Set(parts.filter((part) => part.startsWith('tailrace ')))]

/** `queue ls` of `tailrace queue ls PLACE`. */
const nameOf = (command: string) => /^tailrace ((?:queue|drain) [a-z]+|[a-z-]+)/.exec(command)?.[1]

test('docs/operations.md names commands and options that there are', async () => {
  const named = commands.filter((command) => nameOf(command) !== undefined)
  expect(named.length).toBeGreaterThan(15)
  const names = [...new Set(named.map((command) => nameOf(command)!))]
  const runs = names.map((name) => runTailrace([...name.split(' '), '--help']))
  expect(await Promise.all(runs.map((run) => run.done))).toEqual(names.map(() => 0))
  const helps = new Map(names.map((name, i) => [name, runs[i]!.stdout()]))
  for (const command of named) {
    const help = helps.get(nameOf(command)!)!
    for (const [, option] of command.matchAll(/ (--?[a-z-]+)/g)) expect(help, command).toContain(option)
  }
})

test('docs/operations.md names metrics that there are', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /(?<!\.test)\.ts$/.test(file))
    .map((file) => readFileSync(join(root, 'src', file), 'utf8'))
    .join('\n')
  const metrics = new Set([...page.matchAll(/\b(tailrace_[a-z_]+)/g)].map(([, name]) => name!))
  expect(metrics.size).toBeGreaterThan(5)
  for (const name of metrics) {
    expect(sources, name).toContain(
      name.replace(/^tailrace_(receiver|processor|queue)_records_total$/, '_records_total'),
    )
  }
})

test('docs/operations.md leads to sections that there are', () => {
  const anchors = [...page.matchAll(/^##+ (.+)$/gm)].map(([, title]) => `#${title!.toLowerCase().replaceAll(' ', '-')}`)
  for (const [, anchor] of page.matchAll(/\]\((#[a-z-]+)\)/g)) expect(anchors).toContain(anchor)
})
