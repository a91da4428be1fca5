import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runTailrace, tailrace } from '../repository/process.ts'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tailrace-cli-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Runs a command to its end. */
async function ended(...args: string[]) {
  const run = runTailrace(args)
  return { code: await run.done, out: run.stdout(), err: run.stderr() }
}

const save = (name: string, text: string): string => {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

test('--help lists every command and the exit codes', async () => {
  const { code, out } = await ended('--help')
  expect(code).toBe(0)
  for (const command of ['run', 'check', 'components', 'schema', 'certs', 'send', 'version'])
    expect(out).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
  for (const exit of ['0 ', '1 ', '2 ', '78 ']) expect(out).toContain(`\n  ${exit}`)
})

test('version and --version say the same', async () => {
  const first = await ended('version')
  expect(first.out).toMatch(/^tailrace \d+\.\d+\.\d+\n$/)
  expect((await ended('--version')).out).toBe(first.out)
})

test('runs with an empty environment, from any folder, through a link', async () => {
  const link = join(dir, 'tailrace')
  symlinkSync(tailrace, link)
  const { out } = await ended('version')
  expect(execFileSync(link, ['version'], { cwd: dir, env: {} }).toString()).toBe(out)
})

test('who reads the first lines only ends the command without an error', () => {
  const script = '{ bin/tailrace schema; echo "ended with $?" >&2; } 2>&1 >&3 3>&- | cat'
  const out = execFileSync('bash', ['-c', `exec 3> >(head -c 10 > /dev/null); ${script}`], { encoding: 'utf8' })
  expect(out).toBe('ended with 0\n')
})

test('components lists the catalogue by kind', async () => {
  const { code, out } = await ended('components')
  expect(code).toBe(0)
  for (const line of [/^receivers$/m, /^ {2}statsd +Listens/m, /^exporters$/m, /^ {2}debug +Prints/m])
    expect(out).toMatch(line)
})

test('components NAME shows every option with type, default and description', async () => {
  const { code, out } = await ended('components', 'statsd')
  expect(code).toBe(0)
  expect(out).toMatch(/^receiver statsd \(beta\)$/m)
  expect(out).toMatch(/^ {4}endpoint \(.*default localhost:8125\)$/m)
  expect((await ended('components', 'receiver/statsd')).out).toBe(out)
  expect((await ended('components', 'debug')).out).toMatch(/delivery: none; order: kept; lost by a kill/)
})

test('components suggests the nearest name', async () => {
  const { code, err } = await ended('components', 'statds')
  expect(code).toBe(1)
  expect(err).toContain('did you mean "statsd"?')
})

test('schema prints a JSON Schema with every component', async () => {
  const { code, out } = await ended('schema')
  expect(code).toBe(0)
  const schema = JSON.parse(out)
  expect(schema.$schema).toContain('json-schema.org')
  const receivers = Object.keys(schema.properties.receivers.patternProperties)
  expect(receivers.some((pattern) => new RegExp(pattern).test('statsd/second'))).toBe(true)
})

test('components and schema know the plugins of a file', async () => {
  save(
    'plugin.mjs',
    `const { object, text, defineExporter } = await import(${JSON.stringify(resolve(import.meta.dirname, '../../src/plugin.ts'))})
export default defineExporter({
  type: 'pigeon', stability: 'beta', summary: 'Sends by pigeon.', takes: ['envelopes'],
  delivery: { semantics: 'none', order: 'kept', on_kill: 'the pigeon' },
  config: object({ loft: text().default('home').describe('Where it lives.') }), create() {},
})`,
  )
  // Beside a fault that has nothing to do with it.
  const file = save('plugin.yaml', 'service: {plugins: ["./plugin.mjs"], pipelines: 7}\nreceivers: {x: 1}\n')
  expect((await ended('components', '--config', file)).out).toMatch(/^ {2}pigeon +Sends by pigeon\.$/m)
  expect((await ended('components', 'pigeon', '--config', file)).out).toContain('loft (text, default home)')
  const { out } = await ended('schema', '--config', file)
  const { exporters } = JSON.parse(out).properties
  expect(Object.keys(exporters.patternProperties).some((pattern) => pattern.includes('pigeon'))).toBe(true)
  expect((await ended('components')).out).not.toContain('pigeon')
  const missing = save('no-plugin.yaml', 'service: {plugins: [./none.mjs]}\n')
  for (const command of ['components', 'schema']) {
    for (const [path, text] of [
      [missing, /no-plugin\.yaml:1:21 .*\n.*cannot load plugin ".\/none.mjs": Cannot find module '[^']*none.mjs'\n/],
      [join(dir, 'nowhere.yaml'), /nowhere\.yaml/],
    ] as const) {
      const { code, out, err } = await ended(command, '--config', path)
      expect([code, out]).toEqual([78, ''])
      expect(err).toMatch(text)
    }
  }
})

test('certs writes a CA and certificates that openssl verifies', async () => {
  const certs = join(dir, 'certs')
  const { code, out } = await ended('certs', certs, '--days', '2')
  expect(code).toBe(0)
  expect(out).toContain(certs)
  const names = readdirSync(certs).filter((name) => name.endsWith('.crt') && name !== 'ca.crt')
  expect(names.length).toBeGreaterThan(5)
  let version = ''
  try {
    version = execFileSync('openssl', ['version']).toString()
  } catch {
    console.warn('no openssl here: the certificates were not verified by a second program')
  }
  if (version === '') return
  const files = names.map((name) => join(certs, name))
  expect(() => execFileSync('openssl', ['verify', '-CAfile', join(certs, 'ca.crt'), ...files])).not.toThrow()
})

test('certs refuses a number of days that is none', async () => {
  const { code, err } = await ended('certs', join(dir, 'none'), '--days', 'x')
  expect(code).toBe(2)
  expect(err).toContain('--days takes a whole number')
})

const good = `receivers: {sample_app: {}}
exporters: {debug: {}}
service: {pipelines: {envelopes: {receivers: [sample_app], exporters: [debug]}}}
`

test('check says that a configuration is valid', async () => {
  expect(await ended('check', save('good.yaml', good))).toEqual({
    code: 0,
    out: 'the configuration is valid\n',
    err: '',
  })
})

test('check lists all problems at once with their places and ends with 78; run does the same', async () => {
  const file = save('bad.yaml', good.replace('sample_app: {}', 'sample_ap: {}, statsd: {endpoint: 8125}'))
  const { code, out, err } = await ended('check', file)
  expect([code, out]).toEqual([78, ''])
  expect(err).toContain(`${file}:1:`)
  expect(err).toContain('TR_CONFIG_COMPONENT')
  expect(err).toContain('write "127.0.0.1:8125"')
  expect(err).toMatch(/^\d problems$/m)
  expect((await ended('run', file)).code).toBe(78)
})

test('check finds the faults of service.telemetry, and run finds the same', async () => {
  const file = save(
    'telemetry.yaml',
    `receivers: {sample_app: {}}
exporters: {debug: {}}
service:
  pipelines: {envelopes: {receivers: [sample_app], exporters: [debug]}}
  telemetry:
    logs:
      processors:
        - batch: {exporter: {otlp: {endpoint: "http://127.0.0.1:4318", protocol: http/json}}}
    metrics:
      readers:
        - periodic: {exporter: {otlp: {endpoint: "http://127.0.0.1:4317", certificate: /does/not/exist}}}
`,
  )
  const [checked, ran] = await Promise.all([ended('check', file), ended('run', file)])
  expect([checked.code, ran.code]).toEqual([78, 78])
  expect(checked.err).toMatch(/telemetry\.yaml:8:\d+ .*\n +"http\/json" is not spoken here\n/)
  expect(checked.err).toMatch(/telemetry\.yaml:11:\d+ .*\n +certificate cannot be read: ENOENT/)
  expect(checked.err).toBe(`${ran.err}\n2 problems\n`)
})

test('check merges files and settings in order', async () => {
  const file = save('good.yaml', good)
  expect((await ended('check', file, '--set', 'receivers.sample_app.interval=1x')).code).toBe(78)
  const other = save('other.yaml', 'receivers: {sample_app: {interval: 5s}}\n')
  expect((await ended('check', file, '--config', other)).code).toBe(0)
})

test.each([[['frobnicate']], [['run', '--frob']], [['send', 'log']]])('%j is a wrong command line: 2', async (args) => {
  const { code, err } = await ended(...args)
  expect(code).toBe(2)
  expect(err).toContain('tailrace --help lists the commands')
})

test('send says when nobody is there', async () => {
  const { code, err } = await ended('send', 'log', 'hi', '--to', '127.0.0.1:1')
  expect(code).toBe(1)
  expect(err).toContain('could not send to 127.0.0.1:1')
  expect((await ended('send', 'gauge', 'cpu', 'much')).code).toBe(2)
})
