import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, runTailrace } from '../repository/process.ts'
import { freePorts } from '../support/free-port.ts'

/** The address that the banner shows for a component. */
const addressOf = (banner: string, id: string) =>
  new RegExp(`^ {4}${id} +(127\\.0\\.0\\.1:\\d+)`, 'm').exec(banner)![1]!

test('the demo takes what its banner says to send, twice at a time, and its ledger adds up', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-demo-'))
  const env = { ...process.env, TAILRACE_DEMO: dir, NO_COLOR: '1' }
  const [grpc, udp, statsd, metrics] = await freePorts(4)
  const places = {
    'receivers.loggregator': grpc,
    'receivers.dropsonde': udp,
    'receivers.statsd': statsd,
    'extensions.metrics_endpoint': metrics,
  }
  const set = Object.entries(places).flatMap(([key, port]) => ['--set', `${key}.endpoint=127.0.0.1:${port}`])
  const first = runTailrace(['run', 'config/demo.yaml', ...set], { env })
  await first.until(/Ctrl-C ends it/)
  const second = runTailrace(['run', 'config/demo.yaml', ...set], { env })
  await second.until(/Ctrl-C ends it/)
  expect(second.stderr()).toContain(`127.0.0.1:${grpc} is taken by another process: loggregator listens on`)

  const banner = second.stderr()
  const to = addressOf(banner, 'loggregator')
  expect(to).not.toBe(addressOf(first.stderr(), 'loggregator'))
  const command = /bin\/tailrace (send log .*)/.exec(banner)![1]!
  expect(command).toBe(`send log 'hello from me' --to ${to} --certs ${dir}`)
  const send = runTailrace(['send', 'log', 'hello from me', '--to', to, '--certs', dir], { cwd: root })
  expect(await send.done, send.stderr()).toBe(0)

  const [host, port] = addressOf(banner, 'statsd').split(':')
  const line = /echo '(.*)' > \/dev\/udp/.exec(banner)![1]!
  const socket = createSocket('udp4')
  await new Promise((resolve) => socket.send(`${line}\n`, Number(port), host, resolve))
  socket.close()

  const page = await fetch(`http://${addressOf(banner, 'metrics_endpoint')}/metrics`)
  expect(await page.text()).toContain('tailrace_receiver_records_total{id="loggregator",fate="offered"}')

  await second.until(/OUT hello from me/)
  await second.until(/COUNTER orders|GAUGE orders|orders:1/)
  expect(await second.end('SIGINT')).toBe(0)
  const ledger = second.stderr().split('What became of every record')[1]!
  expect(ledger).toMatch(/^ {4}loggregator +1$/m)
  expect(ledger).toMatch(/^ {4}statsd +1$/m)
  expect(ledger).toMatch(/^ {2}\d+ received.* = \d+ sent \+ 0 dropped: it adds up\.$/m)
  expect(await first.end('SIGINT')).toBe(0)
  rmSync(dir, { recursive: true, force: true })
})
