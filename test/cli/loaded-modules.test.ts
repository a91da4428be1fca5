import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeCertificates } from '../../src/cli/certs.ts'
import { root, runTailrace } from '../repository/process.ts'

/** npm packages that every start needs. Anything else must be named by the configuration. */
const always = ['commander', 'yaml', 'zod']

/** What single roles may load beside that. */
const more: Readonly<Record<string, readonly string[]>> = {}

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tailrace-modules-'))
  writeCertificates(join(dir, 'certs'), 1)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Every variable of a role: ports are free ones, files are there, peers are nowhere. */
function environment(file: string): Record<string, string> {
  const text = readFileSync(join(root, 'config', file), 'utf8')
  const names = [...text.matchAll(/\$\{env:(\w+)(:[?-])?/g)].map(([, name, rule]) => ({ name: name!, rule }))
  const pairs = names.flatMap(({ name, rule }): [string, string][] => {
    // The port of a peer, not one to listen on.
    if (name === 'SYSLOG_PORT') return [[name, '1']]
    if (/(^|_)PORT$/.test(name)) return [[name, '0']]
    if (/ADDR$/.test(name)) return [[name, '127.0.0.1:1']]
    if (name === 'TAILRACE_DEMO') return [[name, join(dir, 'demo')]]
    if (rule !== ':?') return []
    if (/_URL$/.test(name)) return [[name, 'https://127.0.0.1:1']]
    if (/DRAINS_FILE$/.test(name)) return [[name, '/dev/null']]
    if (/CA(_|$)/.test(name)) return [[name, join(dir, 'certs', 'ca.crt')]]
    if (/CERT/.test(name)) return [[name, join(dir, 'certs', 'metron.crt')]]
    return [[name, /KEY/.test(name) ? join(dir, 'certs', 'metron.key') : 'x']]
  })
  return Object.fromEntries(pairs)
}

/** The demo's ports stand in the file, not in variables. */
const anyPorts = [
  'receivers.loggregator',
  'receivers.dropsonde',
  'receivers.statsd',
  'extensions.metrics_endpoint',
].flatMap((key) => ['--set', `${key}.endpoint=127.0.0.1:0`])

/** Modules that a role has loaded by the time it runs and has ended. */
const modulesOf = (file: string) =>
  modulesOfRun([join('config', file), ...(file === 'demo.yaml' ? anyPorts : [])], environment(file))

async function modulesOfRun(args: readonly string[], variables: Record<string, string> = {}): Promise<string[]> {
  const list = join(dir, 'run.modules')
  const hook = join(import.meta.dirname, 'list-modules.mjs')
  const env = { ...process.env, ...variables, TAILRACE_MODULES: list, NODE_OPTIONS: `--import ${hook}` }
  const agent = runTailrace(['run', ...args], { env })
  await agent.until(/ready: everything is running/)
  expect(await agent.end()).toBe(0)
  return readFileSync(list, 'utf8').split('\n')
}

const packageOf = (url: string) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
const componentOf = (url: string) =>
  /\/(?:src\/(?:receivers|processors|exporters|connectors|extensions)|plugins)\/([^/]+)\/index\.ts$/.exec(url)?.[1]

test.each(readdirSync(join(root, 'config')))('%s loads what it names and nothing else', async (file) => {
  const urls = await modulesOf(file)
  const packages = new Set(urls.map(packageOf).filter((name) => name !== undefined))
  expect([...packages].toSorted()).toEqual([...always, ...(more[file] ?? [])].toSorted())
  const text = readFileSync(join(root, 'config', file), 'utf8')
  const loaded = urls.map(componentOf).filter((name) => name !== undefined)
  expect(loaded.filter((name) => !new RegExp(`^  ${name.replaceAll('-', '_')}(/.*)?:`, 'm').test(text))).toEqual([])
  expect(loaded.length).toBeGreaterThan(1)
  expect(urls.filter((url) => /inspector|sqlite|\.test\.ts|test-kit/.test(url))).toEqual([])
})

test.each([
  ['pull: {exporter: {prometheus: {host: 127.0.0.1, port: 0}}}', true],
  ['periodic: {exporter: {console: {}}}', false],
])('a page is loaded for own metrics where somebody scrapes it: %s', async (reader, isLoaded) => {
  const file = join(dir, 'metrics.yaml')
  writeFileSync(
    file,
    `receivers: {sample_app: {}}
exporters: {nop: {}}
service:
  telemetry: {metrics: {level: basic, readers: [{${reader}}]}}
  pipelines: {envelopes: {receivers: [sample_app], exporters: [nop]}}
`,
  )
  const urls = await modulesOfRun([file])
  expect(urls.some((url) => url.endsWith('/otelcol-families.ts'))).toBe(true)
  expect(urls.some((url) => url.endsWith('/telemetry-page.ts'))).toBe(isLoaded)
})

test('a version is printed without loading the engine', async () => {
  const list = join(dir, 'version.modules')
  const hook = join(import.meta.dirname, 'list-modules.mjs')
  const env = { ...process.env, TAILRACE_MODULES: list, NODE_OPTIONS: `--import ${hook}` }
  expect(await runTailrace(['version'], { env }).done).toBe(0)
  const urls = readFileSync(list, 'utf8').split('\n')
  expect(urls.map(packageOf).filter((name) => name && name !== 'commander')).toEqual([])
  expect(urls.filter((url) => url.includes('/src/')).length).toBeLessThan(10)
})
