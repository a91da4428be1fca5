import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLibc } from '../../src/net/libc.ts'
import { newUnixDatagrams } from '../../src/net/unix-datagrams.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { root, runTailrace, tailrace } from '../repository/process.ts'
import { newFolder, writeFiles } from '../support/folder.ts'
import { readUnitFile, valuesOf } from '../support/unit-file.ts'

const folder = join(root, 'packaging', 'systemd')
const services = ['tailrace.service', 'tailrace@.service']
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0

/** A command of a unit as systemd would run it: with the instance `demo`, and a configuration that is there. */
function commandOf(text: string, configuration: string, pid = 0): string[] {
  const [program, ...args] = text.split(' ')
  expect(program).toBe('tailrace')
  return args.map((arg) =>
    arg
      .replace(/^\/etc\/tailrace\/(tailrace|%i)\.yaml$/, configuration)
      .replaceAll('%i', 'demo')
      .replace('$MAINPID', String(pid)),
  )
}

const configuration = (more = '') => `
receivers: {statsd: {endpoint: "127.0.0.1:0"}}
exporters: {nop: {}}
service:
  pipelines: {envelopes: {receivers: [statsd], exporters: [nop]}}
${more}`

test.skipIf(!openLibc()).each(services)(
  '%s: its commands start, reload and stop an agent that says so',
  async (name) => {
    const unit = readUnitFile(join(folder, name))
    const home = newFolder({ 'tailrace.yaml': configuration() })
    const file = join(home, 'tailrace.yaml')
    const told: string[] = []
    const path = join(home, 'notify')
    const manager = newUnixDatagrams({ path, log: silentLog, onPacket: (packet) => void told.push(packet.toString()) })
    manager.start()
    onTestFinished(() => manager.stop())
    const heard = (pattern: RegExp) => expect.poll(() => told.join('\n')).toMatch(pattern)

    const [start] = valuesOf(unit, 'Service', 'ExecStart')
    // WatchdogSec of the unit is too long for a test.
    const own = { ...process.env, RUNTIME_DIRECTORY: join(home, 'run') }
    const env = { ...own, NOTIFY_SOCKET: path, WATCHDOG_USEC: '400000' }
    // This process must go on reading meanwhile: such a socket holds ten messages.
    const status = (args: string[]) => runTailrace(args, { env: own }).done
    const agent = runTailrace(commandOf(start!, file), { env })
    onTestFinished(() => void agent.child.kill('SIGKILL'))
    await heard(/^READY=1\nSTATUS=running$/m)
    await heard(/^WATCHDOG=1$/m)

    const [check, reload] = valuesOf(unit, 'Service', 'ExecReload').map((text) =>
      commandOf(text, file, agent.child.pid),
    )
    expect(await status(check!)).toBe(0)
    writeFiles(home, { 'tailrace.yaml': configuration('# changed') })
    told.length = 0
    expect(await status(reload!)).toBe(0)
    await heard(/^RELOADING=1\nMONOTONIC_USEC=\d+[\s\S]*^READY=1$/m)

    writeFiles(home, { 'tailrace.yaml': configuration('nonsense: 1') })
    expect(await status(check!), 'the reload ends here').toBe(78)
    expect(valuesOf(unit, 'Service', 'RestartPreventExitStatus')).toEqual(['2 78'])
    expect(await status(reload!)).toBe(1)
    await heard(/^STATUS=running as before: the last reload failed, the log says why$/m)
    expect(await agent.end()).toBe(0)
    await heard(/^STOPPING=1$/m)
  },
)

test.each(services)('%s gives a stop more time than the agent takes', (name) => {
  const [seconds] = valuesOf(readUnitFile(join(folder, name)), 'Service', 'TimeoutStopSec')
  expect(Number(seconds)).toBeGreaterThan(2 * 4)
})

test('both services say the same but for the instance', () => {
  const text = (name: string) => readFileSync(join(folder, name), 'utf8').split('\n')
  const settings = (lines: string[]) =>
    lines
      .filter((line) => !line.startsWith('#') && !line.startsWith('Description='))
      .map((line) => line.replace('/%i.env', '/environment').replace('%i.yaml', 'tailrace.yaml').replace('/%i', ''))
  expect(settings(text('tailrace@.service'))).toEqual(settings(text('tailrace.service')))
})

test('the socket unit belongs to a service that is there', () => {
  const unit = readUnitFile(join(folder, 'tailrace-syslog.socket'))
  expect(valuesOf(unit, 'Socket', 'Service')).toEqual(['tailrace.service'])
  expect(valuesOf(unit, 'Socket', 'ListenDatagram')).toContain('/run/tailrace-syslog.sock')
})

test('README.md names every file', () => {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  for (const name of readdirSync(folder)) if (name !== 'README.md') expect(readme).toContain(`\`${name}\``)
})

/** The units with the command of this checkout, in a folder of their own. */
function installed(): string {
  const names = [...services, 'tailrace-syslog.socket']
  const texts = names.map((name) => readFileSync(join(folder, name), 'utf8').replaceAll('=tailrace ', `=${tailrace} `))
  const files = Object.fromEntries(names.map((name, i) => [name.replace('@', '@demo'), texts[i]!]))
  return newFolder(files)
}

test.skipIf(!hasAnalyze)('systemd finds no fault with the units', () => {
  const units = readdirSync(installed()).map((name) => `./${name}`)
  const home = installed()
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], { cwd: home })
  expect([String(stdout), String(stderr), status]).toEqual(['', '', 0])
})

test.skipIf(!hasAnalyze)('what the service may do is little: an exposure of 2.0 of 10 at most', () => {
  const home = installed()
  for (const name of ['tailrace.service', 'tailrace@demo.service']) {
    const args = ['security', '--offline=yes', '--threshold=20', '--no-pager', `./${name}`]
    expect(execFileSync('systemd-analyze', args, { cwd: home, encoding: 'utf8' })).toMatch(
      /exposure level .*: [01]\.\d/,
    )
  }
})
