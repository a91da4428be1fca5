import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { root, runTailrace, tailrace } from '../repository/process.ts'
import { newFolder } from '../support/folder.ts'
import { type Role, startProcess } from '../support/role.ts'

const configuration = `
receivers:
  statsd: {endpoint: '127.0.0.1:0', mode: injector}
processors:
  filter/noise: {drop: ['name == "noise"']}
exporters:
  debug: {verbosity: basic}
service:
  pipelines:
    envelopes: {receivers: [statsd], processors: [filter/noise], exporters: [debug]}
`

interface Agent {
  readonly role: Role
  readonly env: Record<string, string>
  readonly file: string
  say(...lines: readonly string[]): void
}

async function startAgent(runtime = newFolder()): Promise<Agent> {
  const file = join(newFolder(), 'shop.yaml')
  writeFileSync(file, configuration)
  const role = startProcess(['run', file], { XDG_RUNTIME_DIR: runtime })
  const [, port] = await role.line(/statsd-injector listener at 127\.0\.0\.1:(\d+)/)
  await role.line(/^ready: everything is running/)
  const socket = createSocket('udp4')
  onTestFinished(() => void socket.close())
  const say = (...lines: readonly string[]) => {
    for (const line of lines) socket.send(line, Number(port), '127.0.0.1')
  }
  // Not XDG_RUNTIME_DIR: agents of other tests have their sockets in /run.
  return { role, env: { TAILRACE_ADMIN: join(runtime, 'tailrace') }, file, say }
}

const environment = (env: Record<string, string>) => ({ PATH: process.env.PATH ?? '', TZ: 'UTC', ...env })

/** Runs a command to its end. */
async function told({ env }: Pick<Agent, 'env'>, ...args: readonly string[]) {
  const run = runTailrace(args, { env: environment(env) })
  const code = await run.done
  return { code, out: run.stdout(), err: run.stderr() }
}

/** Asks until the answer says so. */
async function toldUntil(agent: Agent, args: readonly string[], enough: RegExp): Promise<string> {
  for (;;) {
    const { out } = await told(agent, ...args)
    if (enough.test(out)) return out
  }
}

test('status says what runs, why says what was lost, both as JSON too', async () => {
  const agent = await startAgent()
  agent.say('shop.requests:1|c', 'shop.noise:1|c', 'no metric, password=hunter2')
  const status = await toldUntil(agent, ['status'], /2 records lost since the start/)
  expect(status).toMatch(/^tailrace \S+ \(shop\), process \d+: ready since /)
  expect(status).toContain('envelopes  envelopes  statsd -> filter/noise -> debug')
  expect(status).toMatch(/receiver statsd +\S+ +\S+ +3 +2 +0 +1\n/)
  const why = (await told(agent, 'why')).out
  expect(why).toMatch(/^Lost since the agent started, .*: 2 records\.\n/)
  expect(why).toContain('receiver statsd: malformed, 1 record\n   the bytes were not a record of their protocol\n')
  expect(why).toContain('no metric, password=****')
  expect(why).toMatch(/processor filter\/noise \(envelopes\): rule, 1 record\n[\s\S]*GAUGE noise:/)
  const json = JSON.parse((await told(agent, 'why', '--json', '--component', 'receiver/statsd')).out)
  expect(json.losses.map(({ reason }: { reason: string }) => reason)).toEqual(['malformed'])
  expect(JSON.parse((await told(agent, 'status', '--json')).out).service.ready).toBe(true)
})

test('tap shows what passes until it is told to end', async () => {
  const agent = await startAgent()
  const run = runTailrace(['tap', 'filter/noise', '--grep', 'wanted'], { env: environment(agent.env) })
  await run.until(/watching what comes out of processor filter\/noise in envelopes; Ctrl-C ends/)
  agent.say('shop.noise:1|c', 'shop.other:1|c', 'shop.wanted:3|c')
  await run.until(/\[shop\/\] GAUGE wanted:3 counter/)
  expect(run.stdout()).not.toContain('other')
  expect(await run.end('SIGINT')).toBe(0)
  const unknown = await told(agent, 'tap', 'nothing')
  expect(unknown).toMatchObject({ code: 1, out: '' })
  expect(unknown.err).toContain('there is nothing to watch called "nothing"; there are ')
})

test('tap goes on through a reload that replaces what it watches', async () => {
  const agent = await startAgent()
  const run = runTailrace(['tap', 'filter/noise'], { env: environment(agent.env) })
  await run.until(/watching what comes out of processor filter/)
  agent.say('shop.before:1|c')
  await run.until(/GAUGE before:1/)
  writeFileSync(agent.file, configuration.replace('"noise"', '"silence"'))
  expect((await told(agent, 'reload')).out).toContain('changed: processor filter/noise')
  agent.say('shop.after:1|c')
  await run.until(/GAUGE after:1/)
  await run.end('SIGINT')
})

test('top prints a table once where nobody looks, and JSON for programs', async () => {
  const agent = await startAgent()
  const { out, code } = await told(agent, 'top', '--interval', '0.2')
  expect(code).toBe(0)
  expect(out).toMatch(/^tailrace shop, process \d+: ready, up /)
  expect(out).toMatch(
    /\ncomponent +in\/s +out\/s +lost\/s +lost +refused\/s +waiting +full +time +cpu\nreceiver statsd /,
  )
  const json = await told(agent, 'top', '--json', '-n', '2', '--interval', '0.2')
  expect(
    json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).rows.length),
  ).toEqual([3, 3])
})

test('top on a terminal is a screen of its own, sorted by keys, and gives the terminal back', async () => {
  const agent = await startAgent()
  const command = `stty rows 20 cols 90; exec ${tailrace} top --interval 0.2`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: root,
    env: { ...environment(agent.env), TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let screen = ''
  const seen = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!screen.includes(text)) return
        child.stdout.off('data', look)
        resolve()
      }
      child.stdout.on('data', look)
      look()
    })
  child.stdout.setEncoding('utf8').on('data', (text: string) => (screen += text))
  await seen('\u001b[?1049h')
  await seen('receiver statsd')
  child.stdin.write('l')
  await seen('sorted by lost')
  child.stdin.write('q')
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect(code).toBe(0)
  expect(screen.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true)
})

test('several agents of one user: each has a socket, status lists them, others want to know which', async () => {
  const runtime = newFolder()
  const [one, two] = await Promise.all([startAgent(runtime), startAgent(runtime)])
  expect(readdirSync(join(runtime, 'tailrace')).toSorted()).toEqual(
    [one, two].map(({ role }) => `shop.${role.pid}.sock`).toSorted(),
  )
  const { out } = await told(one, 'status')
  expect(out).toContain('2 agents run')
  for (const { role } of [one, two]) expect(out).toMatch(new RegExp(`\\n +${role.pid}  shop  ready `))
  const which = await told(one, 'why')
  expect(which.err).toContain('several agents run: choose one with --pid: ')
  expect((await told(one, 'why', '--pid', String(two.role.pid))).code).toBe(0)
  await two.role.stop()
  expect(readdirSync(join(runtime, 'tailrace'))).toEqual([`shop.${one.role.pid}.sock`])
})

test('reload says what came of it, and why not', async () => {
  const agent = await startAgent()
  expect((await told(agent, 'reload')).out).toContain(`process ${agent.role.pid}: nothing has changed`)
  writeFileSync(agent.file, configuration.replace('"noise"', '"silence"'))
  const changed = await told(agent, 'reload')
  expect(changed.out).toMatch(/: reloaded in \d+ ms, \d+ parts kept\n {2}changed: processor filter\/noise/)
  writeFileSync(agent.file, configuration.replace('statsd]', 'absent]'))
  const refused = await told(agent, 'reload')
  expect(refused.code).toBe(1)
  expect(refused.err).toContain('goes on as it was')
  expect(refused.err).toContain('absent')
})

test.each<[string[], RegExp]>([
  [['top', '--interval', '0.01'], /--interval is a number from 0.2 to 60, not "0.01"/],
  [['top', '-n', 'x'], /--times is a number from 1 /],
  [['tap', 'statsd', '--rate', '5000'], /--rate is a number from 1 to 1000/],
  [['top', '--sort', 'size'], /Allowed choices are way, name/],
])('%j is a wrong command line', async (args, sentence) => {
  const { code, err } = await told({ env: {} }, ...args)
  expect([code, err]).toEqual([2, expect.stringMatching(sentence)])
})

test.each<[string, string[], string]>([
  ['a port without TLS', ['--admin', 'http://127.0.0.1:1'], 'the port of an agent is asked by https'],
  ['no such socket', ['--admin', '/nowhere/x.sock'], '/nowhere/x.sock: there is no such socket'],
  ['nobody runs', ['--admin', root], 'no running agent was found in '],
  ['a port without being known', ['--admin', 'https://127.0.0.1:1'], 'say who you are with --ca, --cert and --key'],
])('%s: a sentence', async (_, args, sentence) => {
  const { code, err } = await told({ env: {} }, 'status', ...args)
  expect(code).toBe(1)
  expect(err).toContain(sentence)
})
