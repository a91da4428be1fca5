import type { Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../../test/support/free-port.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { bindingCache, bindingsJson, cleanUp, exporter, logs, tcpDrain, until } from './test-kit.ts'

afterEach(cleanUp)

test('an aggregate drain that fails makes the exporter not ready, and is named without its secrets', async () => {
  const port = await freePort()
  const { made, account, metric } = await exporter({ aggregate_drains: [`syslog://127.0.0.1:${port}/p?x=secret`] })
  expect(made.ready!()).toBe(true)
  made.consume(logs('app', 'a'))
  await until(() => !made.ready!())
  expect(account.trouble!()).toMatchObject({ lasting: false })
  const { error } = account.trouble!()!
  expect(error).toContain(`syslog://127.0.0.1:${port}/p: `)
  expect(error).not.toContain('secret')
  expect(metric('active_drains')[0]!.value).toBe(1)
})

test('an aggregate drain that reads nothing stays in trouble however often it is connected to, until it reads', async () => {
  const drain = await tcpDrain({ onSocket: (socket) => void socket.pause() })
  const { made, account } = await exporter({
    aggregate_drains: [`syslog://127.0.0.1:${drain.port}`],
    write_timeout: '250ms',
    queue_size: 1000,
  })
  const text = 'x'.repeat(10_000)
  let isOver = false
  const load = (async () => {
    while (!isOver) {
      made.consume(logs('app', ...Array.from({ length: 20 }, () => text)))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  await until(() => !made.ready!())
  let sent = account.sent
  const { connections } = drain
  // What later connections take stands in buffers.
  await until(() => {
    expect(made.ready!()).toBe(false)
    return drain.connections > connections + 3 && account.sent > sent
  })
  expect(account.trouble!()!.error).toContain('the drain read nothing for')
  drain.server.prependListener('connection', (socket: Socket) => socket.on('pause', () => socket.resume()))
  for (const socket of drain.sockets) socket.resume()
  await until(() => made.ready!())
  sent = account.sent
  await until(() => account.sent > sent + 1000)
  expect(made.ready!()).toBe(true)
  isOver = true
  await load
})

test('one with little to read shows that it reads again by ending a connection when we do', async () => {
  let reads = false
  const drain = await tcpDrain({ onSocket: (socket) => void (reads || socket.pause()) })
  const clock = new ManualClock()
  const settings = { aggregate_refresh_interval: '1h', write_timeout: '50ms', queue_size: 100 }
  const aggregate_drains = [`syslog://127.0.0.1:${drain.port}`]
  const { made, account } = await exporter({ aggregate_drains, ...settings }, clock)
  const text = 'x'.repeat(10_000)
  await until(() => {
    made.consume(logs('app', ...Array.from({ length: 50 }, () => text)))
    return !made.ready!()
  })
  const [{ sent }, since] = [account, clock.monotonic()]
  reads = true
  drain.server.prependListener('connection', slowly)
  for (const socket of drain.sockets) slowly(socket)
  await until(() => {
    clock.advance(100)
    return made.ready!()
  })
  // Far less than buffers hold.
  expect(account.sent - sent).toBeLessThanOrEqual(100)
  expect(clock.monotonic() - since).toBeLessThan(1_000_000)
})

/** Reads some KiB, pauses for a moment, and so on. */
function slowly(socket: Socket): void {
  socket.on('data', () => {
    socket.pause()
    setTimeout(() => socket.resume(), 1)
  })
  socket.resume()
}

test('one of an application is its owner to mend', async () => {
  const [port, well] = [await freePort(), await tcpDrain()]
  const urls = bindingsJson({ [`syslog://127.0.0.1:${port}`]: ['a'], [`syslog://127.0.0.1:${well.port}`]: ['a'] })
  const cache = await bindingCache({ bindings: urls, aggregate: 'null\n' })
  const { made, account } = await exporter({ bindings: { ...cache.settings, polling_interval: '1m' } })
  made.consume(logs('a', 'line'))
  await until(() => well.messages.length === 1 && account.attempts + account.held() > 0)
  expect(made.ready!()).toBe(true)
})
