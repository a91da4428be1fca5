import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readGuide } from '../repository/guide.ts'
import { root, runTailrace } from '../repository/process.ts'

const node = join(root, 'node_modules', '.bin')
const env = { ...process.env, NO_COLOR: '1', PATH: `${node}:${process.env.PATH}` }
let home: string
let command: string

/** What `npm install tailrace` leaves in a project, made without the network: the packed files beside our own packages. */
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'tailrace-package-'))
  const listing = execFileSync('npm', ['pack', '--json', '--pack-destination', home], { cwd: root, env })
  const name = readdirSync(home).find((file) => file.endsWith('.tgz'))
  expect(name, listing.toString()).toBeDefined()
  const modules = join(home, 'node_modules')
  mkdirSync(join(modules, 'tailrace'), { recursive: true })
  execFileSync('tar', ['xzf', join(home, name!), '-C', join(modules, 'tailrace'), '--strip-components=1'])
  for (const each of readdirSync(join(root, 'node_modules'))) {
    if (!each.startsWith('.') && each !== 'tailrace') symlinkSync(join(root, 'node_modules', each), join(modules, each))
  }
  command = join(modules, 'tailrace', 'bin', 'tailrace')
  writeFileSync(join(home, 'package.json'), '{"type": "module"}\n')
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

const run = (...args: string[]) => runTailrace(args, { cwd: home, env, command })

test('the package has no sources, tests or fixtures', () => {
  const files = readdirSync(join(home, 'node_modules', 'tailrace'), { recursive: true }).map(String)
  expect(files.filter((file) => /(?<!\.d)\.ts$|\.test\.|test-kit|fixture/.test(file))).toEqual([])
  expect(existsSync(join(home, 'node_modules', 'tailrace', 'config', 'demo.yaml'))).toBe(true)
})

test('version and check work from the package', async () => {
  const version = run('version')
  expect(await version.done).toBe(0)
  expect(version.stdout()).toMatch(/^tailrace \d+\.\d+\.\d+\n$/)
  const check = run('check', 'node_modules/tailrace/config/demo.yaml')
  expect(await check.done, check.stderr()).toBe(0)
})

test('the plugin of the guide runs as JavaScript, sharing the classes of the core', async () => {
  const { files } = readGuide(join(root, 'docs', 'first-plugin.md'))
  for (const { path, text } of files.filter(({ path }) => /index\.ts|try\.yaml/.test(path))) {
    const name = path.split('/').at(-1)!.replace('.ts', '.js')
    writeFileSync(join(home, name), text.replace('./index.ts', './index.js'))
  }
  const same = `import { Batch } from 'tailrace/plugin'
    import plugin from './index.js'
    const create = (use) => {
      const inner = plugin.create(use)
      return (batch) => {
        if (!(batch instanceof Batch)) throw new Error('a second copy')
        return inner(batch)
      }
    }
    export default { ...plugin, create }\n`
  writeFileSync(join(home, 'same.js'), same)
  const agent = run('run', 'try.yaml', '--set', 'service.plugins=[./same.js]')
  await agent.until(/"slow=31 ms"/)
  expect(await agent.end('SIGINT')).toBe(0)
  expect(agent.stderr()).not.toContain('a second copy')
})

test('the package has every component of the checkout', async () => {
  const checkout = runTailrace(['components'])
  const packed = run('components')
  expect(await packed.done).toBe(await checkout.done)
  expect(packed.stdout()).toBe(checkout.stdout())
})
